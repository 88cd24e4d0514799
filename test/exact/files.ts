import { existsSync } from "node:fs";
import { join } from "node:path";
import { listMarkets, resolveMarket } from "../../ml/data/market.ts";
import { planReplay, withObservation } from "../../ml/sim/exact/plan.ts";
import { type PlayedSwap, replayEvents } from "../../ml/sim/exact/replay.ts";
import type { CreatePool } from "./chunk.ts";
import { type Difference, playInForge } from "./forge.ts";
import { type LiquidityReport, playLiquidityFile } from "./liquidityFile.ts";

export interface MarketReport {
  readonly name: string;
  /** The file's own state, or one reconstructed from the events. */
  readonly start: "state" | "reconstructed";
  readonly swaps: number;
  readonly exact: number;
  readonly exactIn: number;
  readonly exactOut: number;
  readonly atLimit: number;
  /** Mints and burns. */
  readonly liquidityEvents: number;
  readonly liquidityExact: number;
  /** Swaps that are not exact, by what is known of them. */
  readonly unlike: Readonly<Record<Unlike, number>>;
  readonly notes: readonly string[];
}

export type Unlike = "first" | "rounding" | "liquidity";

/** Every recorded market of a data folder, played in the engine from its state or from a reconstructed one. */
export function replayMarkets(dataFolder: string, createPool: CreatePool, onMarket: (name: string) => void) {
  return listMarkets(dataFolder).flatMap((name): MarketReport[] => {
    const data = resolveMarket(dataFolder, name);
    if (!data.events.some(({ type }) => type === "SWAP")) return [];
    onMarket(name);
    const plan = planReplay(data);
    const pool = createPool(withObservation(plan.state, plan.startTimestamp));
    const { mismatches, orders, moved, collects, collectsExact, ...counts } = replayEvents(pool, data.events);
    const first = data.events.find(({ type }) => type === "SWAP");
    const unlike = { first: 0, rounding: 0, liquidity: 0 };
    for (const swap of mismatches) unlike[swap.event === first && plan.reconstructed ? "first" : whyUnlike(swap)]++;
    return [{ name, start: plan.reconstructed ? "reconstructed" : "state", ...counts, unlike, notes: plan.notes }];
  });
}

/** Off by a few units: the pool rounded at a tick that we do not know of. By more: it held liquidity that nobody saw. */
function whyUnlike({ event, outcome }: PlayedSwap): Unlike {
  if (outcome === null) return "liquidity";
  const near = (a: bigint, b: bigint) => a - b <= 3n && b - a <= 3n;
  return near(outcome.amount0, event.amount0) && near(outcome.amount1, event.amount1) ? "rounding" : "liquidity";
}

const LIQUIDITY_FILE = "pools/ethereum_usdc_weth_03_liquidity_events_2021-05_2021-07.csv.gz";

/** The file of mints and burns, played in the engine and, by the same operations, in the real bytecode. */
export async function replayLiquidity(
  dataFolder: string,
  createPool: CreatePool,
): Promise<{ report: LiquidityReport; operations: number; difference: Difference | null } | null> {
  const path = join(dataFolder, LIQUIDITY_FILE);
  if (!existsSync(path)) return null;
  const { report, chunk } = playLiquidityFile(path, createPool);
  return { report, operations: chunk.operations.length, difference: await playInForge([chunk]) };
}
