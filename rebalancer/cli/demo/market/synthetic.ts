import { readFileSync } from "node:fs";
import { encodeFunctionData } from "viem";
import { HIGHEST_LIMIT_X96, LOWEST_LIMIT_X96 } from "../../../../ml/sim/exact/orders.ts";
import { type MarketMoment, marketProcess } from "../../../../ml/sim/market.ts";
import { type MarketParameters, parseMarketParameters } from "../../../../ml/sim/parameters.ts";
import type { Address, Hex, PoolMeta } from "../../../../ml/types.ts";
import {
  ceilToSpacing,
  floorToSpacing,
  getTickAtSqrtPrice,
  LN_TICK,
  lnPriceToSqrtPriceX96,
  MAX_TICK,
  MIN_TICK,
} from "../../../../ml/units.ts";
import type { Rpc } from "../rpc.ts";
import { marketActorAbi } from "./actor.ts";
import { latestTimestamp, MARKET_OPERATOR, type MarketCall, playBlock } from "./chain.ts";
import { deployLocal } from "./deployLocal.ts";
import type { Market, MarketBlock, MarketSwap } from "./market.ts";
import { readReceipts } from "./receipts.ts";

/** Seconds of one block: coarse, so that a week is seconds of work. */
const BLOCK_SECONDS = 480;
/** Moments in a block; the price elsewhere moves and arbitrage acts at each. */
const MOMENTS = 4;
const DAY_SECONDS = 86_400;
/** 2025-01-01 00:00 UTC: any fixed time will do. */
const START_TIMESTAMP = 1_735_689_600;
const OBSERVATION_CARDINALITY = 200;

export interface PlanSyntheticParameters {
  readonly seed: number;
  /** Length of the market. */
  readonly seconds: number;
  /** Absent = the committed ones, fitted to real markets. */
  readonly parameters?: MarketParameters;
}

export interface SyntheticPlan {
  readonly seed: number;
  readonly seconds: number;
  readonly parameters: MarketParameters;
  /** The chain must be started at this time, Unix seconds. */
  readonly startTimestamp: number;
}

/** The market's parameters as committed beside the code. */
export function readMarketParameters(): MarketParameters {
  const path = new URL("../../../../ml/sim/parameters.json", import.meta.url);
  return parseMarketParameters(JSON.parse(readFileSync(path, "utf8")));
}

/** Settles everything about a synthetic market before a chain is there. */
export function planSynthetic({
  seed,
  seconds,
  parameters = readMarketParameters(),
}: PlanSyntheticParameters): SyntheticPlan {
  return { seed, seconds, parameters, startTimestamp: START_TIMESTAMP };
}

interface Band {
  readonly tickLower: number;
  readonly tickUpper: number;
  readonly liquidity: bigint;
}

/**
 * Deploys Uniswap v3 with a pool of the calibrated depth, and plays the calibrated market on it: a price elsewhere, an
 * arbitrageur who brings the pool back to within the fee of it, orders that arrive by chance, and liquidity that
 * follows the price once a day.
 */
export async function createSyntheticMarket(
  rpc: Rpc,
  { plan, outFolder }: { plan: SyntheticPlan; outFolder?: string },
): Promise<Market> {
  const { parameters } = plan;
  const startX96 = toSqrtPriceX96(parameters.startPrice, parameters);
  const deployment = await deployLocal(rpc, {
    ...parameters.pool,
    sqrtPriceX96: startX96,
    observationCardinality: OBSERVATION_CARDINALITY,
    ...(outFolder === undefined ? {} : { outFolder }),
  });
  const { actor, pool } = deployment;
  let bands = bandsAround(startX96, parameters);
  await rpc.call("evm_setAutomine", [false]);
  await playBlock(rpc, await latestTimestamp(rpc), [toActor(actor, encodeBands("open", bands))]);

  const moments = marketProcess({
    parameters,
    seed: plan.seed,
    stepSeconds: BLOCK_SECONDS / MOMENTS,
  });
  const blocks = Math.ceil(plan.seconds / BLOCK_SECONDS);
  const timeOf = (position: number) => plan.startTimestamp + (position + 1) * BLOCK_SECONDS;
  let position = 0;

  async function next(): Promise<MarketBlock | null> {
    if (position >= blocks) return null;
    const timestamp = timeOf(position);
    const group = Array.from({ length: MOMENTS }, () => moments.next().value as MarketMoment);
    const price = group.at(-1)?.price ?? parameters.startPrice;
    const calls: MarketCall[] = [];
    const newDay = position > 0 && (position * BLOCK_SECONDS) % DAY_SECONDS === 0;
    position++;
    if (newDay) {
      calls.push(toActor(actor, encodeBands("close", bands)));
      bands = bandsAround(toSqrtPriceX96(group[0]?.price ?? price, parameters), parameters);
      calls.push(toActor(actor, encodeBands("open", bands)));
    }
    calls.push(toActor(actor, encodeMoments(group, parameters)));
    const mined = await playBlock(rpc, timestamp, calls);
    return {
      block: mined.block,
      timestamp: mined.timestamp,
      swaps: readReceipts(mined.receipts, deployment).swaps.flatMap(({ mode, result }): MarketSwap[] =>
        mode === "skipped" || result === null
          ? []
          : [{ ...result, executed: true, mode, flow: mode === "price-limit" ? "informed" : "noise", recorded: null }],
      ),
      mints: newDay ? bands.length : 0,
      burns: newDay ? bands.length : 0,
      referencePrice: rawPrice(price, parameters),
    };
  }

  const nextTimestamp = () => (position < blocks ? timeOf(position) : null);
  const { token0, token1, feePips, tickSpacing } = parameters.pool;
  const meta: PoolMeta = {
    chainId: 31337,
    address: pool,
    token0: { ...token0, address: deployment.token0 },
    token1: { ...token1, address: deployment.token1 },
    feePips,
    tickSpacing,
  };
  return {
    name: `synthetic ${token1.symbol}/${token0.symbol} ${feePips / 10_000} %, seed ${plan.seed}`,
    pool: meta,
    actor,
    startTimestamp: plan.startTimestamp,
    endTimestamp: plan.startTimestamp + blocks * BLOCK_SECONDS,
    blocks,
    notes: [
      `calibrated from ${parameters.provenance.files.map(({ file }) => file).join(", ")}`,
      `blocks of ${BLOCK_SECONDS} s, ${MOMENTS} moments each; liquidity follows the price once a day`,
    ],
    nextTimestamp,
    next,
    async fastForward(untilTimestamp) {
      let block: MarketBlock | null = null;
      for (let at = nextTimestamp(); at !== null && at <= untilTimestamp; at = nextTimestamp()) block = await next();
      return block;
    },
  };
}

