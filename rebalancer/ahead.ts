/**
 * What was begun before the job that needs it has come through the queue: reads and simulations, which change nothing.
 * Only in memory; a job that finds nothing here does the work itself, so nothing but time depends on it.
 */
export interface Ahead<T> {
  /** Keeps a value for a moment, in place of what was kept under this key. */
  keep(key: string, value: T): void;
  /** What was kept under a key, for the first who asks in time; else null. */
  take(key: string): T | null;
}

/** The chain goes on: what is older was read at a head that may no longer be the newest. */
const GOOD_FOR_MILLISECONDS = 1_000;
/** More than all jobs of a block that run at the same time. */
const MOST_KEPT = 16;

/** Nothing kept yet; `now` is a clock in milliseconds that never goes back. */
export function createAhead<T>(now: () => number = () => performance.now()): Ahead<T> {
  const kept = new Map<string, { readonly value: T; readonly at: number }>();
  return {
    keep(key, value) {
      kept.delete(key);
      kept.set(key, { value, at: now() });
      for (const oldest of kept.keys()) {
        if (kept.size <= MOST_KEPT) break;
        kept.delete(oldest);
      }
    },
    take(key) {
      const found = kept.get(key);
      kept.delete(key);
      return found !== undefined && now() - found.at <= GOOD_FOR_MILLISECONDS ? found.value : null;
    },
  };
}

/** A promise that may never be taken: its failure is told to whoever takes it, and to nobody else. */
export function begun<T>(work: Promise<T>): Promise<T> {
  work.catch(() => undefined);
  return work;
}
