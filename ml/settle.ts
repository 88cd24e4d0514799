import { toBars } from "./data/bars.ts";
import { rangeOutcome, realisedVariance } from "./data/dataset/outcome.ts";
import { InvalidInputError } from "./errors.ts";
import { offsetsOf } from "./ranges/cost.ts";
import { chosenOf } from "./table.ts";
import type { Bar, Decision, PoolHistory, Quantiles } from "./types.ts";
import { ratioToBps, sqrtPriceX96ToLnPrice } from "./units.ts";

const STEP_SECONDS = 300;
const DAY = 86_400;

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
    /** What the move was expected to cost: not in the realised net. */
    readonly costBps: number;
  } | null;
  /** What the realised variance was forecast to be, where the forecast was of the same time: a day. */
  readonly predictedVariance: Quantiles | null;
}

/** Measures the chosen range over the horizon that followed. Fees are those of the pool as it was, so with us in it. */
export const settle = ({ decision, ...more }: SettleParameters): Outcome => settler(more)(decision);

/**
 * Settles any number of decisions on one history: those that were taken at one block, in one numeraire, share the bars
 * of what followed.
 */
export function settler({ history, horizonSeconds }: Omit<SettleParameters, "decision">) {
  const known = new Map<string, readonly Bar[]>();
  return (decision: Decision): Outcome => {
    const { atSeconds, numeraire, sqrtPriceX96 } = decision;
    const toSeconds = atSeconds + horizonSeconds;
    if (history.fromTimestamp > atSeconds || history.toTimestamp < toSeconds) {
      throw new InvalidInputError(
        `history ${history.fromTimestamp}..${history.toTimestamp} must reach from ${atSeconds} to ${toSeconds} to settle`,
      );
    }
    const key = `${atSeconds} ${numeraire} ${sqrtPriceX96}`;
    const bars = known.get(key) ?? barsAfter(decision, history, toSeconds);
    known.set(key, bars);
    return outcomeOf(decision, bars, horizonSeconds);
  };
}

/** Bars of the horizon, after one that ends with the decision's own price. */
function barsAfter({ atSeconds, numeraire, sqrtPriceX96 }: Decision, history: PoolHistory, untilSeconds: number) {
  const lnPrice = sqrtPriceX96ToLnPrice(sqrtPriceX96, numeraire);
  const start = { swaps: history.swaps, fromTimestamp: atSeconds, pool: history.pool };
  const after = toBars(start, numeraire, { barSeconds: STEP_SECONDS, untilSeconds });
  const at = after[0]?.startSeconds ?? atSeconds;
  const startBar = { ...flatBar(lnPrice), startSeconds: at - STEP_SECONDS, endSeconds: at };
  // Without a swap before the first bar its price is the decision's own spot.
  return [
    startBar,
    ...after.map((bar) =>
      Number.isNaN(bar.close)
        ? { ...flatBar(lnPrice), startSeconds: bar.startSeconds, endSeconds: bar.endSeconds }
        : bar,
    ),
  ];
}

function outcomeOf(decision: Decision, bars: readonly Bar[], horizonSeconds: number): Outcome {
  const { numeraire } = decision;
  const lnPrice = sqrtPriceX96ToLnPrice(decision.sqrtPriceX96, numeraire);
  const chosen = chosenOf(decision);
  const base = {
    fromSeconds: decision.atSeconds,
    toSeconds: decision.atSeconds + horizonSeconds,
    realisedVariance: realisedVariance(bars),
    predicted:
      chosen === undefined
        ? null
        : {
            feesBps: chosen.feesBps,
            lvrBps: chosen.lvrBps,
            ilBps: chosen.ilBps,
            netBps: chosen.netBps,
            costBps: chosen.costBps,
          },
    predictedVariance: horizonSeconds === DAY ? decision.volatility : null,
  };
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