const toActor = (actor: Address, data: Hex): MarketCall => ({ from: MARKET_OPERATOR, to: actor, data });

const encodeBands = (functionName: "open" | "close", bands: readonly Band[]): Hex =>
  encodeFunctionData({ abi: marketActorAbi, functionName, args: [bands] });

/** Raw token1 per raw token0 for a price in whole token0 per whole token1. */
const rawPrice = (price: number, { pool }: MarketParameters): number =>
  10 ** (pool.token1.decimals - pool.token0.decimals) / price;

const toSqrtPriceX96 = (price: number, parameters: MarketParameters): bigint =>
  lnPriceToSqrtPriceX96(Math.log(rawPrice(price, parameters)), 1);

/** Nested ranges around a price that add up to the calibrated depth. */
export function bandsAround(sqrtPriceX96: bigint, { depth, pool }: MarketParameters): Band[] {
  const { tickSpacing } = pool;
  const tick = getTickAtSqrtPrice(sqrtPriceX96);
  return depth.bands.flatMap(({ halfWidth, share }, i) => {
    const liquidity = BigInt(Math.round(depth.liquidity * (share - (depth.bands[i + 1]?.share ?? 0))));
    if (liquidity <= 0n) return [];
    const reach = halfWidth === null ? Number.POSITIVE_INFINITY : halfWidth / LN_TICK;
    const tickLower = Math.max(floorToSpacing(tick - reach, tickSpacing), ceilToSpacing(MIN_TICK, tickSpacing));
    const tickUpper = Math.min(ceilToSpacing(tick + reach, tickSpacing), floorToSpacing(MAX_TICK, tickSpacing));
    return [{ tickLower, tickUpper, liquidity }];
  });
}

function encodeMoments(group: readonly MarketMoment[], parameters: MarketParameters): Hex {
  const { token0, token1, feePips } = parameters.pool;
  const fee = -Math.log(1 - feePips / 1e6);
  const trigger = fee + parameters.arbitrage.marginBps / 1e4;
  const moments = group.map(({ price, orders }) => {
    const lnPrice = Math.log(rawPrice(price, parameters));
    const at = (offset: number) => clampPrice(lnPriceToSqrtPriceX96(lnPrice + offset, 1));
    return {
      referenceX96: at(0),
      lowX96: at(-fee),
      highX96: at(fee),
      lowTriggerX96: at(-trigger),
      highTriggerX96: at(trigger),
      flows: orders.map(({ toward, size }) => ({
        toward,
        amount0: toRaw(size, token0.decimals),
        amount1: toRaw(size / price, token1.decimals),
      })),
    };
  });
  return encodeFunctionData({ abi: marketActorAbi, functionName: "live", args: [moments] });
}

const toRaw = (amount: number, decimals: number): bigint => BigInt(Math.max(1, Math.round(amount * 10 ** decimals)));

/** A price limit at the very ends would be refused. */
function clampPrice(sqrtPriceX96: bigint): bigint {
  if (sqrtPriceX96 < LOWEST_LIMIT_X96) return LOWEST_LIMIT_X96;
  return sqrtPriceX96 > HIGHEST_LIMIT_X96 ? HIGHEST_LIMIT_X96 : sqrtPriceX96;
}
