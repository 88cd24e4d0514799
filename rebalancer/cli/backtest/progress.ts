/** Tells how far a command is and how long it will take, once it has taken two seconds. */
export interface Progress {
  /** Part of a stage that is done, 0..1. */
  at(stage: string, done: number): void;
  end(): void;
}

export interface ProgressParameters {
  readonly quiet: boolean;
  /** Milliseconds, from any moment on. */
  readonly now: () => number;
  readonly write: (text: string) => void;
  /** One line that is written over; else a line every ten seconds. */
  readonly terminal: boolean;
}

const SILENT_MS = 2_000;

export function createProgress({ quiet, now, write, terminal }: ProgressParameters): Progress {
  let started = now();
  let stage = "";
  let shownAt = Number.NEGATIVE_INFINITY;
  let open = false;
  const everyMs = terminal ? 200 : 10_000;
  return {
    at(name, done) {
      const time = now();
      if (name !== stage) [stage, started, shownAt] = [name, time, Number.NEGATIVE_INFINITY];
      const spent = time - started;
      if (quiet || spent < SILENT_MS || time - shownAt < everyMs || done <= 0 || done >= 1) return;
      shownAt = time;
      const left = Math.ceil((spent / done) * (1 - done) * 1e-3);
      const clock = left < 90 ? `${left} s` : `${Math.ceil(left / 60)} min`;
      const text = `${name}: ${(100 * done).toFixed(0)} %, about ${clock} left`;
      write(terminal ? `\r${text.padEnd(60)}` : `${text}\n`);
      open = terminal;
    },
    end() {
      if (open) write(`\r${" ".repeat(60)}\r`);
      open = false;
    },
  };
}

/** Progress on standard error of this process. */
export const terminalProgress = (quiet = false): Progress =>
  createProgress({
    quiet,
    now: () => performance.now(),
    write: (text) => process.stderr.write(text),
    terminal: process.stderr.isTTY === true,
  });
