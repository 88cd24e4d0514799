import { flipBars, joinBars } from "../../data/bars.ts";
import { InvalidInputError } from "../../errors.ts";
import type { Bar, Numeraire, PoolMeta } from "../../types.ts";
import type { GasSeries } from "../events/eventMarket.ts";
import { blockSecondsOf } from "../events/timeline.ts";
import type { BacktestMarket } from "../market.ts";
import { openBarSession } from "./barSession.ts";
import type { FeeGrowth } from "./growth.ts";
import { type PoolBar, poolBarOf } from "./poolBar.ts";

const HOUR = 3600;
/** As fine as LVR is measured by default. */
const FUTURE_SECONDS = 300;

/** One pool's bars, ready to be played any number of times. */
export interface BarRecord {
  readonly pool: PoolMeta;
  /** On a regular grid; unknown bars are NaN. */
  readonly bars: readonly PoolBar[];
  readonly barSeconds: number;
  readonly blockSeconds: number;
  readonly gasPriceWei: GasSeries | null;
  /** The bars as policies see them. */
  barsIn(numeraire: Numeraire): readonly Bar[];
}

export interface BarMarketParameters {
  readonly name: string;
  readonly pool: PoolMeta;
  /** On a regular grid that divides the hour, with token0 as the asset; empty bars where nothing is known. */
  readonly bars: readonly Bar[];
  /** Exact fees of each bar, where they are known; absent = from each bar's volume and liquidity. */
  readonly growth?: readonly FeeGrowth[];
  readonly dataSha256: string;
  readonly notes?: readonly string[];
  readonly gasPriceWei?: GasSeries;
}

/**
 * A market known by bars only: an approximation, and marked as one. Inside a bar the price takes a path through open,
 * extremes and close (see `barPath`), and a position earns its share L / (L + own) of what is traded inside its range.
 * Own swaps pay the fee and the impact on the bar's liquidity; the price is back where it was at once.
 * `measureAccuracy` tells how far its fees are from those of the exact market.
 */
export function createBarMarket(parameters: BarMarketParameters): BacktestMarket {
  const { name, pool, bars, dataSha256, gasPriceWei = null } = parameters;
  const first = bars[0];
  const last = bars.at(-1);
  if (first === undefined || last === undefined || bars.every(({ close }) => Number.isNaN(close))) {
    throw new InvalidInputError(`bars of ${name} are ${bars.length}, but a market needs at least one that is known`);
  }
  const barSeconds = first.endSeconds - first.startSeconds;
  if (HOUR % barSeconds !== 0) {
    throw new InvalidInputError(`bars of ${name} last ${barSeconds} s, but their length must divide the hour`);
  }
  const flipped: { bars: readonly Bar[] | null } = { bars: null };
  const record: BarRecord = {
    pool,
    bars: bars.map((bar, i) => ({ ...poolBarOf(bar, 0), ...parameters.growth?.[i] })),
    barSeconds,
    blockSeconds: blockSecondsOf(pool.chainId),
    gasPriceWei,
    barsIn(numeraire) {
      if (numeraire === 0) return bars;
      flipped.bars ??= flipBars(bars);
      return flipped.bars;
    },
  };
  const unknown = bars.filter(({ close }) => Number.isNaN(close)).length;
  const notes = [
    ...(parameters.notes ?? []),
    `fees, LVR and fills come from bars of ${barSeconds} s, not from swaps: approximate`,
  ];
  if (unknown > 0) notes.push(`${unknown} of ${bars.length} bars are missing: nothing happens in them`);
  return {
    description: {
      name,
      pool,
      feeModel: "approximate",
      fromSeconds: first.startSeconds,
      toSeconds: last.endSeconds,
      events: bars.length - unknown,
      dataSha256,
      notes,
    },
    stepSeconds: barSeconds,
    knowsGas: gasPriceWei !== null,
    open: (at) => openBarSession(record, at),
    until: (seconds) =>
      createBarMarket({ ...parameters, bars: bars.filter(({ endSeconds }) => endSeconds <= seconds) }),
    recordedBars({ fromSeconds, toSeconds, numeraire }) {
      const span = record
        .barsIn(numeraire)
        .filter(({ startSeconds, endSeconds }) => startSeconds >= fromSeconds && endSeconds <= toSeconds);
      const size = Math.max(1, Math.floor(FUTURE_SECONDS / barSeconds));
      return joinBars(span.slice(0, Math.floor(span.length / size) * size), size);
    },
  };
}
