export interface Waker {
  /** Resolves after `milliseconds`, or at once when nudged or stopped. */
  wait(milliseconds: number): Promise<void>;
  nudge(): void;
}

/** A sleep that can be cut short, from inside by `nudge` and from outside by the signal. */
export function createWaker(signal: AbortSignal): Waker {
  let wake: (() => void) | null = null;
  let nudged = false;
  const nudge = () => {
    nudged = true;
    wake?.();
  };
  signal.addEventListener("abort", nudge);
  return {
    nudge,
    wait(milliseconds) {
      if (nudged || signal.aborted) {
        nudged = false;
        return Promise.resolve();
      }
      return new Promise((resolve) => {
        const timer = setTimeout(() => wake?.(), milliseconds);
        wake = () => {
          clearTimeout(timer);
          wake = null;
          nudged = false;
          resolve();
        };
      });
    },
  };
}
