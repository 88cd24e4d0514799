import type { PoolState } from "../../data/state.ts";
import { InvalidInputError } from "../../errors.ts";
import type { Address } from "../../types.ts";
import { MAX_SQRT_PRICE_X96, MIN_SQRT_PRICE_X96 } from "../../units.ts";
import { int56, uint32, uint128, uint160 } from "./integers.ts";
import { burn, collect, globalFeeGrowth, mint, requireInitialised } from "./liquidity.ts";
import { cumulativesAgo, cumulativesNow, EMPTY_OBSERVATION, growOracle, startOracle } from "./oracle.ts";
import { feesSince } from "./positions.ts";
import { collectProtocol, flash, setFeeProtocol } from "./protocol.ts";
import { contractRequires } from "./revert.ts";
import {
  copyStorage,
  type FreshPool,
  freshStorage,
  positionOf,
  type Storage,
  stateOf,
  storageOf,
  tickOf,
} from "./storage.ts";
import { swap } from "./swap.ts";
import { tickAtSqrtPrice } from "./tickMath.ts";
import { checkTicks, feeGrowthInside } from "./ticks.ts";
import type { Amounts, ExactPool, PoolSnapshot, PositionKey } from "./types.ts";

const NOBODY: Address = "0x0000000000000000000000000000000000000000";
const ENGINE = "reference";

/** Parts of a state file that the engine passes through. */
type Origin = Pick<PoolState, "address" | "block" | "token0" | "token1" | "balance0" | "balance1" | "notes">;

interface ReferenceSnapshot extends PoolSnapshot {
  readonly storage: Storage;
  readonly time: number;
}

/** The readable exact engine, in plain BigInt: a pool from its state, or a fresh one that is yet to be initialised. */
export function createReferencePool(start: PoolState | FreshPool): ExactPool {
  if ("sqrtPriceX96" in start) return referencePool(storageOf(start), 0, start);
  const origin = { address: NOBODY, block: 0, token0: NOBODY, token1: NOBODY, balance0: 0n, balance1: 0n, notes: [] };
  return referencePool(freshStorage(start), 0, origin);
}

function referencePool(initial: Storage, initialTime: number, origin: Origin): ExactPool {
  let storage = initial;
  let time = initialTime;
  return {
    get feePips() {
      return storage.feePips;
    },
    get tickSpacing() {
      return storage.tickSpacing;
    },
    get sqrtPriceX96() {
      return storage.sqrtPriceX96;
    },
    get tick() {
      return storage.tick;
    },
    get liquidity() {
      return storage.liquidity;
    },
    get feeGrowthGlobal0X128() {
      return storage.feeGrowthGlobal0X128;
    },
    get feeGrowthGlobal1X128() {
      return storage.feeGrowthGlobal1X128;
    },
    get feeProtocol() {
      return storage.feeProtocol;
    },
    get protocolFees0() {
      return storage.protocolFees0;
    },
    get protocolFees1() {
      return storage.protocolFees1;
    },
    get observationIndex() {
      return storage.oracle.index;
    },
    get observationCardinality() {
      return storage.oracle.cardinality;
    },
    get observationCardinalityNext() {
      return storage.oracle.cardinalityNext;
    },
    setTime(timestamp) {
      time = uint32(timestamp);
    },
    initialize: (sqrtPriceX96) => initialize(storage, sqrtPriceX96, time),
    swap: (order) => swap(storage, order, time),
    mint: (key, liquidity) => mint(storage, key, liquidity, time),
    burn: (key, liquidity) => burn(storage, key, liquidity, time),
    collect: (key, amount0, amount1) => collect(storage, key, amount0, amount1),
    flash: (paid0, paid1) => flash(storage, paid0, paid1),
    setFeeProtocol: (feeProtocol0, feeProtocol1) => setFeeProtocol(storage, feeProtocol0, feeProtocol1),
    collectProtocol: (amount0, amount1) => collectProtocol(storage, amount0, amount1),
    increaseObservationCardinalityNext(cardinalityNext) {
      requireInitialised(storage, "increaseObservationCardinalityNext");
      growOracle(storage.oracle, cardinalityNext);
    },
    observe: (secondsAgos) => observe(storage, secondsAgos, time),
    snapshotCumulativesInside: (tickLower, tickUpper) => snapshotInside(storage, tickLower, tickUpper, time),
    position: (key) => positionOf(storage, key),
    uncollectedFees: (key) => uncollectedFees(storage, key),
    tickState: (tick) => tickOf(storage, tick),
    observation: (index) => storage.oracle.ring[index] ?? EMPTY_OBSERVATION,
    bitmapWord: (position) => storage.bitmap.get(position) ?? 0n,
    state: () => ({
      address: origin.address,
      block: origin.block,
      token0: origin.token0,
      token1: origin.token1,
      balance0: origin.balance0,
      balance1: origin.balance1,
      notes: origin.notes,
      ...stateOf(storage),
    }),
    snapshot: (): ReferenceSnapshot => ({ engine: ENGINE, storage: copyStorage(storage), time }),
    restore(snapshot) {
      if (snapshot.engine !== ENGINE) {
        throw new InvalidInputError(
          `snapshot.engine is ${snapshot.engine}, but it must be ${ENGINE}, this engine's own`,
        );
      }
      const taken = snapshot as ReferenceSnapshot;
      storage = copyStorage(taken.storage);
      time = taken.time;
    },
    fork: () => referencePool(copyStorage(storage), time, origin),
  };
}

