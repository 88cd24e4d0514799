import { join } from "node:path";
import { poolFromName } from "../../../../ml/data/market.ts";
import { openEventWriter } from "../../../../ml/data/store/events.ts";
import type { StoredEvent } from "../../../../ml/data/store/eventTypes.ts";
import { seededRandom } from "../../../../ml/random.ts";
import { HIGHEST_LIMIT_X96, LOWEST_LIMIT_X96 } from "../../../../ml/sim/exact/orders.ts";
import { createReferencePool } from "../../../../ml/sim/exact/reference.ts";
import { sqrtPriceAtTick } from "../../../../ml/sim/exact/tickMath.ts";
import type { ExactPool, SwapOrder } from "../../../../ml/sim/exact/types.ts";
import type { Address } from "../../../../ml/types.ts";

export const MARKET = "ethereum_wbtc_weth_03_events_2024-01-01";
export const FROM = 1_700_002_800;
const OWNER: Address = "0x00000000000000000000000000000000000c0001";
const DEPTH = 10n ** 24n;
/** Positions that swaps go in and out of. */
const POSITIONS = [
  [-6000, 6000, DEPTH],
  [-120, 60, 3n * DEPTH],
  [0, 300, 2n * DEPTH],
] as const;

export interface SmallMarket {
  readonly events: readonly StoredEvent[];
  readonly orders: readonly { readonly at: number; readonly order: SwapOrder }[];
  /** The pool before the first swap, in the slow engine. */
  start(): ExactPool;
}

/** A pool of three positions and a day of seeded swaps through their ticks, one every four minutes. */
export function smallMarket(hours = 24): SmallMarket {
  const start = (): ExactPool => {
    const pool = createReferencePool({ feePips: 3000, tickSpacing: 60 });
    pool.setTime(FROM - 24);
    pool.initialize(sqrtPriceAtTick(7));
    for (const [tickLower, tickUpper, liquidity] of POSITIONS)
      pool.mint({ owner: OWNER, tickLower, tickUpper }, liquidity);
    return pool;
  };
  const events: StoredEvent[] = [];
  const base = { sender: OWNER, owner: OWNER, gasPriceWei: null, gasUsed: null };
  const at = (seconds: number) => ({ ...base, block: 100 + events.length, timestamp: seconds, order: 0 });
  const first = createReferencePool({ feePips: 3000, tickSpacing: 60 });
  first.setTime(FROM - 24);
  first.initialize(sqrtPriceAtTick(7));
  const nothing = { amount0: 0n, amount1: 0n };
  events.push({ ...at(FROM - 24), ...nothing, type: "INITIALIZE", sqrtPriceX96: first.sqrtPriceX96, tick: first.tick });
  for (const [tickLower, tickUpper, liquidityDelta] of POSITIONS) {
    const amounts = first.mint({ owner: OWNER, tickLower, tickUpper }, liquidityDelta);
    const none = { sqrtPriceX96: null, liquidity: null, tick: null };
    events.push({ ...at(FROM - 24), ...none, ...amounts, type: "MINT", tickLower, tickUpper, liquidityDelta });
  }
  const pool = start();
  const random = seededRandom(5);
  const orders = [];
  for (let seconds = FROM - 12; seconds <= FROM + hours * 3600; seconds += 240) {
    const zeroForOne = pool.tick > 0 ? random() < 0.6 : random() < 0.4;
    const order: SwapOrder = {
      zeroForOne,
      amountSpecified: BigInt(Math.floor(random() * 1e9)) * 10n ** 13n,
      sqrtPriceLimitX96: zeroForOne ? LOWEST_LIMIT_X96 : HIGHEST_LIMIT_X96,
    };
    pool.setTime(seconds);
    const outcome = pool.swap(order);
    orders.push({ at: seconds, order });
    events.push({ ...at(seconds), type: "SWAP", ...outcome, tickLower: null, tickUpper: null, liquidityDelta: null });
  }
  return { events, orders, start };
}

/** Writes the market into a store. */
export function storeMarket(folder: string, events: readonly StoredEvent[]): void {
  const writer = openEventWriter(join(folder, MARKET), { manifest: { name: MARKET, pool: poolFromName(MARKET) } });
  for (const event of events) writer.append(event);
  writer.commit();
}
