import { z } from "zod";

const quantities = z.object({
  feesBps: z.number(),
  lvrBps: z.number(),
  costBps: z.number().default(0),
});
const outcomeSchema = z.object({
  fromSeconds: z.number(),
  toSeconds: z.number(),
  feesBps: z.number(),
  lvrBps: z.number(),
  netBps: z.number(),
  realisedVariance: z.number(),
  predicted: quantities.nullable(),
  predictedVariance: z.object({ q10: z.number(), q90: z.number() }).nullable().default(null),
});

/** A settled outcome as far as it is compared with its forecast. */
export type SettledOutcome = z.output<typeof outcomeSchema>;

/** Means of a forecast and of what came, basis points of NAV over the horizon. */
export interface ForecastError {
  readonly predictedBps: number;
  readonly realisedBps: number;
  /** Realised less predicted: below 0 = promised too much. */
  readonly meanErrorBps: number;
  readonly meanAbsoluteErrorBps: number;
}

/** How good forecasts were. Horizons overlap, so outcomes of neighbouring hours are not independent. */
export interface Performance {
  /** Settled decisions; `ranges` of them stood in a range or chose one, and forecast something. */
  readonly settled: number;
  readonly ranges: number;
  /** Null without such a decision. */
  readonly fees: ForecastError | null;
  readonly lvr: ForecastError | null;
  /** fees − LVR, before any cost. */
  readonly net: ForecastError | null;
  /** Part of the ranges whose net came out with the sign it was forecast with. */
  readonly hitRate: number | null;
  /** Part of the outcomes whose variance lay between the forecast's q10 and q90; 0.8 is promised. Null = none was forecast. */
  readonly insideBand: number | null;
  readonly bands: number;
}

/** Reads journaled outcomes; what an older worker wrote in another shape is left out. */
export const settledOutcomes = (outcomes: readonly unknown[]): SettledOutcome[] =>
  outcomes.flatMap((outcome) => {
    const parsed = outcomeSchema.safeParse(outcome);
    return parsed.success ? [parsed.data] : [];
  });

/** Realised against predicted over any outcomes: of a vault, a pool, a model set or a span. */
export function performanceOf(outcomes: readonly SettledOutcome[]): Performance {
  const ranges = outcomes.flatMap((outcome) =>
    outcome.predicted !== null && (outcome.predicted.feesBps !== 0 || outcome.predicted.lvrBps !== 0)
      ? [{ ...outcome, predicted: outcome.predicted }]
      : [],
  );
  const netOf = ({ feesBps, lvrBps }: { feesBps: number; lvrBps: number }) => feesBps - lvrBps;
  const hits = ranges.filter(({ netBps, predicted }) => Math.sign(netBps) === Math.sign(netOf(predicted)));
  const bands = outcomes.flatMap(({ predictedVariance, realisedVariance }) =>
    predictedVariance === null ? [] : [{ ...predictedVariance, realisedVariance }],
  );
  const inside = bands.filter(({ q10, q90, realisedVariance }) => q10 <= realisedVariance && realisedVariance <= q90);
  return {
    settled: outcomes.length,
    ranges: ranges.length,
    fees: errorOf(ranges.map(({ feesBps, predicted }) => [predicted.feesBps, feesBps])),
    lvr: errorOf(ranges.map(({ lvrBps, predicted }) => [predicted.lvrBps, lvrBps])),
    net: errorOf(ranges.map(({ netBps, predicted }) => [netOf(predicted), netBps])),
    hitRate: ranges.length === 0 ? null : hits.length / ranges.length,
    insideBand: bands.length === 0 ? null : inside.length / bands.length,
    bands: bands.length,
  };
}

function errorOf(pairs: readonly (readonly [predicted: number, realised: number])[]): ForecastError | null {
  if (pairs.length === 0) return null;
  const mean = (of: (predicted: number, realised: number) => number): number =>
    pairs.reduce((sum, [predicted, realised]) => sum + of(predicted, realised), 0) / pairs.length;
  return {
    predictedBps: mean((predicted) => predicted),
    realisedBps: mean((_predicted, realised) => realised),
    meanErrorBps: mean((predicted, realised) => realised - predicted),
    meanAbsoluteErrorBps: mean((predicted, realised) => Math.abs(realised - predicted)),
  };
}
