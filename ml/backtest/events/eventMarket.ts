import { swapsOf, toBars } from "../../data/bars.ts";
import type { PoolEvent } from "../../data/events.ts";
import type { MarketData } from "../../data/market.ts";
import type { PoolState } from "../../data/state.ts";
import type { ReplayOrder } from "../../sim/exact/orders.ts";
import { planReplay, withObservation } from "../../sim/exact/plan.ts";
import { createPool as createFastPool } from "../../sim/exact/pool.ts";
import { replayEvents } from "../../sim/exact/replay.ts";
import type { ExactPool } from "../../sim/exact/types.ts";
import type { PoolMeta } from "../../types.ts";
import type { BacktestMarket, OpenMarketParameters } from "../market.ts";
import { type EventSession, openEventSession, type RecordedBlock } from "./eventSession.ts";
import { type BlockTime, blockSecondsOf, createTimeline, mergeTimes, type Timeline } from "./timeline.ts";

/** Length of the bars that a clairvoyant sees: as fine as LVR is measured by default. */
const FUTURE_SECONDS = 300;
const NOBODY = "0x0000000000000000000000000000000000000000";

/** What an event market is made of: one recorded pool, ready to be played any number of times. */
export interface EventRecord {
  readonly pool: PoolMeta;
  readonly state: PoolState;
  readonly startTimestamp: number;
  readonly blocks: readonly RecordedBlock[];
  /** How each swap was ordered, in their order. */
  readonly orders: readonly ReplayOrder[];
  readonly timeline: Timeline;
  /** Since when no swap is missing, unix seconds. */
  readonly completeFrom: number;
  readonly createPool: (state: PoolState) => ExactPool;
  readonly gasPriceWei: GasSeries | null;
}

/** Wei per unit of gas at a time; null where it is not known. */
export type GasSeries = (atSeconds: number) => number | null;

export interface EventMarketParameters {
  readonly data: MarketData;
  /** sha256 of the files, for the report. */
  readonly dataSha256: string;
  /** The engine; the fast one unless told. */
  readonly createPool?: (state: PoolState) => ExactPool;
  /** Takes the place of the gas prices that the events record. */
  readonly gasPriceWei?: GasSeries;
  /** Blocks whose times are known beside those of the events: between known ones block numbers are interpolated. */
  readonly blockTimes?: readonly BlockTime[];
  /** Since when the events are complete, unix seconds, where that is before the first one; absent = from the first on. */
  readonly completeFrom?: number;
}

/** An event market, whose sessions know their pool. */
export interface EventMarket extends BacktestMarket {
  open(parameters: OpenMarketParameters): EventSession;
}

/**
 * A market of recorded events, played in an exact pool. What would have happened with us in it is not on record; this
 * is assumed: every recorded order comes again with its recorded amount, so that it moves a deeper pool less. Whenever
 * a block leaves the pool's price further from the recorded one than the fee, an arbitrageur brings it back to the edge
 * of that fee band and pays the fee like anyone. With vanishing own liquidity the record comes out as it was.
 */
export function createEventMarket(parameters: EventMarketParameters): EventMarket {
  const { data, dataSha256, createPool = createFastPool, gasPriceWei = null } = parameters;
  const plan = planReplay(data);
  const { startTimestamp } = plan;
  const state = withObservation(plan.state, startTimestamp);
  const found = createPool(state);
  found.setTime(startTimestamp);
  const summary = replayEvents(found, data.events);
  const pool: PoolMeta = {
    chainId: data.pool.chainId,
    address: data.pool.address ?? NOBODY,
    token0: { ...data.pool.token0, address: data.pool.token0.address ?? NOBODY },
    token1: { ...data.pool.token1, address: data.pool.token1.address ?? NOBODY },
    feePips: data.pool.feePips,
    tickSpacing: data.pool.tickSpacing,
  };
  const blocks = groupByBlock(data.events);
  const record: EventRecord = {
    pool,
    state,
    startTimestamp,
    blocks,
    orders: summary.orders,
    timeline: createTimeline(mergeTimes(blocks, parameters.blockTimes ?? []), blockSecondsOf(pool.chainId)),
    completeFrom: Math.min(parameters.completeFrom ?? Number.POSITIVE_INFINITY, blocks[0]?.timestamp ?? startTimestamp),
    createPool,
    gasPriceWei,
  };
  const notes = [...plan.notes];
  if (summary.exact < summary.swaps) {
    notes.push(
      `${summary.exact} of ${summary.swaps} recorded swaps replay exactly; ${summary.moved} are played as the amounts ` +
        "that lead to their recorded price",
    );
  }
  return {
    description: {
      name: data.name,
      pool,
      feeModel: "exact",
      fromSeconds: blocks[0]?.timestamp ?? startTimestamp,
      toSeconds: blocks.at(-1)?.timestamp ?? startTimestamp,
      events: data.events.length,
      dataSha256,
      notes,
    },
    stepSeconds: 0,
    knowsGas: gasPriceWei !== null || data.events[0]?.gasPriceWei != null,
    open: (at) => openEventSession(record, at),
    until: (seconds) => endingAt(parameters, plan.state, seconds),
    recordedBars: (span) => recordedBars(data.events, pool, span),
  };
}

/** A market without its later events. What they prove about the starting state stays known: it is what was there. */
function endingAt(parameters: EventMarketParameters, state: PoolState, seconds: number): BacktestMarket {
  const events = parameters.data.events.filter(({ timestamp }) => timestamp <= seconds);
  const market = createEventMarket({ ...parameters, data: { ...parameters.data, state, events } });
  const end = Math.min(seconds, parameters.data.events.at(-1)?.timestamp ?? seconds);
  return { ...market, description: { ...market.description, toSeconds: end } };
}

function recordedBars(
  events: readonly PoolEvent[],
  pool: PoolMeta,
  { numeraire, fromSeconds, toSeconds }: OpenMarketParameters & { readonly toSeconds: number },
) {
  const swaps = swapsOf(events);
  const untilSeconds = fromSeconds + Math.floor((toSeconds - fromSeconds) / FUTURE_SECONDS) * FUTURE_SECONDS;
  const fromTimestamp = events[0]?.timestamp ?? fromSeconds;
  return toBars({ swaps, fromTimestamp, pool }, numeraire, { barSeconds: FUTURE_SECONDS, untilSeconds }).filter(
    ({ startSeconds }) => startSeconds >= fromSeconds,
  );
}

function groupByBlock(events: readonly PoolEvent[]): RecordedBlock[] {
  const blocks: { block: number; timestamp: number; events: PoolEvent[]; firstSwap: number }[] = [];
  let swaps = 0;
  for (const event of events) {
    const current = blocks.at(-1);
    if (current?.block === event.block) current.events.push(event);
    else blocks.push({ block: event.block, timestamp: event.timestamp, events: [event], firstSwap: swaps });
    if (event.type === "SWAP") swaps++;
  }
  return blocks;
}
