/** Keeps an answer for a while; those who ask while it is being fetched share it. An error is not kept. */
export function memo<T>(milliseconds: number, fetch: () => Promise<T>, now: () => number = Date.now): () => Promise<T> {
  let kept: { readonly value: Promise<T>; atMilliseconds: number } | null = null;
  return () => {
    if (kept !== null && now() - kept.atMilliseconds < milliseconds) return kept.value;
    const fresh = { value: fetch(), atMilliseconds: Number.POSITIVE_INFINITY };
    kept = fresh;
    fresh.value.then(
      () => {
        fresh.atMilliseconds = now();
      },
      () => {
        if (kept === fresh) kept = null;
      },
    );
    return fresh.value;
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