function initialize(storage: Storage, sqrtPriceX96: bigint, time: number): void {
  contractRequires(storage.sqrtPriceX96 === 0n, "initialize", "AI", "the pool is initialised already");
  contractRequires(
    sqrtPriceX96 >= MIN_SQRT_PRICE_X96 && sqrtPriceX96 < MAX_SQRT_PRICE_X96,
    "initialize",
    "R",
    `the sqrt price must be from ${MIN_SQRT_PRICE_X96} to below ${MAX_SQRT_PRICE_X96}, got ${sqrtPriceX96}`,
  );
  storage.sqrtPriceX96 = sqrtPriceX96;
  storage.tick = tickAtSqrtPrice(sqrtPriceX96);
  storage.feeProtocol = 0;
  startOracle(storage.oracle, time);
}

function observe(storage: Storage, secondsAgos: readonly number[], time: number): ReturnType<ExactPool["observe"]> {
  const { oracle, tick, liquidity } = storage;
  contractRequires(oracle.cardinality > 0, "observe", "I", "the pool must be initialised");
  const seen = secondsAgos.map((secondsAgo) => cumulativesAgo(oracle, time, secondsAgo, tick, liquidity));
  return {
    tickCumulatives: seen.map(({ tickCumulative }) => tickCumulative),
    secondsPerLiquidityCumulativeX128s: seen.map((s) => s.secondsPerLiquidityCumulativeX128),
  };
}

function snapshotInside(
  storage: Storage,
  tickLower: number,
  tickUpper: number,
  time: number,
): ReturnType<ExactPool["snapshotCumulativesInside"]> {
  const operation = "snapshotCumulativesInside";
  checkTicks(operation, tickLower, tickUpper);
  const lower = tickOf(storage, tickLower);
  const upper = tickOf(storage, tickUpper);
  for (const { tick, initialized } of [lower, upper]) {
    contractRequires(initialized, operation, "", `tick ${tick} must be initialised`);
  }
  const { tick, liquidity, oracle } = storage;
  let ticks = lower.tickCumulativeOutside - upper.tickCumulativeOutside;
  let seconds = lower.secondsPerLiquidityOutsideX128 - upper.secondsPerLiquidityOutsideX128;
  let elapsed = lower.secondsOutside - upper.secondsOutside;
  if (tick >= tickUpper) {
    [ticks, seconds, elapsed] = [-ticks, -seconds, -elapsed];
  } else if (tick >= tickLower) {
    const now = cumulativesNow(oracle, time, tick, liquidity);
    ticks = now.tickCumulative - lower.tickCumulativeOutside - upper.tickCumulativeOutside;
    seconds =
      now.secondsPerLiquidityCumulativeX128 -
      lower.secondsPerLiquidityOutsideX128 -
      upper.secondsPerLiquidityOutsideX128;
    elapsed = time - lower.secondsOutside - upper.secondsOutside;
  }
  return {
    tickCumulativeInside: int56(ticks),
    secondsPerLiquidityInsideX128: uint160(seconds),
    secondsInside: uint32(elapsed),
  };
}

function uncollectedFees(storage: Storage, key: PositionKey): Amounts {
  const held = positionOf(storage, key);
  const lower = tickOf(storage, key.tickLower);
  const upper = tickOf(storage, key.tickUpper);
  const { fees0, fees1 } = feesSince(held, feeGrowthInside(lower, upper, storage.tick, globalFeeGrowth(storage)));
  return { amount0: uint128(held.tokensOwed0 + fees0), amount1: uint128(held.tokensOwed1 + fees1) };
}
