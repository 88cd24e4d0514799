/** Where progress goes: standard error, so that answers stay clean. */
export interface ProgressSink {
  readonly isTTY: boolean;
  write(text: string): void;
}

export interface ProgressBar {
  /** `done` of `total`, with a few words on what is there. */
  at(done: number, total: number, words: string): void;
  /** A line of its own. */
  note(text: string): void;
  /** Takes the bar away. */
  end(): void;
}

const REDRAW_MS = 200;
const LINE_MS = 2_000;
const BAR = 24;

export interface CreateProgressBarParameters {
  readonly sink: ProgressSink;
  readonly quiet: boolean;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
}

/** A bar with the time left on a terminal; elsewhere a line every two seconds. Nothing before two seconds have passed. */
export function createProgressBar({ sink, quiet, now }: CreateProgressBarParameters): ProgressBar {
  const began = now();
  let shownAt = Number.NEGATIVE_INFINITY;
  let drawn = false;
  const clear = (): void => {
    if (drawn) sink.write("\r\x1b[K");
    drawn = false;
  };
  return {
    at(done, total, words) {
      if (quiet || now() - shownAt < (sink.isTTY ? REDRAW_MS : LINE_MS)) return;
      if (now() - began < LINE_MS) return;
      shownAt = now();
      const part = total > 0 ? Math.min(1, done / total) : 0;
      const left = part > 0 ? timeLeft(((now() - began) / part) * (1 - part)) : "";
      const percent = `${(part * 100).toFixed(0).padStart(3)} %`;
      if (!sink.isTTY) {
        sink.write(`${percent}  ${words}${left && `, ${left} left`}\n`);
        return;
      }
      const filled = Math.round(part * BAR);
      const line = `${"█".repeat(filled)}${"░".repeat(BAR - filled)} ${percent}  ${words}${left && `, ${left} left`}`;
      sink.write(`\r\x1b[K${line.slice(0, 79)}`);
      drawn = true;
    },
    note(text) {
      if (quiet) return;
      clear();
      sink.write(`${text}\n`);
    },
    end: clear,
  };
}

/** Milliseconds as a person says them. */
export function timeLeft(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 1000));
  if (seconds < 90) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** The bar of a command. */
export const commandProgress = (json: boolean | undefined): ProgressBar =>
  createProgressBar({
    sink: { isTTY: process.stderr.isTTY === true, write: (text) => process.stderr.write(text) },
    quiet: json === true,
    now: () => performance.now(),
  });
