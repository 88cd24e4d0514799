import { Worker } from "node:worker_threads";
import type { LoadOptions } from "../../ml/models/index.ts";
import type { Decision } from "../../ml/types.ts";
import { explain } from "../errors.ts";
import type { FromChallenger, Learned, ToChallenger } from "./messages.ts";

/** What one challenger said to one decision: a decision of its own, or why there is none. */
export type Answer =
  | { readonly id: string; readonly decision: Decision; readonly error: null }
  | { readonly id: string; readonly decision: null; readonly error: string };

export interface ChallengerParameters {
  readonly modelSet: string;
  /** Where it is looked up. */
  readonly lookup?: LoadOptions;
  /** Told once per decision offered, in no order. */
  readonly onAnswer: (answer: Answer) => void;
  /** What it knows of its own errors when a batch's turn comes: the one before may have taught it. */
  readonly knownFor: (batch: Offered) => ToChallenger["calibrations"];
  /** Told when it has been through days that are over. */
  readonly onLearned: (batch: Offered, learned: Learned) => void;
  /** A batch that takes longer is given up, with its thread. */
  readonly patienceMilliseconds?: number;
  /** How long closing waits for what is under way. */
  readonly closingMilliseconds?: number;
  /** Batches that may wait; one more and the oldest is dropped. */
  readonly mostWaiting?: number;
  /** The program of the thread. */
  readonly program?: URL;
}

/** What is handed over: what it has learned itself is added when its turn comes. */
export type Offered = Omit<ToChallenger, "batch" | "calibrations">;

/** A model set that answers in a thread of its own, where it can neither slow nor break what the worker does. */
export interface Challenger {
  /** Returns at once. */
  offer(batch: Offered): void;
  /** Waits a little for what is under way and ends the thread; what is not answered then stays unanswered. */
  close(): Promise<void>;
}

/** The batch that is being answered, and what of it is still open. */
interface UnderWay {
  readonly batch: number;
  readonly offered: Offered;
  readonly open: Set<string>;
  readonly timer: NodeJS.Timeout;
}

const PATIENCE_MILLISECONDS = 30_000;
const CLOSING_MILLISECONDS = 5_000;
const MOST_WAITING = 200;
const PROGRAM = new URL("./thread.mjs", import.meta.url);

export function startChallenger(parameters: ChallengerParameters): Challenger {
  const { modelSet, lookup = {}, onAnswer, knownFor, onLearned, program = PROGRAM } = parameters;
  const { patienceMilliseconds = PATIENCE_MILLISECONDS, mostWaiting = MOST_WAITING } = parameters;
  const { closingMilliseconds = CLOSING_MILLISECONDS } = parameters;
  const waiting: (Offered & { readonly batch: number })[] = [];
  let [batches, closing] = [0, false];
  let thread: Worker | null = null;
  let current: UnderWay | null = null;
  let idle: (() => void) | null = null;

  function next(): void {
    if (current !== null) return;
    const batch = waiting.shift();
    if (batch === undefined) return void idle?.();
    const timer = setTimeout(() => giveUp(`no answer in ${patienceMilliseconds / 1000} s`), patienceMilliseconds);
    current = { batch: batch.batch, offered: batch, open: new Set(batch.cases.map(({ id }) => id)), timer };
    try {
      thread ??= start();
      thread.postMessage({ ...batch, calibrations: knownFor(batch) } satisfies ToChallenger);
    } catch (error) {
      giveUp(explain(error));
    }
  }

  function start(): Worker {
    const worker = new Worker(program, { workerData: { modelSet, lookup } });
    worker.unref();
    worker.on("message", (message: FromChallenger) => {
      if (current === null || message.batch !== current.batch) return;
      if (message.kind === "learned") return onLearned(current.offered, message);
      if (message.kind === "done") return finish("gave no answer");
      if (!current.open.delete(message.id)) return;
      if (message.kind === "failed") onAnswer({ id: message.id, decision: null, error: message.reason });
      else onAnswer({ id: message.id, decision: message.decision, error: null });
    });
    const broken = (reason: string) => {
      if (thread === worker) giveUp(reason);
    };
    worker.on("error", (error) => broken(explain(error)));
    worker.on("exit", (code) => broken(`its thread ended with ${code}`));
    return worker;
  }

  /** The batch is over; what was not answered in it failed for this reason. */
  function finish(reason: string): void {
    if (current === null) return;
    const { open, timer } = current;
    clearTimeout(timer);
    current = null;
    for (const id of open) onAnswer({ id, decision: null, error: reason });
    next();
  }

  function giveUp(reason: string): void {
    const broken = thread;
    thread = null;
    void broken?.terminate();
    finish(reason);
  }

  return {
    offer(batch) {
      if (closing || batch.cases.length === 0) return;
      waiting.push({ ...batch, batch: ++batches });
      for (const dropped of waiting.splice(0, Math.max(0, waiting.length - mostWaiting))) {
        for (const { id } of dropped.cases) onAnswer({ id, decision: null, error: "skipped: too many decisions wait" });
      }
      next();
    },
    async close() {
      closing = true;
      if (current !== null) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, closingMilliseconds);
          idle = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      if (current !== null) clearTimeout(current.timer);
      const last = thread;
      thread = null;
      await last?.terminate();
    },
  };
}
