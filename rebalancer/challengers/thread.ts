import { parentPort, workerData } from "node:worker_threads";
import { decide } from "../../ml/decide.ts";
import { type LoadOptions, loadModelSet } from "../../ml/models/index.ts";
import { type Outlook, outlookOf } from "../../ml/outlook.ts";
import type { Numeraire } from "../../ml/types.ts";
import { explain } from "../errors.ts";
import type { FromChallenger, ToChallenger } from "./messages.ts";

const port = parentPort;
if (port === null) throw new Error("thread.ts must run as a worker thread");
const tell = (message: FromChallenger) => port.postMessage(message);

const { modelSet, lookup } = workerData as { readonly modelSet: string; readonly lookup: LoadOptions };
const loaded = loadModelSet(modelSet, lookup);
loaded.catch(() => undefined);

port.on("message", async ({ batch, history, bars, cases }: ToChallenger) => {
  const outlooks = new Map<Numeraire, Outlook>();
  for (const { id, inputs } of cases) {
    const { state, bounds, settings, grid, calibration } = inputs;
    try {
      const models = await loaded;
      const { numeraire } = state;
      const outlook = outlooks.get(numeraire) ?? outlookOf({ history, models, bars: bars[numeraire] });
      outlooks.set(numeraire, outlook);
      // The calibration is one of the champion's inputs: all are measured on the same ones.
      const given = { ...(grid === null ? {} : { grid }), ...(calibration === undefined ? {} : { calibration }) };
      tell({
        kind: "decided",
        batch,
        id,
        decision: await decide({ history, state, models, bounds, settings, outlook, ...given }),
      });
    } catch (error) {
      tell({ kind: "failed", batch, id, reason: explain(error) });
    }
  }
  tell({ kind: "done", batch });
});
