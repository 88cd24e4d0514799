import type { Outlook } from "./outlook.ts";
import { spreadOf } from "./ranges/confidence.ts";
import { type CalibrationState, forecastDay } from "./risk/uncertainty/calibration.ts";
import { dayInputs } from "./risk/uncertainty/dayInputs.ts";
import type { Numeraire, StatedDay, VolatilityPrediction } from "./types.ts";

/** With fewer days than this behind it, the posterior may widen what the model says and never narrow it. */
export const PROVEN_DAYS = 60;

export interface StateDayParameters {
  readonly outlook: Outlook;
  readonly numeraire: Numeraire;
  /** What the model says of the day ahead. */
  readonly volatility: VolatilityPrediction;
  readonly calibration?: CalibrationState | undefined;
}

/** What is stated of the day ahead: the spread to declare, and, where a calibration is kept, its interval. */
export function stateDay({ outlook, numeraire, volatility, calibration }: StateDayParameters): {
  readonly spreadWad: bigint;
  readonly stated?: StatedDay;
} {
  const bare = spreadOf(volatility);
  if (calibration === undefined) return { spreadWad: bare };
  const inputs = dayInputs({ bars: outlook.bars(numeraire), expected: volatility.q50 });
  if (inputs === null) return { spreadWad: bare };
  const { variance, halfWidth, misses, changed } = forecastDay(calibration, inputs);
  const posterior = spreadOf(variance);
  const spreadWad = calibration.days < PROVEN_DAYS && posterior < bare ? bare : posterior;
  return { spreadWad, stated: { halfWidth, variance, days: calibration.days, misses, changed } };
}
