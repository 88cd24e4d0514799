import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { type LabelledRow, labelStream } from "../../../../ml/data/dataset/label.ts";
import { openSeries } from "../../../../ml/data/dataset/openSeries.ts";
import { listFiles } from "../../../../ml/data/market.ts";
import { FEATURE_NAMES } from "../../../../ml/features/index.ts";
import type { Address } from "../../../../ml/types.ts";
import { type Amounts, amountsForLiquidity, LN_TICK, sqrtPriceX96ToLnPrice } from "../../../../ml/units.ts";
import { MARKET, smallMarket, storeMarket } from "./recordedMarket.ts";

const F = FEATURE_NAMES.length;
const US: Address = "0x00000000000000000000000000000000000c0009";
/** A ten thousand millionth of the pool: it moves nothing, and its wei still tell ten digits. */
const OURS = 10n ** 15n;
const BAR = 300;
const samples = {
  volatilityStrideHours: 1,
  varianceSeconds: 3600,
  rangeStrideHours: 2,
  rangesPerTime: 2,
  yieldsPerTime: 4,
  horizonsSeconds: [3600, 4 * 3600],
  warmUpHours: 6,
  decisions: false,
};

const market = smallMarket();

/** Rows of a market with these events, asset = token1. */
async function rowsOf(events: typeof market.events): Promise<LabelledRow[]> {
  const dataFolder = mkdtempSync(join(tmpdir(), "small-market-"));
  storeMarket(dataFolder, events);
  const { series } = await openSeries({ dataFolder, files: listFiles(dataFolder), name: MARKET, numeraire: 1 });
  const rows: LabelledRow[] = [];
  for await (const row of labelStream({ ...series, samples, numbered: false }, { seed: 3 })) rows.push(row);
  return rows;
}

/** The pool at a time, in the slow engine, and how it goes on. */
function replayTo(at: number) {
  const pool = market.start();
  const orders = [...market.orders];
  const playUntil = (seconds: number): void => {
    for (let next = orders[0]; next !== undefined && next.at <= seconds; next = orders[0]) {
      orders.shift();
      pool.setTime(next.at);
      pool.swap(next.order);
    }
  };
  playUntil(at);
  return { pool, playUntil };
}

/** The ticks that a row's range has at a spot price. */
function ticksOf({ series, values }: LabelledRow, sqrtPriceX96: bigint): readonly [number, number] {
  const sign = series.startsWith("inverse-") ? -1 : 1;
  const spot = sqrtPriceX96ToLnPrice(sqrtPriceX96, 1);
  const [lower = 0, upper = 0] = values.slice(F);
  const ticks = [(spot + sign * lower) / LN_TICK, (spot + sign * upper) / LN_TICK].sort((a, b) => a - b);
  return [ticks[0] ?? 0, ticks[1] ?? 0];
}

/** Amounts in the asset of a row's side at a spot price. */
function worth({ series }: LabelledRow, { amount0, amount1 }: Amounts, sqrtPriceX96: bigint): number {
  const asset = series.startsWith("inverse-") ? 0 : 1;
  const price = Math.exp(sqrtPriceX96ToLnPrice(sqrtPriceX96, asset));
  return asset === 0 ? Number(amount0) + Number(amount1) * price : Number(amount1) + Number(amount0) * price;
}

/** What a position of ours in the row's range earned, as a fraction of its starting value. */
function feesByHand(row: LabelledRow): number {
  const { pool, playUntil } = replayTo(row.at);
  const exact = ticksOf(row, pool.sqrtPriceX96);
  const [tickLower, tickUpper] = [Math.round(exact[0]), Math.round(exact[1])];
  expect(Math.abs(tickLower - exact[0]) + Math.abs(tickUpper - exact[1])).toBeLessThan(1e-6);
  const key = { owner: US, tickLower, tickUpper };
  pool.mint(key, OURS);
  const value = worth(row, amountsForLiquidity(pool.sqrtPriceX96, tickLower, tickUpper, OURS), pool.sqrtPriceX96);
  let [fees, before] = [0, pool.uncollectedFees(key)];
  for (let seconds = row.at + BAR; seconds <= row.at + (row.values[F + 2] ?? 0); seconds += BAR) {
    playUntil(seconds);
    const now = pool.uncollectedFees(key);
    const earned = { amount0: now.amount0 - before.amount0, amount1: now.amount1 - before.amount1 };
    fees += worth(row, earned, pool.sqrtPriceX96);
    before = now;
  }
  return fees / value;
}

/** The impermanent loss of the row's range from whole token amounts, its ends rounded to ticks. */
function lossByHand(row: LabelledRow): number {
  const { pool, playUntil } = replayTo(row.at);
  const [lower, upper] = ticksOf(row, pool.sqrtPriceX96);
  const amounts = () => amountsForLiquidity(pool.sqrtPriceX96, Math.round(lower), Math.round(upper), OURS);
  const held = amounts();
  const value = worth(row, held, pool.sqrtPriceX96);
  playUntil(row.at + (row.values[F + 2] ?? 0));
  return (worth(row, amounts(), pool.sqrtPriceX96) - worth(row, held, pool.sqrtPriceX96)) / value;
}

describe("labels of recorded events", () => {
  let rows: LabelledRow[];
  beforeAll(async () => {
    rows = await rowsOf(market.events);
  });

  it("tell the fees that a real position in the slow engine earned, from both sides of the market", () => {
    const yields = rows.filter(({ table }) => table === "yield");
    expect(yields.length).toBeGreaterThan(20);
    expect(new Set(yields.map(({ series }) => series))).toEqual(new Set([MARKET, `inverse-${MARKET}`]));
    let earning = 0;
    for (const row of yields) {
      const expected = feesByHand(row);
      expect(Math.abs((row.values.at(-1) ?? Number.NaN) - expected)).toBeLessThan(1e-6 * expected + 1e-12);
      if (expected > 1e-5) earning++;
    }
    expect(earning).toBeGreaterThan(10);
  });

  it("tell the impermanent loss of its token amounts", () => {
    const ranges = rows.filter(({ table }) => table === "ranges");
    let lost = 0;
    for (const row of ranges) {
      const [il = Number.NaN, expected] = [row.values[F + 3], lossByHand(row)];
      expect(Math.abs(il - expected)).toBeLessThan(0.02 * Math.abs(expected) + 1e-6);
      if (il < -1e-4) lost++;
    }
    expect(lost).toBeGreaterThan(3);
  });

  it("and features do not change when the market after them is another", async () => {
    const cut = market.events.findIndex(({ timestamp }) => timestamp > (rows[0]?.at ?? 0) + 6 * 3600);
    const until = market.events[cut - 1]?.timestamp ?? 0;
    const shorter = await rowsOf(market.events.slice(0, cut));
    const known = shorter.filter(({ table }) => table !== "volatility");
    expect(known.length).toBeGreaterThan(10);
    for (const row of known) expect(rows).toContainEqual(row);
    for (const { at, values } of known) expect(at + (values[F + 2] ?? 0)).toBeLessThanOrEqual(until + BAR);
  });
});
