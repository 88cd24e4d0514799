import type { Outlook } from "./outlook.ts";
import { spreadOf } from "./ranges/confidence.ts";
import { type CalibratedForecast, type CalibrationState, forecastDay } from "./risk/uncertainty/calibration.ts";
import { dayInputs } from "./risk/uncertainty/dayInputs.ts";
import type { Bar, Numeraire, StatedDay, VolatilityPrediction } from "./types.ts";

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
  const forecast = forecastOf(outlook.bars(numeraire), volatility.q50, calibration);
  if (forecast === null) return { spreadWad: bare };
  const { variance, halfWidth, misses, changed } = forecast;
  const posterior = spreadOf(variance);
  const spreadWad = calibration.days < PROVEN_DAYS && posterior < bare ? bare : posterior;
  return { spreadWad, stated: { halfWidth, variance, days: calibration.days, misses, changed } };
}

interface Known {
  readonly expected: number;
  readonly calibration: CalibrationState;
  readonly forecast: CalibratedForecast | null;
}

/** The last forecast from each history's bars: vaults of a pool share them, and what was learned of its errors. */
const known = new WeakMap<readonly Bar[], Known>();

function forecastOf(bars: readonly Bar[], expected: number, calibration: CalibrationState): CalibratedForecast | null {
  const last = known.get(bars);
  if (last?.expected === expected && last.calibration === calibration) return last.forecast;
  const inputs = dayInputs({ bars, expected });
  const forecast = inputs === null ? null : forecastDay(calibration, inputs);
  known.set(bars, { expected, calibration, forecast });
  return forecast;
}
