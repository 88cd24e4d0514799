import type { Journal } from "../journal.ts";
import type { Secrets } from "../log/secrets.ts";
import type { Metrics } from "./metrics.ts";

type Write = {
  [K in keyof Journal]: Journal[K] extends (...parameters: never[]) => unknown ? K : never;
}[keyof Journal];
const WRITES = [
  "together",
  "togetherSoon",
  "recordDecision",
  "recordProposal",
  "advance",
  "recordMeasured",
  "rest",
] as const;

/**
 * The journal with its writes timed, and without secrets in the details of steps, which quote errors. A write inside of
 * another one counts once, as part of the outer one, which is what waits for the disk.
 */
export function watchedJournal(journal: Journal, metrics: Metrics, secrets: Pick<Secrets, "redact">): Journal {
  const { facts, instruments } = metrics;
  let inside = false;
  const timed = <Parameters extends unknown[], Result>(write: (...parameters: Parameters) => Result) =>
    function timedWrite(...parameters: Parameters): Result {
      if (inside) return write(...parameters);
      inside = true;
      const start = performance.now();
      try {
        return write(...parameters);
      } finally {
        inside = false;
        const seconds = (performance.now() - start) / 1_000;
        instruments.journalWrite.observe(seconds);
        if (seconds > facts.slowestWriteSeconds) facts.slowestWriteSeconds = seconds;
      }
    };
  const watched: Record<string, unknown> = { ...journal };
  for (const name of WRITES satisfies readonly Write[]) {
    watched[name] = timed(journal[name] as (...parameters: unknown[]) => unknown);
  }
  const advance = timed(journal.advance);
  const clean: Journal["advance"] = (digest, status, detail, options) =>
    advance(digest, status, detail === undefined ? undefined : secrets.redact(detail), options);
  return { ...(watched as unknown as Journal), advance: clean };
}
