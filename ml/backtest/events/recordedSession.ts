import type { MarketData } from "../../data/market.ts";
import type { PoolHistory, PoolMeta, SwapEvent } from "../../types.ts";
import type { ReplaySession } from "../replayDecisions.ts";
import { firstAfter } from "./hourlyBars.ts";
import { type BlockTime, blockSecondsOf, createTimeline, mergeTimes } from "./timeline.ts";

export interface RecordedSessionParameters {
  readonly data: Pick<MarketData, "events" | "state">;
  readonly pool: PoolMeta;
  /** Blocks whose times are known beside those of the events. */
  readonly blockTimes: readonly BlockTime[];
  /** Since when the events are complete, unix seconds. */
  readonly completeFrom: number;
}

/**
 * A record that is read and not played: for a pool whose state before the first event nobody knows. Price and tick are
 * the last swap's, liquidity is the last swap's with what was minted and burned in range since.
 */
export function openRecordedSession(parameters: RecordedSessionParameters): ReplaySession {
  const { data, pool, completeFrom } = parameters;
  const { events } = data;
  const timeline = createTimeline(mergeTimes(events, parameters.blockTimes), blockSecondsOf(pool.chainId));
  const swaps: SwapEvent[] = [];
  let next = 0;
  let now = { atSeconds: completeFrom, block: events[0]?.block ?? 0 };
  const { sqrtPriceX96 = 0n, tick = 0, liquidity = 0n } = data.state ?? {};
  let spot = { sqrtPriceX96, tick, liquidity };

  return {
    get atSeconds() {
      return now.atSeconds;
    },
    get block() {
      return now.block;
    },
    advance(untilSeconds) {
      for (let event = events[next]; event !== undefined && event.timestamp <= untilSeconds; event = events[++next]) {
        if (event.type === "SWAP") {
          const { block, timestamp, order: logIndex, amount0, amount1, sqrtPriceX96, liquidity, tick } = event;
          swaps.push({ block, timestamp, logIndex, amount0, amount1, sqrtPriceX96, liquidity, tick });
          spot = { sqrtPriceX96, tick, liquidity };
        } else if (event.type !== "COLLECT" && event.tickLower <= spot.tick && spot.tick < event.tickUpper) {
          spot = { ...spot, liquidity: spot.liquidity + event.liquidityDelta };
        }
      }
      now = { atSeconds: untilSeconds, block: timeline.blockAt(untilSeconds) };
    },
    history(lookbackSeconds): PoolHistory {
      const fromTimestamp = Math.max(completeFrom, now.atSeconds - lookbackSeconds);
      return {
        pool,
        swaps: swaps.slice(firstAfter(swaps, fromTimestamp - 1)),
        fromTimestamp,
        toBlock: now.block,
        toTimestamp: now.atSeconds,
        ...spot,
      };
    },
  };
}
