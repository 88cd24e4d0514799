import { toBars } from "../../data/bars.ts";
import { computeFeatures } from "../../features/index.ts";
import type { Outside } from "../../features/outsideSeries.ts";
import type { Bar, Numeraire, PoolHistory, VolatilityModel } from "../../types.ts";
import { type CalibrationState, learnDay } from "./calibration.ts";
import { BAR_SECONDS, dayObservation, midnights } from "./dayInputs.ts";

const DAY = 86_400;
/** A day is learned from when it has been over for so long: its last blocks are settled by then. */
export const SETTLED_SECONDS = 3600;

export interface AdvanceParameters {
  readonly state: CalibrationState;
  readonly history: PoolHistory;
  readonly numeraire: Numeraire;
  /** The model that is wrapped: what it would have said of each day is what the layer corrects. */
  readonly model: VolatilityModel;
  /** Hourly bars of the market, where its swaps are not known. */
  readonly bars?: readonly Bar[];
}

/** Start of the last day that is over and settled at a time. */
export const lastWholeDay = (atSeconds: number): number => Math.floor((atSeconds - SETTLED_SECONDS) / DAY) * DAY - DAY;

/** The state after all whole days of a history that it has not learned from yet; itself while there is none. */
export async function advanceCalibration(parameters: AdvanceParameters): Promise<CalibrationState> {
  const { history, numeraire, model } = parameters;
  let { state } = parameters;
  const lastStart = lastWholeDay(history.toTimestamp);
  if (state.days > 0 && lastStart <= state.lastSeconds) return state;
  const untilSeconds = Math.floor(history.toTimestamp / BAR_SECONDS) * BAR_SECONDS;
  const bars = parameters.bars ?? toBars(history, numeraire, { barSeconds: BAR_SECONDS, untilSeconds });
  for (const start of midnights(bars)) {
    const at = (bars[start] as Bar).startSeconds;
    if (at > lastStart || (state.days > 0 && at <= state.lastSeconds)) continue;
    const expected = await medianAt(model, bars.slice(0, start), history.outside);
    const day = dayObservation(bars, start, () => expected);
    if (day !== null) state = learnDay(state, day);
  }
  return state;
}

/** What a model says of the day after these bars; undefined where it knows nothing of such a market. */
async function medianAt(
  model: VolatilityModel,
  past: readonly Bar[],
  outside: Outside | undefined,
): Promise<number | undefined> {
  if (Number.isNaN(past.at(-1)?.close ?? Number.NaN)) return undefined;
  const features = computeFeatures(past, outside);
  if ((model.outOfDomain?.(features) ?? []).length > 0) return undefined;
  try {
    const { q50 } = await model.predict(features, DAY);
    return Number.isFinite(q50) && q50 > 0 ? q50 : undefined;
  } catch {
    return undefined;
  }
}
