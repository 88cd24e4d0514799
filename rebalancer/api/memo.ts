/** For how long an answer is kept, from when it was asked for. */
export interface MemoTimes {
  /** After this it is fetched again by whoever asks next, who does not wait for it ... */
  readonly refreshMilliseconds: number;
  /** ... unless the answer at hand is as old as this by then. */
  readonly mostMilliseconds: number;
  /** Where it was fetched again in time and that takes long, the one at hand is given up to this age. */
  readonly lateMilliseconds: number;
}

interface Running<T> {
  readonly value: Promise<T>;
  readonly inTime: boolean;
}

/** Keeps an answer for a while; those who ask while it is being fetched share it. An error is not kept. */
export function memo<T>(times: MemoTimes, fetch: () => Promise<T>, now: () => number = Date.now): () => Promise<T> {
  let kept: { readonly value: Promise<T>; readonly atMilliseconds: number } | null = null;
  let running: Running<T> | null = null;
  const start = (inTime: boolean): Running<T> => {
    const atMilliseconds = now();
    const fresh = { value: fetch(), inTime };
    running = fresh;
    fresh.value.then(
      () => {
        kept = { value: fresh.value, atMilliseconds };
        running = null;
      },
      () => {
        running = null;
      },
    );
    return fresh;
  };
  return () => {
    const age = kept === null ? Number.POSITIVE_INFINITY : now() - kept.atMilliseconds;
    if (kept !== null && age < times.refreshMilliseconds) return kept.value;
    const fresh = running ?? start(age < times.mostMilliseconds);
    return kept !== null && fresh.inTime && age < times.lateMilliseconds ? kept.value : fresh.value;
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
