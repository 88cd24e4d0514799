import { swapsOf, toBars } from "../data/bars.ts";
import type { MarketData } from "../data/market.ts";
import type { PoolState } from "../data/state.ts";
import type { ExactPool } from "../sim/exact/types.ts";
import type { PoolMeta, Range } from "../types.ts";
import { floorToSpacing, LN_TICK } from "../units.ts";
import { createBarMarket } from "./bars/barMarket.ts";
import { growthOfBars } from "./bars/growth.ts";
import { createEventMarket, type EventMarket } from "./events/eventMarket.ts";
import type { BacktestMarket, MarketSession } from "./market.ts";
import { orientationOf, wholeAmounts } from "./price.ts";

/** One static range in both markets. Fees are whole units of token0. */
export interface AccuracyRow {
  readonly market: string;
  /** Half width, or distance to the far edge for a range beside spot; per cent of price. */
  readonly percent: number;
  readonly side: "around" | "above" | "below";
  /** Own share of the liquidity that is in range at the start. */
  readonly share: number;
  readonly exactFees: number;
  readonly barFees: number;
  /** (bars − exact) / exact. */
  readonly error: number;
}

export interface AccuracyParameters {
  readonly data: MarketData;
  readonly barSeconds: number;
  /** growth = bars with the pool's fee growth; volume = bars with volume and liquidity only. */
  readonly bars: "growth" | "volume";
  readonly percents: readonly number[];
  /** Own liquidity as a part of what is in range at the start. */
  readonly shares: readonly number[];
  readonly createPool?: (state: PoolState) => ExactPool;
}

const SIDES = ["around", "above", "below"] as const;

/**
 * How far fees from bars are from those of the exact market: the same positions, opened at the same time, on bars that
 * are made from the very events that the exact market plays.
 */
export function measureAccuracy(parameters: AccuracyParameters): AccuracyRow[] {
  const { data, percents, shares, createPool } = parameters;
  const exact = createEventMarket({ data, dataSha256: "", ...(createPool ? { createPool } : {}) });
  const bars = barsOf(exact, parameters);
  const { description } = bars;
  const rows: AccuracyRow[] = [];
  for (const share of shares) {
    for (const percent of percents) {
      for (const side of SIDES) {
        const sessions = [exact, bars].map((market) =>
          market.open({ fromSeconds: description.fromSeconds, numeraire: 0 }),
        );
        // The same position in both: what is in range at the start is known exactly in one of them.
        const position = positionOf(sessions[0] as MarketSession, description.pool, { percent, side, share });
        const [a, b] = sessions.map((session) => earned(session, description.pool, position, description.toSeconds));
        const [exactFees, barFees] = [a ?? Number.NaN, b ?? Number.NaN];
        // A range that the price never entered earned nothing in either: there is no error to speak of.
        if (exactFees === 0 && barFees === 0) continue;
        rows.push({
          market: data.name,
          percent,
          side,
          share,
          exactFees,
          barFees,
          error: (barFees - exactFees) / exactFees,
        });
      }
    }
  }
  return rows;
}

/** A market of bars made from the events, from the first bar with a price. */
export function barsOf(exact: EventMarket, { data, barSeconds, bars }: AccuracyParameters): BacktestMarket {
  const swaps = swapsOf(data.events);
  const start = Math.ceil(((swaps[0]?.timestamp ?? 0) + 1) / barSeconds) * barSeconds;
  const untilSeconds = start + Math.floor((exact.description.toSeconds - start) / barSeconds) * barSeconds;
  const { pool } = exact.description;
  const made = toBars({ swaps, fromTimestamp: start, pool }, 0, { barSeconds, untilSeconds });
  const session = exact.open({ fromSeconds: start, numeraire: 0 });
  const growth = growthOfBars(
    session,
    made.map(({ endSeconds }) => endSeconds),
  );
  return createBarMarket({
    name: data.name,
    pool,
    bars: made,
    dataSha256: "",
    ...(bars === "growth" ? { growth } : {}),
  });
}

interface Position {
  readonly range: Range;
  readonly liquidity: bigint;
}

function positionOf(
  session: MarketSession,
  { tickSpacing }: PoolMeta,
  { percent, side, share }: Pick<AccuracyRow, "percent" | "side" | "share">,
): Position {
  const width = Math.max(tickSpacing, floorToSpacing(Math.log1p(percent / 100) / LN_TICK, tickSpacing));
  const spot = floorToSpacing(session.tick, tickSpacing);
  const range = {
    lowerTick: side === "above" ? spot + tickSpacing : spot - width,
    upperTick: side === "below" ? spot : spot + tickSpacing + width,
  };
  return { range, liquidity: BigInt(Math.floor(Number(session.liquidity) * share)) };
}

/** Whole units of token0, at the price of the end. */
function earned(session: MarketSession, pool: PoolMeta, { range, liquidity }: Position, toSeconds: number): number {
  session.mint(range, liquidity);
  session.advance(toSeconds, () => {});
  const { fees0, fees1 } = session.holdings();
  const { asset, other } = wholeAmounts(fees0, fees1, orientationOf(pool, 0));
  return asset + other * session.price;
}
