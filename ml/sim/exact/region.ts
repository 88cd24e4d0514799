import type { ObservationState, PoolState, PositionState, TickState } from "../../data/state.ts";
import type { Address } from "../../types.ts";
import {
  CARDINALITY,
  CARDINALITY_NEXT,
  FEE_PIPS,
  FEE_PROTOCOL,
  GROWTH0,
  GROWTH1,
  LIQUIDITY,
  MAX_LIQUIDITY,
  O_CUMULATIVE,
  O_INITIALIZED,
  O_SECONDS_PER_LIQUIDITY,
  O_TIME,
  OBSERVATION_BYTES,
  OBSERVATION_CAPACITY,
  OBSERVATION_INDEX,
  OBSERVATIONS_AT,
  P_GROWTH0,
  P_GROWTH1,
  P_LIQUIDITY,
  P_LOWER,
  P_OWED0,
  P_OWED1,
  P_UPPER,
  POSITION_BYTES,
  POSITION_CAPACITY,
  POSITION_COUNT,
  POSITIONS_AT,
  PRICE,
  PROTOCOL_FEES0,
  PROTOCOL_FEES1,
  RING_LENGTH,
  SPACING,
  T_CUMULATIVE,
  T_GROSS,
  T_GROWTH0,
  T_GROWTH1,
  T_NET,
  T_SECONDS,
  T_SECONDS_PER_LIQUIDITY,
  T_TICK,
  TICK,
  TICK_CAPACITY,
  TICK_COUNT,
} from "./layout.ts";
import { addressOf, allocate, type Region, readWide, takeOver, view, writeWide } from "./memory.ts";
import type { FreshPool } from "./storage.ts";
import { maxLiquidityPerTick } from "./ticks.ts";
import type { PositionKey } from "./types.ts";
import { engine } from "./wasm.ts";

interface Capacities {
  readonly ticks: number;
  readonly positions: number;
  readonly observations: number;
}

/** The key of a position lies here for the engine to see. */
export const KEY = engine.IO.value + 192;

/** A power of two, at least twice as many slots as positions. */
function hashSlots(positions: number): number {
  let slots = 8;
  while (slots < positions * 2) slots *= 2;
  return slots;
}

function allocatePool({ ticks, positions, observations }: Capacities): Region {
  const slots = hashSlots(positions);
  const region = allocate(engine.bytesFor(ticks, positions, slots, observations));
  engine.layOut(region.base, ticks, positions, slots, observations);
  return region;
}

/** A pool that was just deployed. */
export function freshRegion({ feePips, tickSpacing }: FreshPool, capacities: Partial<Capacities> = {}): Region {
  const region = allocatePool({ ticks: 16, positions: 16, observations: 1, ...capacities });
  const { base } = region;
  view.setUint32(base + FEE_PIPS, feePips, true);
  view.setInt32(base + SPACING, tickSpacing, true);
  writeWide(base + MAX_LIQUIDITY, 2, maxLiquidityPerTick(tickSpacing));
  return region;
}

const roomFor = (count: number): number => Math.ceil(count * 1.1) + 16;

/** A pool in a state. Ticks without liquidity are left out, as the contract clears them. */
export function regionOf(state: PoolState): Region {
  const { ticks, positions, observations } = state;
  const region = freshRegion(state, {
    ticks: roomFor(ticks.length),
    positions: roomFor(positions.length),
    observations: Math.max(observations.length, state.observationCardinality, state.observationCardinalityNext, 1),
  });
  const { base } = region;
  writeWide(base + PRICE, 3, state.sqrtPriceX96);
  writeWide(base + LIQUIDITY, 2, state.liquidity);
  view.setInt32(base + TICK, state.tick, true);
  view.setUint32(base + FEE_PROTOCOL, state.feeProtocol, true);
  writeWide(base + GROWTH0, 4, state.feeGrowthGlobal0X128);
  writeWide(base + GROWTH1, 4, state.feeGrowthGlobal1X128);
  writeWide(base + PROTOCOL_FEES0, 2, state.protocolFees0);
  writeWide(base + PROTOCOL_FEES1, 2, state.protocolFees1);
  view.setUint32(base + OBSERVATION_INDEX, state.observationIndex, true);
  view.setUint32(base + CARDINALITY, state.observationCardinality, true);
  view.setUint32(base + CARDINALITY_NEXT, state.observationCardinalityNext, true);
  for (const tick of ticks) if (tick.liquidityGross > 0n) writeTick(engine.insertTick(base, tick.tick), tick);
  for (const position of positions) {
    writeKey(position);
    const held = engine.findPosition(base, KEY);
    writePosition(held === 0 ? engine.insertPosition(base, KEY) : held, position);
  }
  const ring = base + view.getUint32(base + OBSERVATIONS_AT, true);
  observations.forEach((observation, i) => {
    writeObservation(ring + i * OBSERVATION_BYTES, observation);
  });
  view.setUint32(base + RING_LENGTH, observations.length, true);
  return region;
}

/** Sees to it that a pool has room for so many more ticks and positions, and for so many observations in all. */
export function makeRoom(region: Region, moreTicks: number, morePositions: number, observations: number): void {
  const base = addressOf(region);
  const get = (at: number) => view.getUint32(base + at, true);
  const ticks = get(TICK_COUNT) + moreTicks;
  const positions = get(POSITION_COUNT) + morePositions;
  const isTight =
    ticks > get(TICK_CAPACITY) || positions > get(POSITION_CAPACITY) || observations > get(OBSERVATION_CAPACITY);
  if (!isTight) return;
  const grown = (needed: number, capacity: number) => (needed > capacity ? Math.ceil(needed * 1.5) + 8 : capacity);
  const larger = allocatePool({
    ticks: grown(ticks, get(TICK_CAPACITY)),
    positions: grown(positions, get(POSITION_CAPACITY)),
    observations: Math.max(observations, get(OBSERVATION_CAPACITY)),
  });
  engine.moveInto(larger.base, addressOf(region));
  takeOver(region, larger);
}

