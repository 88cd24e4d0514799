/** For how long an answer is kept. */
export interface MemoTimes {
  /** After this it is fetched again by whoever asks next, who does not wait for it ... */
  readonly refreshMilliseconds: number;
  /** ... unless the answer at hand is as old as this. */
  readonly mostMilliseconds: number;
}

/** Keeps an answer for a while; those who ask while it is being fetched share it. An error is not kept. */
export function memo<T>(times: MemoTimes, fetch: () => Promise<T>, now: () => number = Date.now): () => Promise<T> {
  let kept: { readonly value: Promise<T>; readonly atMilliseconds: number } | null = null;
  let running: Promise<T> | null = null;
  const start = (): Promise<T> => {
    const asked = now();
    const value = fetch();
    running = value;
    value.then(
      () => {
        kept = { value, atMilliseconds: asked };
        running = null;
      },
      () => {
        running = null;
      },
    );
    return value;
  };
  return () => {
    const age = kept === null ? Number.POSITIVE_INFINITY : now() - kept.atMilliseconds;
    const fresh = age < times.refreshMilliseconds ? null : (running ?? start());
    return kept !== null && age < times.mostMilliseconds ? kept.value : (fresh as Promise<T>);
  };
}

/** Rejects with `late()` when `work` takes longer. */
export function within<T>(milliseconds: number, work: Promise<T>, late: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(late()), milliseconds);
  });
  return Promise.race([work, limit]).finally(() => clearTimeout(timer));
}
