import { toBars } from "./data/bars.ts";
import { rangeOutcome, realisedVariance } from "./data/dataset.ts";
import { InvalidInputError } from "./errors.ts";
import { offsetsOf } from "./ranges/cost.ts";
import type { Decision, PoolHistory } from "./types.ts";
import { ratioToBps, sqrtPriceX96ToLnPrice } from "./units.ts";

const STEP_SECONDS = 300;

export interface SettleParameters {
  readonly decision: Decision;
  /** Must reach from the decision to the end of its horizon. */
  readonly history: PoolHistory;
  readonly horizonSeconds: number;
}

/** What became of a decision, in the units of its candidate table; null where nothing was chosen or nothing is held. */
export interface Outcome {
  readonly fromSeconds: number;
  readonly toSeconds: number;
  /** Sum of squared five-minute log returns. */
  readonly realisedVariance: number;
  /** Of the chosen candidate, basis points of NAV; zeros for idle. */
  readonly feesBps: number;
  readonly lvrBps: number;
  readonly ilBps: number;
  /** fees − LVR, before any cost. */
  readonly netBps: number;
  readonly inRange: number;
  readonly predicted: {
    readonly feesBps: number;
    readonly lvrBps: number;
    readonly ilBps: number;
    readonly netBps: number;
  } | null;
}

/** Measures the chosen range over the horizon that followed. Fees are those of the pool as it was, so with us in it. */
export function settle({ decision, history, horizonSeconds }: SettleParameters): Outcome {
  const fromSeconds = decision.atSeconds;
  const toSeconds = fromSeconds + horizonSeconds;
  if (history.fromTimestamp > fromSeconds || history.toTimestamp < toSeconds) {
    throw new InvalidInputError(
      `history ${history.fromTimestamp}..${history.toTimestamp} must reach from ${fromSeconds} to ${toSeconds} to settle`,
    );
  }
  const { numeraire } = decision;
  const lnPrice = sqrtPriceX96ToLnPrice(decision.sqrtPriceX96, numeraire);
  const start = { swaps: history.swaps, fromTimestamp: fromSeconds, pool: history.pool };
  const after = toBars(start, numeraire, { barSeconds: STEP_SECONDS, untilSeconds: toSeconds });
  const at = after[0]?.startSeconds ?? fromSeconds;
  const startBar = { ...flatBar(lnPrice), startSeconds: at - STEP_SECONDS, endSeconds: at };
  // Without a swap before the first bar its price is the decision's own spot.
  const bars = [
    startBar,
    ...after.map((bar) =>
      Number.isNaN(bar.close)
        ? { ...flatBar(lnPrice), startSeconds: bar.startSeconds, endSeconds: bar.endSeconds }
        : bar,
    ),
  ];
  const chosen = decision.candidates[decision.chosen];
  const predicted =
    chosen === undefined
      ? null
      : { feesBps: chosen.feesBps, lvrBps: chosen.lvrBps, ilBps: chosen.ilBps, netBps: chosen.netBps };
  const base = { fromSeconds, toSeconds, realisedVariance: realisedVariance(bars), predicted };
  const nothing = { ...base, feesBps: 0, lvrBps: 0, ilBps: 0, netBps: 0, inRange: 0 };
  if (chosen === undefined || chosen.range === null) return nothing;
  const { lower, upper } = offsetsOf(chosen.range, { numeraire, lnPrice });
  const outcome = rangeOutcome(bars, { lowerOffset: lower, upperOffset: upper, horizonSeconds });
  if (outcome === null) return nothing;
  const scaled = (fraction: number): number => ratioToBps(fraction) * chosen.share;
  return {
    ...base,
    feesBps: scaled(outcome.feeYield),
    lvrBps: scaled(outcome.lvr),
    ilBps: scaled(outcome.il),
    netBps: scaled(outcome.feeYield - outcome.lvr),
    inRange: outcome.inRange,
  };
}

const flatBar = (price: number) => ({
  open: price,
  high: price,
  low: price,
  close: price,
  realisedVariance: 0,
  volume: 0,
  signedVolume: 0,
  feeYield: 0,
  liquidity: 0,
  swaps: 0,
});
