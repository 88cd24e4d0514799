import type { ObservationState } from "../../data/state.ts";
import { int56, uint32, uint160 } from "./integers.ts";
import { contractRequires } from "./revert.ts";

/** The ring of observations with what the contract keeps about it. Entries are replaced, never changed. */
export interface Oracle {
  ring: ObservationState[];
  index: number;
  cardinality: number;
  cardinalityNext: number;
}

/** Sums since the pool began: of ticks, and of seconds per unit of liquidity (Q128.128). */
export interface Cumulatives {
  readonly tickCumulative: bigint;
  readonly secondsPerLiquidityCumulativeX128: bigint;
}

export const EMPTY_OBSERVATION: ObservationState = {
  blockTimestamp: 0,
  tickCumulative: 0n,
  secondsPerLiquidityCumulativeX128: 0n,
  initialized: false,
};

const at = ({ ring }: Oracle, index: number): ObservationState => ring[index] ?? EMPTY_OBSERVATION;

/** An observation carried forward to `time` with tick and liquidity unchanged since; no liquidity counts as one unit. */
function transform(last: ObservationState, time: number, tick: number, liquidity: bigint): ObservationState {
  const elapsed = BigInt(uint32(time - last.blockTimestamp));
  const perLiquidity = (elapsed << 128n) / (liquidity > 0n ? liquidity : 1n);
  return {
    blockTimestamp: time,
    tickCumulative: int56(last.tickCumulative + BigInt(tick) * elapsed),
    secondsPerLiquidityCumulativeX128: uint160(last.secondsPerLiquidityCumulativeX128 + perLiquidity),
    initialized: true,
  };
}

/** The first observation, at the pool's initialisation. */
export function startOracle(oracle: Oracle, time: number): void {
  oracle.ring[0] = { ...EMPTY_OBSERVATION, blockTimestamp: time, initialized: true };
  oracle.index = 0;
  oracle.cardinality = 1;
  oracle.cardinalityNext = 1;
}

/** Writes the tick and liquidity that held since the last observation; at most one per block. */
export function writeObservation(oracle: Oracle, time: number, tick: number, liquidity: bigint): void {
  const last = at(oracle, oracle.index);
  if (last.blockTimestamp === time) return;
  // The ring only grows when it is at its end, so that its order stays whole.
  if (oracle.cardinalityNext > oracle.cardinality && oracle.index === oracle.cardinality - 1) {
    oracle.cardinality = oracle.cardinalityNext;
  }
  oracle.index = (oracle.index + 1) % oracle.cardinality;
  oracle.ring[oracle.index] = transform(last, time, tick, liquidity);
}

/** Prepares room for more observations; a smaller number than now changes nothing. */
export function growOracle(oracle: Oracle, cardinalityNext: number): void {
  for (let i = oracle.cardinalityNext; i < cardinalityNext; i++) {
    // The contract writes a time so that the slot is paid for now; it is not an observation yet.
    oracle.ring[i] = { ...at(oracle, i), blockTimestamp: 1 };
  }
  oracle.cardinalityNext = Math.max(oracle.cardinalityNext, cardinalityNext);
}

/** The cumulatives now, given the tick and liquidity that hold now. */
export function cumulativesNow(oracle: Oracle, time: number, tick: number, liquidity: bigint): Cumulatives {
  const last = at(oracle, oracle.index);
  return last.blockTimestamp === time ? last : transform(last, time, tick, liquidity);
}

/** The cumulatives some seconds ago, interpolated between observations; reverts with "OLD" before the oldest one. */
export function cumulativesAgo(
  oracle: Oracle,
  time: number,
  secondsAgo: number,
  tick: number,
  liquidity: bigint,
): Cumulatives {
  if (secondsAgo === 0) return cumulativesNow(oracle, time, tick, liquidity);
  const target = uint32(time - secondsAgo);
  const [before, after] = surrounding(oracle, time, target, tick, liquidity);
  if (target === before.blockTimestamp) return before;
  if (target === after.blockTimestamp) return after;
  const span = BigInt(uint32(after.blockTimestamp - before.blockTimestamp));
  const part = BigInt(uint32(target - before.blockTimestamp));
  const ticks = int56(after.tickCumulative - before.tickCumulative) / span;
  const seconds = uint160(after.secondsPerLiquidityCumulativeX128 - before.secondsPerLiquidityCumulativeX128);
  return {
    tickCumulative: int56(before.tickCumulative + ticks * part),
    secondsPerLiquidityCumulativeX128: uint160(
      before.secondsPerLiquidityCumulativeX128 + uint160((seconds * part) / span),
    ),
  };
}

/** Whether a is not after b, both at most 2^32 seconds before `time`. */
const notAfter = (time: number, a: number, b: number): boolean => {
  const past = (moment: number) => (moment <= time ? moment + 2 ** 32 : moment);
  return past(a) <= past(b);
};

function surrounding(
  oracle: Oracle,
  time: number,
  target: number,
  tick: number,
  liquidity: bigint,
): readonly [ObservationState, ObservationState] {
  const newest = at(oracle, oracle.index);
  if (notAfter(time, newest.blockTimestamp, target)) {
    const reached = newest.blockTimestamp === target;
    return [newest, reached ? EMPTY_OBSERVATION : transform(newest, target, tick, liquidity)];
  }
  const next = at(oracle, (oracle.index + 1) % oracle.cardinality);
  const oldest = next.initialized ? next : at(oracle, 0);
  contractRequires(
    notAfter(time, oldest.blockTimestamp, target),
    "observe",
    "OLD",
    `the oldest observation is at ${oldest.blockTimestamp}, after the ${target} that is asked for`,
  );
  return searchRing(oracle, time, target);
}

/** The two neighbours in the ring that a moment lies between. */
function searchRing(oracle: Oracle, time: number, target: number): readonly [ObservationState, ObservationState] {
  let low = (oracle.index + 1) % oracle.cardinality;
  let high = low + oracle.cardinality - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const before = at(oracle, middle % oracle.cardinality);
    if (!before.initialized) {
      low = middle + 1;
      continue;
    }
    const after = at(oracle, (middle + 1) % oracle.cardinality);
    const reached = notAfter(time, before.blockTimestamp, target);
    if (reached && notAfter(time, target, after.blockTimestamp)) return [before, after];
    if (reached) low = middle + 1;
    else high = middle - 1;
  }
  contractRequires(
    false,
    "observe",
    "",
    `no two observations surround ${target}: the contract would not end its search`,
  );
  return [EMPTY_OBSERVATION, EMPTY_OBSERVATION];
}
