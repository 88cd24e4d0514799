// A challenger's thread that misbehaves as its model set's name says.
import { parentPort, workerData } from "node:worker_threads";

if (workerData.modelSet === "dies") process.exit(7);
parentPort.on("message", ({ batch, cases }) => {
  if (workerData.modelSet === "hangs") for (;;);
  if (workerData.modelSet === "throws") throw new Error("as it likes");
  // Answers nothing, and something that nobody asked.
  parentPort.postMessage({ kind: "failed", batch, id: "another", reason: "" });
  parentPort.postMessage({ kind: "done", batch, cases });
});
