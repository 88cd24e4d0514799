import colour from "picocolors";
import type { Decision } from "../../../ml/types.ts";
import type { Snapshot } from "./recorder.ts";
import { figure, stamp } from "./report/console.ts";

export interface Progress {
  /** A stage of the run begins. */
  step(text: string): void;
  /** Something worth a line of its own. */
  note(text: string): void;
  /** What an hour's evaluation came to. Quiet hours share a line every six. */
  evaluation(snapshot: Snapshot, decision: Decision | null, state: string): void;
}

export interface ProgressParameters {
  readonly quiet: boolean;
  readonly write: (text: string) => void;
  /** Milliseconds since the run began. */
  readonly elapsed: () => number;
}

const QUIET_SECONDS = 6 * 3600;

/** Progress as lines: time of the market, price, range, what was decided, fees and NAV follow in the report. */
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
    evaluation(snapshot, decision, state) {
      const moved = state === "sent" || state === "confirmed" || state === "refused";
      if (!moved && snapshot.at - shownAt < QUIET_SECONDS) return;
      shownAt = snapshot.at;
      if (!header) {
        header = true;
        say(
          colour.dim(
            `${"market time".padEnd(17)}${"price".padStart(10)}  ${"range".padEnd(21)}${"NAV".padStart(11)}  decision`,
          ),
        );
      }
      const range = snapshot.lower === null ? "idle" : `${figure(snapshot.lower)}–${figure(snapshot.upper ?? 0)}`;
      const what = decision ? `${decision.action} (${decision.reasonKey})` : state;
      const shade = state === "refused" ? colour.red : moved ? colour.green : (text: string) => text;
      say(
        `${stamp(snapshot.at).padEnd(17)}${figure(snapshot.price).padStart(10)}  ${range.padEnd(21)}${figure(snapshot.nav).padStart(11)}  ${shade(what)}`,
      );
      if (moved && decision) say(colour.dim(`    ${decision.reason}`));
    },
  };
}
