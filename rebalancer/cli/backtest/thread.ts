import { parentPort, workerData } from "node:worker_threads";
import { explain } from "../../errors.ts";
import { createRunner, type Job, openWorkplace, type Workplace } from "./job.ts";
import type { FromThread, ToThread } from "./threads.ts";

const place = workerData as Workplace;
const port = parentPort;
if (port === null) throw new Error("thread.ts must run as a worker thread");
const tell = (message: FromThread) => port.postMessage(message);

const run = createRunner(openWorkplace(place), place);
tell({ kind: "ready" });
port.on("message", async ({ index, job }: ToThread) => {
  try {
    const result = await run(job satisfies Job, (done) => tell({ kind: "progress", index, done }));
    tell({ kind: "result", index, result });
  } catch (error) {
    tell({ kind: "failed", index, name: error instanceof Error ? error.name : "Error", message: explain(error) });
  }
});
