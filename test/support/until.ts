/** The first answer of `probe` that is not null; throws what it last said after `timeoutMilliseconds`. */
export async function until<T>(probe: () => Promise<T | null> | T | null, timeoutMilliseconds = 30_000): Promise<T> {
  const end = Date.now() + timeoutMilliseconds;
  for (;;) {
    const found = await probe();
    if (found !== null) return found;
    if (Date.now() > end) throw new Error(`not within ${timeoutMilliseconds} ms: ${probe}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
