import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { BacktestMarket } from "../../../ml/backtest/market.ts";
import type { RunResult } from "../../../ml/backtest/types.ts";
import { BaseError, InvalidInputError } from "../../../ml/errors.ts";
import { createRunner, type Job, type Workplace } from "./job.ts";

export interface ToThread {
  readonly index: number;
  readonly job: Job;
}

export type FromThread =
  | { readonly kind: "ready" }
  | { readonly kind: "progress"; readonly index: number; readonly done: number }
  | { readonly kind: "result"; readonly index: number; readonly result: RunResult }
  | { readonly kind: "failed"; readonly index: number; readonly name: string; readonly message: string };

/** A run of a sweep failed; names it. */
export class BacktestRunError extends BaseError {
  override name = "BacktestRunError";
}

export interface RunJobsParameters {
  readonly place: Workplace;
  /** Already open, for runs in this thread. */
  readonly market: BacktestMarket;
  readonly jobs: readonly Job[];
  /** Most worker threads; 1 = this thread only. */
  readonly threads?: number;
  /** Part of all jobs that is done, 0..1. */
  readonly onProgress: (done: number) => void;
}

/** Fewer jobs than this are not worth a thread's start. */
const FEW_JOBS = 4;

/** Runs jobs on all cores; results are in the order of the jobs, whichever came first. */
export async function runJobs(parameters: RunJobsParameters): Promise<RunResult[]> {
  const { jobs, onProgress, threads = availableParallelism() } = parameters;
  const parts = jobs.map(() => 0);
  const progress = (index: number, done: number) => {
    parts[index] = done;
    onProgress(parts.reduce((sum, part) => sum + part, 0) / Math.max(1, jobs.length));
  };
  if (threads === 1 || jobs.length < FEW_JOBS) {
    const run = createRunner(parameters.market, parameters.place);
    const results: RunResult[] = [];
    for (const [index, job] of jobs.entries()) {
      results.push(await run(job, (done) => progress(index, done)));
      progress(index, 1);
    }
    return results;
  }
  return runInThreads(parameters, Math.min(threads, jobs.length), progress);
}

function runInThreads(
  { place, jobs }: RunJobsParameters,
  threads: number,
  progress: (index: number, done: number) => void,
): Promise<RunResult[]> {
  const results: RunResult[] = new Array(jobs.length);
  let [next, finished] = [0, 0];
  return new Promise((resolve, reject) => {
    const workers = Array.from(
      { length: threads },
      () => new Worker(new URL("./thread.mjs", import.meta.url), { workerData: place }),
    );
    const end = (settle: () => void) => {
      for (const worker of workers) void worker.terminate();
      settle();
    };
    for (const worker of workers) {
      const give = () => {
        const index = next++;
        const job = jobs[index];
        if (job !== undefined) worker.postMessage({ index, job } satisfies ToThread);
      };
      worker.on("error", (cause) => end(() => reject(cause)));
      worker.on("message", (message: FromThread) => {
        if (message.kind === "ready") return give();
        if (message.kind === "progress") return progress(message.index, message.done);
        if (message.kind === "failed") return end(() => reject(failure(jobs[message.index], message)));
        results[message.index] = message.result;
        progress(message.index, 1);
        finished++;
        if (finished === jobs.length) end(() => resolve(results));
        else give();
      });
    }
  });
}

/** A class does not survive the way between threads: what the user may have caused keeps its exit status. */
function failure(job: Job | undefined, { name, message }: Extract<FromThread, { kind: "failed" }>): BaseError {
  const text = `${job === undefined ? "a run" : nameOf(job)}: ${message}`;
  return name === "InvalidInputError" || name === "LookAheadError"
    ? new InvalidInputError(text)
    : new BacktestRunError(text);
}

const nameOf = ({ policy, settings }: Job): string => {
  const id = policy.kind === "models" ? policy.set : policy.kind === "baseline" ? policy.id : policy.family;
  return `${id} with capital ${settings.capital} and latency ${settings.latencyBlocks}`;
};
