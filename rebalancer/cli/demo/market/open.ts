import type { MarketData } from "../../../../ml/data/market.ts";
import { planReplay } from "../../../../ml/sim/exact/plan.ts";
import type { AnvilHandle } from "../anvil.ts";
import type { Progress } from "../progress.ts";
import type { MarketSection, ReplaySection } from "../report/report.ts";
import { createRpc, type Rpc } from "../rpc.ts";
import type { Market, MarketSwap } from "./market.ts";
import { createReplayMarket } from "./replay.ts";
import { median, replayAll } from "./replayAll.ts";
import { createSyntheticMarket, planSynthetic } from "./synthetic.ts";

export interface OpenMarketParameters {
  readonly recorded: MarketData | null;
  /** Hours of market after the vault opens; absent = a week, or all that was recorded. */
  readonly hours?: number;
  readonly seed: number;
  readonly startChain: (timestamp: number) => Promise<AnvilHandle>;
  readonly progress: Progress;
}

export interface OpenedMarket {
  readonly market: Market;
  readonly rpc: Rpc;
  readonly chain: AnvilHandle;
  /** Seconds of market that pass before the vault opens, for the models to look back on. */
  readonly warmupSeconds: number;
  /** Unix seconds at which the run ends. */
  readonly until: number;
  readonly section: Omit<MarketSection, "from" | "to" | "swaps" | "blocks">;
  /** The pass without the vault; given the swaps of the pass with it, says what the vault changed. */
  readonly replay: ((withVault: readonly MarketSwap[]) => ReplaySection) | null;
}

const WEEK_HOURS = 168;
const DAY_SECONDS = 86_400;
const SYNTHETIC_WARMUP_SECONDS = 3 * DAY_SECONDS;

/** Opens the recorded market, after a first pass that holds it to its record, or draws a synthetic one. */
export async function openMarket(parameters: OpenMarketParameters): Promise<OpenedMarket> {
  return parameters.recorded ? openRecorded(parameters, parameters.recorded) : openSynthetic(parameters);
}

async function openRecorded(parameters: OpenMarketParameters, data: MarketData): Promise<OpenedMarket> {
  const { progress, startChain } = parameters;
  const plan = planReplay(data);
  progress.step(`first pass, without the vault: ${data.events.length} recorded events through the real pool`);
  const first = await startChain(plan.startTimestamp);
  const firstRpc = createRpc(first.url);
  const alone = await createReplayMarket(firstRpc, { plan });
  const seen = await replayAll(alone);
  firstRpc.close();
  await first.stop();
  progress.step(
    `${seen.exact}/${seen.swaps} swaps equal the record (${seen.exactIn} exact-in, ${seen.exactOut} exact-out, ${seen.atLimit} at a price limit)`,
  );

  const chain = await startChain(plan.startTimestamp);
  const rpc = createRpc(chain.url);
  const market = await createReplayMarket(rpc, { plan, orders: alone.orders });
  const span = market.endTimestamp - market.startTimestamp;
  const warmupSeconds = Math.min(DAY_SECONDS, Math.floor(span / 4));
  const opening = market.startTimestamp + warmupSeconds;
  return {
    market,
    rpc,
    chain,
    warmupSeconds,
    until: parameters.hours === undefined ? market.endTimestamp : opening + parameters.hours * 3600,
    section: {
      name: data.name,
      kind: "recorded",
      seed: null,
      feePips: market.pool.feePips,
      source: data.eventFile,
      notes: [...new Set([...plan.notes, ...market.notes])],
    },
    replay: (withVault) => ({
      reconstructed: plan.reconstructed,
      swaps: seen.swaps,
      exact: seen.exact,
      exactIn: seen.exactIn,
      exactOut: seen.exactOut,
      atLimit: seen.atLimit,
      mints: seen.mints,
      burns: seen.burns,
      medianDeviationBps: seen.medianAmountErrorBps,
      withVault: changeOf(withVault),
    }),
  };
}

async function openSynthetic({ hours = WEEK_HOURS, seed, startChain }: OpenMarketParameters): Promise<OpenedMarket> {
  const plan = planSynthetic({ seed, seconds: SYNTHETIC_WARMUP_SECONDS + hours * 3600 });
  const chain = await startChain(plan.startTimestamp);
  const rpc = createRpc(chain.url);
  const market = await createSyntheticMarket(rpc, { plan });
  return {
    market,
    rpc,
    chain,
    warmupSeconds: SYNTHETIC_WARMUP_SECONDS,
    until: market.endTimestamp,
    section: {
      name: market.name,
      kind: "synthetic",
      seed,
      feePips: market.pool.feePips,
      source: "ml/sim/parameters.json",
      notes: market.notes,
    },
    replay: null,
  };
}

/** How far the outcome of each recorded order moved: the amount it received, and the price it left. */
function changeOf(swaps: readonly MarketSwap[]): ReplaySection["withVault"] {
  const relativeBps = (is: bigint, was: bigint) => (was === 0n ? 0 : Math.abs(Number(is - was) / Number(was)) * 1e4);
  const changes = swaps.flatMap(({ recorded, amount0, amount1, mode }) => {
    // A swap that no order explains ended at its recorded price in the first pass too: it has no outcome to compare.
    if (!recorded || mode === "moved") return [];
    // The side that the order left open: what came out of an exact input, what an exact output cost.
    const zeroForOne = recorded.amount0 > 0n;
    const open0 = mode === "exact-out" ? zeroForOne : !zeroForOne;
    return [open0 ? relativeBps(amount0, recorded.amount0) : relativeBps(amount1, recorded.amount1)];
  });
  const last = swaps.findLast(({ recorded }) => recorded !== null);
  if (!last?.recorded) return null;
  return {
    medianBps: median(changes) ?? 0,
    maxBps: changes.reduce((most, change) => Math.max(most, change), 0),
    finalPriceBps: 2 * relativeBps(last.sqrtPriceX96, last.recorded.sqrtPriceX96),
  };
}
