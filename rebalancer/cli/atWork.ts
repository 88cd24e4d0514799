import { Worker } from "node:worker_threads";
import type { Command } from "commander";

/** Verbs that say themselves how far they are, or that run until they are stopped. */
export const TELLS_ITSELF: ReadonlySet<string> = new Set([
  ...["demo", "worker start", "shadow start", "api start", "logs"],
  ...["backtest", "backtest placebo", "backtest check", "backtest accuracy", "backtest edge", "backtest walk-forward"],
  ...["data fetch", "data import", "data verify", "data bars", "dataset build"],
  ...["calibration", "doctor", "parity", "rebalance", "report", "score", "status"],
]);

const FIRST_MILLISECONDS = 2_000;
const NEXT_MILLISECONDS = 5_000;

/** A thread of its own: it goes on while the verb computes and hears of nothing. */
const THREAD = `
const { workerData } = require("node:worker_threads");
const { writeSync } = require("node:fs");
const say = () => {
  try {
    writeSync(2, workerData.verb + ": at work (" + Math.round((Date.now() - workerData.began) / 1000) + " s) ...\\n");
  } catch {
    // nobody reads it now
  }
  setTimeout(say, workerData.next);
};
setTimeout(say, workerData.began + workerData.first - Date.now());
`;

/** The path of a verb, as in "queue ls". */
export function pathOf(command: Command): string {
  return command.parent === null ? "" : `${pathOf(command.parent)} ${command.name()}`.trim();
}

/** Says on standard error, from two seconds on, that a verb is at work, unless it tells itself or answers in JSON. */
export function tellWhenSlow(program: Command): void {
  let thread: Worker | null = null;
  program.hook("preAction", (_program, action) => {
    const verb = pathOf(action);
    if (TELLS_ITSELF.has(verb) || action.opts().json === true) return;
    const workerData = { verb, began: Date.now(), first: FIRST_MILLISECONDS, next: NEXT_MILLISECONDS };
    thread = new Worker(THREAD, { eval: true, workerData, execArgv: [] });
    thread.unref();
  });
  program.hook("postAction", async () => {
    await thread?.terminate();
    thread = null;
  });
}
