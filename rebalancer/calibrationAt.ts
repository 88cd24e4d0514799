import { advanceCalibration } from "../ml/risk/uncertainty/advance.ts";
import { type CalibrationState, emptyCalibration } from "../ml/risk/uncertainty/calibration.ts";
import type { Bar, PoolHistory, VolatilityModel } from "../ml/types.ts";
import type { CalibrationKey, CalibrationStore } from "./journal/calibrations.ts";

export interface CalibrationAtParameters {
  /** Where what was learned before is kept; null = nowhere, so the history alone teaches. */
  readonly journal: Pick<CalibrationStore, "latestCalibration"> | null;
  readonly place: CalibrationKey;
  readonly history: PoolHistory;
  readonly model: VolatilityModel;
  /** Hourly bars of the history, where they are at hand. */
  readonly bars?: readonly Bar[];
}

/** What is known of a model's errors at the end of a history: what the journal remembers, and the days since. */
export function calibrationAt(parameters: CalibrationAtParameters): Promise<CalibrationState> {
  const { journal, place, history, model, bars } = parameters;
  const state = journal?.latestCalibration(place, history.toTimestamp) ?? emptyCalibration;
  const { numeraire } = place;
  return advanceCalibration({ state, history, numeraire, model, ...(bars === undefined ? {} : { bars }) });
}
