import { parentPort, workerData } from "node:worker_threads";
import { decide } from "../../ml/decide.ts";
import { type LoadOptions, loadModelSet } from "../../ml/models/index.ts";
import { type Outlook, outlookOf } from "../../ml/outlook.ts";
import { advanceCalibration, lastWholeDay } from "../../ml/risk/uncertainty/advance.ts";
import { type CalibrationState, emptyCalibration } from "../../ml/risk/uncertainty/calibration.ts";
import type { Numeraire, VolatilityModel } from "../../ml/types.ts";
import { explain } from "../errors.ts";
import type { FromChallenger, ToChallenger } from "./messages.ts";

const port = parentPort;
if (port === null) throw new Error("thread.ts must run as a worker thread");
const tell = (message: FromChallenger) => port.postMessage(message);

const { modelSet, lookup } = workerData as { readonly modelSet: string; readonly lookup: LoadOptions };
const loaded = loadModelSet(modelSet, lookup);
loaded.catch(() => undefined);

port.on("message", async ({ batch, history, bars, days, calibrations, cases }: ToChallenger) => {
  const outlooks = new Map<Numeraire, Outlook>();
  const learned = new Map<Numeraire, CalibrationState>();
  // It is wrong in its own way: what the champion's errors taught is no measure of its own.
  const ownCalibration = async (numeraire: Numeraire, model: VolatilityModel): Promise<CalibrationState> => {
    const before = calibrations[numeraire] ?? emptyCalibration;
    if (days[numeraire].length === 0) return before;
    const known = learned.get(numeraire);
    if (known !== undefined) return known;
    const state = await advanceCalibration({ state: before, history, numeraire, model, bars: days[numeraire] });
    learned.set(numeraire, state);
    const throughSeconds = lastWholeDay(history.toTimestamp);
    tell({ kind: "learned", batch, numeraire, state: state === before ? null : state, throughSeconds });
    return state;
  };
  for (const { id, inputs } of cases) {
    const { state, bounds, settings, grid } = inputs;
    try {
      const models = await loaded;
      const { numeraire } = state;
      const outlook = outlooks.get(numeraire) ?? outlookOf({ history, models, bars: bars[numeraire] });
      outlooks.set(numeraire, outlook);
      const calibration = await ownCalibration(numeraire, models.volatility);
      const given = { calibration, ...(grid === null ? {} : { grid }) };
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
