/** One line on standard error, rewritten in place on a terminal: how far a long command is and how long it will take. */
export interface Progress {
  at(done: number, text: string): void;
  end(): void;
}

const clock = (seconds: number) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

export function createProgress(total: number, quiet: boolean): Progress {
  const start = performance.now();
  const { isTTY } = process.stderr;
  let shown = -Infinity;
  return {
    at(done, text) {
      const elapsed = (performance.now() - start) / 1000;
      if (quiet || elapsed - shown < (isTTY ? 0.5 : 10)) return;
      shown = elapsed;
      const left = done > 0 ? `, ${clock((elapsed / done) * (total - done))} left` : "";
      const line = `${done.toLocaleString("en-US")} of ${total.toLocaleString("en-US")} ${text}${left}`;
      process.stderr.write(isTTY ? `\r${line.padEnd(79)}` : `${line}\n`);
    },
    end() {
      if (!quiet && isTTY) process.stderr.write(`\r${"".padEnd(79)}\r`);
    },
  };
}