let lastOwner = "";

/** Writes a position's key to KEY: 20 bytes of owner, both ticks. */
export function writeKey({ owner, tickLower, tickUpper }: PositionKey): void {
  if (owner !== lastOwner) {
    for (let i = 0; i < 5; i++) {
      view.setUint32(KEY + 4 * i, Number.parseInt(owner.slice(2 + 8 * i, 10 + 8 * i), 16), false);
    }
    lastOwner = owner;
  }
  view.setInt32(KEY + P_LOWER, tickLower, true);
  view.setInt32(KEY + P_UPPER, tickUpper, true);
}

function writeTick(at: number, tick: TickState): void {
  writeWide(at + T_GROSS, 2, tick.liquidityGross);
  writeWide(at + T_NET, 2, tick.liquidityNet);
  writeWide(at + T_GROWTH0, 4, tick.feeGrowthOutside0X128);
  writeWide(at + T_GROWTH1, 4, tick.feeGrowthOutside1X128);
  writeWide(at + T_CUMULATIVE, 1, tick.tickCumulativeOutside);
  writeWide(at + T_SECONDS_PER_LIQUIDITY, 3, tick.secondsPerLiquidityOutsideX128);
  view.setUint32(at + T_SECONDS, tick.secondsOutside, true);
}

/** The tick whose record lies at an address. */
export const readTick = (at: number): TickState => ({
  tick: view.getInt32(at + T_TICK, true),
  liquidityGross: readWide(at + T_GROSS, 2),
  liquidityNet: BigInt.asIntN(128, readWide(at + T_NET, 2)),
  feeGrowthOutside0X128: readWide(at + T_GROWTH0, 4),
  feeGrowthOutside1X128: readWide(at + T_GROWTH1, 4),
  tickCumulativeOutside: view.getBigInt64(at + T_CUMULATIVE, true),
  secondsPerLiquidityOutsideX128: readWide(at + T_SECONDS_PER_LIQUIDITY, 3),
  secondsOutside: view.getUint32(at + T_SECONDS, true),
  initialized: true,
});

function writePosition(at: number, position: PositionState): void {
  writeWide(at + P_LIQUIDITY, 2, position.liquidity);
  writeWide(at + P_GROWTH0, 4, position.feeGrowthInside0LastX128);
  writeWide(at + P_GROWTH1, 4, position.feeGrowthInside1LastX128);
  writeWide(at + P_OWED0, 2, position.tokensOwed0);
  writeWide(at + P_OWED1, 2, position.tokensOwed1);
}

function readOwner(at: number): Address {
  let hex = "0x";
  for (let i = 0; i < 20; i += 4) {
    hex += view
      .getUint32(at + i, false)
      .toString(16)
      .padStart(8, "0");
  }
  return hex as Address;
}

/** The position whose record lies at an address. */
export const readPosition = (at: number): PositionState => ({
  owner: readOwner(at),
  tickLower: view.getInt32(at + P_LOWER, true),
  tickUpper: view.getInt32(at + P_UPPER, true),
  liquidity: readWide(at + P_LIQUIDITY, 2),
  feeGrowthInside0LastX128: readWide(at + P_GROWTH0, 4),
  feeGrowthInside1LastX128: readWide(at + P_GROWTH1, 4),
  tokensOwed0: readWide(at + P_OWED0, 2),
  tokensOwed1: readWide(at + P_OWED1, 2),
});

function writeObservation(at: number, observation: ObservationState): void {
  view.setUint32(at + O_TIME, observation.blockTimestamp, true);
  view.setUint32(at + O_INITIALIZED, observation.initialized ? 1 : 0, true);
  writeWide(at + O_CUMULATIVE, 1, observation.tickCumulative);
  writeWide(at + O_SECONDS_PER_LIQUIDITY, 3, observation.secondsPerLiquidityCumulativeX128);
}

/** An entry of the ring; zeros where none was written. */
export function readObservation(base: number, index: number): ObservationState {
  if (index < 0 || index >= view.getUint32(base + RING_LENGTH, true)) {
    return { blockTimestamp: 0, tickCumulative: 0n, secondsPerLiquidityCumulativeX128: 0n, initialized: false };
  }
  const at = base + view.getUint32(base + OBSERVATIONS_AT, true) + index * OBSERVATION_BYTES;
  return {
    blockTimestamp: view.getUint32(at + O_TIME, true),
    tickCumulative: view.getBigInt64(at + O_CUMULATIVE, true),
    secondsPerLiquidityCumulativeX128: readWide(at + O_SECONDS_PER_LIQUIDITY, 3),
    initialized: view.getUint32(at + O_INITIALIZED, true) !== 0,
  };
}

export function readTicks(base: number): TickState[] {
  const count = view.getUint32(base + TICK_COUNT, true);
  return Array.from({ length: count }, (_, i) => readTick(engine.tickRecordAt(base, i)));
}

export function readPositions(base: number): PositionState[] {
  const count = view.getUint32(base + POSITION_COUNT, true);
  const first = base + view.getUint32(base + POSITIONS_AT, true);
  return Array.from({ length: count }, (_, i) => readPosition(first + i * POSITION_BYTES));
}

export function readObservations(base: number): ObservationState[] {
  return Array.from({ length: view.getUint32(base + RING_LENGTH, true) }, (_, i) => readObservation(base, i));
}
