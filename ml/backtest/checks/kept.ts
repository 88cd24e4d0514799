/** Keeps what each market of a check came to, by name, so that a stopped check goes on; values are JSON. */
export interface Kept {
  recall<T>(name: string): T | null;
  keep(name: string, value: unknown): void;
}

const NOWHERE: Kept = { recall: () => null, keep: () => {} };

/** What is kept under a name, or else is worked out now and kept. */
export async function keptOr<T>(kept: Kept | undefined, name: string, work: () => Promise<T>): Promise<T> {
  const place = kept ?? NOWHERE;
  const known = place.recall<T>(name);
  if (known !== null) return known;
  const found = await work();
  place.keep(name, found);
  return found;
}
