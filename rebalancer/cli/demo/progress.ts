import colour from "picocolors";
import type { Decision } from "../../../ml/types.ts";
import { figure, stamp } from "../figures.ts";
import type { Snapshot } from "./recorder.ts";

export interface Progress {
  /** A stage of the run begins. */
  step(text: string): void;
  /** Something worth a line of its own. */
  note(text: string): void;
  /** What an hour's evaluation came to. Quiet hours share a line every six. */
  evaluation(snapshot: Snapshot, fees: number, decision: Decision | null, state: string): void;
}

export interface ProgressParameters {
  readonly quiet: boolean;
  readonly write: (text: string) => void;
  /** Milliseconds since the run began. */
  readonly elapsed: () => number;
}

const QUIET_SECONDS = 6 * 3600;

/** Progress as lines of at most 80 columns: market time, price, range, NAV, fees so far, what was decided. */
export function createProgress({ quiet, write, elapsed }: ProgressParameters): Progress {
  let shownAt = 0;
  let header = false;
  const say = (text: string) => {
    if (!quiet) write(`${text}\n`);
  };
  const clock = () => colour.dim(`${(elapsed() / 1000).toFixed(1).padStart(6)} s`);
  return {
    step: (text) => say(`${clock()}  ${text}`),
    note: (text) => say(`${clock()}  ${colour.yellow(text)}`),
    evaluation(snapshot, fees, decision, state) {
      const moved = state === "sent" || state === "confirmed" || state === "refused";
      if (!moved && snapshot.at - shownAt < QUIET_SECONDS) return;
      shownAt = snapshot.at;
      if (!header) {
        header = true;
        say(
          colour.dim(
            `${"time".padEnd(12)}${"price".padStart(8)}  ${"range".padEnd(15)}${"NAV".padStart(10)}${"fees".padStart(9)}  decision`,
          ),
        );
      }
      const range = snapshot.lower === null ? "idle" : `${figure(snapshot.lower)}–${figure(snapshot.upper ?? 0)}`;
      const what = decision ? `${decision.action} (${decision.reasonKey})` : state;
      const shade = state === "refused" ? colour.red : moved ? colour.green : (text: string) => text;
      say(
        `${stamp(snapshot.at).slice(5).padEnd(12)}${figure(snapshot.price).padStart(8)}  ${range.padEnd(15)}${figure(snapshot.nav).padStart(10)}${figure(fees).padStart(9)}  ${shade(what)}`,
      );
      if (moved && decision) say(colour.dim(`    ${decision.reason}`));
    },
  };
}
