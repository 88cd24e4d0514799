import type { PoolEvent } from "../../data/events.ts";
import type { MarketData } from "../../data/market.ts";
import type { PoolState } from "../../data/state.ts";
import { BaseError } from "../../errors.ts";
import { completeState } from "./complete.ts";
import { NoSwapsError, reconstructState } from "./reconstruct.ts";

/** A pool state contradicts itself, or the events that follow it; names the field, its value and the rule. */
export class PoolStateError extends BaseError {
  override name = "PoolStateError";
}

export interface ReplayPlan {
  readonly data: MarketData;
  /** The pool before the first event, with all that later events prove to have been in it. */
  readonly state: PoolState;
  /** The replay must begin at this time, unix seconds. */
  readonly startTimestamp: number;
  readonly reconstructed: boolean;
  readonly notes: readonly string[];
}

/** Works out the starting pool of a recorded market: from its state file, else from what the events reveal. */
export function planReplay(data: MarketData): ReplayPlan {
  const { events } = data;
  const firstEvent = events[0];
  if (!firstEvent || !events.some((event) => event.type === "SWAP")) {
    throw new NoSwapsError(`market ${data.name} holds ${events.length} events but no swap: nothing to replay`, {
      details: { market: data.name, events: events.length },
    });
  }
  const notes: string[] = [...data.notes];
  let start: PoolState;
  if (data.state !== null) {
    start = data.state;
  } else {
    const { state, seenSpans, spans, contradictions } = reconstructState(data);
    start = state;
    notes.push(
      `no starting state: liquidity reconstructed from the events (${seenSpans} of ${spans} tick spans seen, ` +
        `${contradictions} contradictions)`,
    );
  }
  const { state, deducedPositions, deducedTicks } = completeState(start, events);
  if (deducedPositions > 0) {
    notes.push(
      `${deducedPositions} positions that are burned later, and ${deducedTicks} ticks of theirs, added to the start`,
    );
  }
  return {
    data,
    state,
    startTimestamp: startTime(state, firstEvent),
    reconstructed: data.state === null,
    notes,
  };
}

/** As long before the first event as the blocks between tell, but never before the pool's last observation. */
function startTime(state: PoolState, first: PoolEvent): number {
  const observed = Math.max(0, ...state.observations.filter((o) => o.initialized).map((o) => o.blockTimestamp));
  if (observed >= first.timestamp) {
    throw new PoolStateError(
      `pool state at block ${state.block}: its last observation is at ${observed}, but the first event, which must be later, is at ${first.timestamp}`,
      { details: { observed, firstEvent: first.timestamp } },
    );
  }
  const seconds = Math.min(3600, Math.max(1, first.block - state.block) * 12);
  return Math.max(observed, first.timestamp - seconds, 1);
}

/** The ring as recorded, or one fresh observation where the file lacks the newest. */
export function withObservation(state: PoolState, now: number): PoolState {
  if (state.observations[state.observationIndex]?.initialized) return state;
  const observation = {
    blockTimestamp: now,
    tickCumulative: 0n,
    secondsPerLiquidityCumulativeX128: 0n,
    initialized: true,
  };
  return { ...state, observationIndex: 0, observationCardinality: 1, observations: [observation] };
}
