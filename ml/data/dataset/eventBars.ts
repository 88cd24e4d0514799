import { findOrder, playOrder } from "../../sim/exact/orders.ts";
import { planReplay, withObservation } from "../../sim/exact/plan.ts";
import { createPool } from "../../sim/exact/pool.ts";
import { eventPlayer } from "../../sim/exact/replay.ts";
import type { ExactPool } from "../../sim/exact/types.ts";
import type { Bar, Numeraire, SwapEvent } from "../../types.ts";
import { floorToSpacing } from "../../units.ts";
import { swapsOf, toBars } from "../bars.ts";
import { createdState } from "../createdState.ts";
import { type MarketPool, startingState, UnknownMarketError } from "../market.ts";
import { isPoolEvent, type StoredEvent } from "../store/eventTypes.ts";
import { type EventSource, readAllEvents } from "../streamEvents.ts";
import { createFeeMeter, type FeeMeter } from "./feeMeter.ts";

const HOUR = 3600;
const BAR_SECONDS = 300;

export interface EventBars {
  readonly barSeconds: number;
  readonly meter: FeeMeter;
  readonly notes: readonly string[];
  readonly stateFile: string | null;
  bars(): AsyncGenerator<Bar>;
}

export interface OpenEventBarsParameters {
  readonly source: EventSource;
  /** All files of the data folder: one may hold the pool's starting state. */
  readonly files: readonly string[];
  readonly numeraire: Numeraire;
}

/**
 * The bars of recorded events, and a pool of the exact engine in which each event has happened up to the end of the last
 * bar. The events are read twice, piece by piece: first for what must have been in the pool at the start, of which mints,
 * burns and one swap per span of ticks are kept.
 */
export async function openEventBars({ source, files, numeraire }: OpenEventBarsParameters): Promise<EventBars> {
  const { pool } = source;
  if (pool === null) {
    throw new UnknownMarketError(
      `market ${JSON.stringify(source.name)} must be named <chain>_<token0>_<token1>_<fee>_…, which tells its pool`,
      { details: { name: source.name } },
    );
  }
  const { stateFile, plan } = await planStart(source, files, pool);
  const start = withObservation(plan.state, plan.startTimestamp);
  // One pool is as it was and tells how each swap was ordered; in the other, the same orders meet our positions too.
  const recorded = createPool(start);
  const metered = createPool(start);
  for (const one of [recorded, metered]) one.setTime(plan.startTimestamp);
  const play = createPlayer(recorded, metered);

  async function* bars(): AsyncGenerator<Bar> {
    let last: SwapEvent | null = null;
    let inside: SwapEvent[] = [];
    let end: number | null = null;
    let now = 0;
    const finish = (endSeconds: number): Bar => {
      const swaps = last === null ? inside : [last, ...inside];
      const fromTimestamp = endSeconds - BAR_SECONDS;
      const untilSeconds = endSeconds;
      const made = toBars({ swaps, fromTimestamp, pool: { feePips: recorded.feePips } }, numeraire, {
        barSeconds: BAR_SECONDS,
        untilSeconds,
      });
      last = inside.at(-1) ?? last;
      inside = [];
      return made[0] as Bar;
    };
    for await (const events of readAllEvents(source)) {
      for (const event of events) {
        now = event.timestamp;
        end ??= Math.ceil(now / HOUR) * HOUR + BAR_SECONDS;
        while (now > end) {
          yield finish(end);
          end += BAR_SECONDS;
        }
        play(event);
        if (event.type === "SWAP") {
          const [swap] = swapsOf([event]);
          // What came before the first bar only tells the price that it opens at.
          if (now <= end - BAR_SECONDS) last = swap ?? last;
          else if (swap !== undefined) inside.push(swap);
        }
      }
    }
    if (end !== null && now + 1 >= end) yield finish(end);
  }

  return { barSeconds: BAR_SECONDS, meter: createFeeMeter(metered, numeraire), notes: plan.notes, stateFile, bars };
}

/** The starting pool, from one pass over the events. */
async function planStart(source: EventSource, files: readonly string[], pool: MarketPool) {
  const kept: StoredEvent[] = [];
  const spans = new Set<number>();
  let first: StoredEvent | null = null;
  for await (const events of readAllEvents(source)) {
    for (const event of events) {
      const opens = first === null || kept.length < 2;
      first ??= event;
      const span = event.type === "SWAP" ? floorToSpacing(event.tick, pool.tickSpacing) : null;
      const isNew = span !== null && !spans.has(span);
      if (span !== null) spans.add(span);
      if (opens || isNew || event.type === "MINT" || event.type === "BURN") kept.push(event);
    }
  }
  const found = startingState(files, source.name, first?.block ?? 0);
  const state = found.state ?? createdState(kept, pool);
  const events = kept.filter(isPoolEvent);
  const { name, path: eventFile } = source;
  const plan = planReplay({ name, eventFile, stateFile: found.stateFile, events, state, pool, notes: [] });
  return { stateFile: found.stateFile, plan };
}

function createPlayer(recorded: ExactPool, metered: ExactPool): (event: StoredEvent) => void {
  const playRecorded = eventPlayer(recorded);
  const playMetered = eventPlayer(metered);
  return (event) => {
    if (event.type === "SWAP") {
      for (const pool of [recorded, metered]) pool.setTime(event.timestamp);
      playOrder(metered, findOrder(recorded, event).order);
    } else if (isPoolEvent(event)) {
      playRecorded(event);
      playMetered(event);
    } else if (event.type === "FLASH" || event.type === "SET_FEE_PROTOCOL") {
      for (const pool of [recorded, metered]) {
        pool.setTime(event.timestamp);
        if (event.type === "FLASH") pool.flash(event.paid0, event.paid1);
        else pool.setFeeProtocol(event.feeProtocol0, event.feeProtocol1);
      }
    }
  };
}
