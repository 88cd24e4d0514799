import type { PoolState } from "../../data/state.ts";
import { InvalidInputError } from "../../errors.ts";
import type { Address } from "../../types.ts";
import { type PackedOutcomes, swapPacked } from "./batch.ts";
import {
  CARDINALITY,
  CARDINALITY_NEXT,
  FEE_PIPS,
  FEE_PROTOCOL,
  GROWTH0,
  GROWTH1,
  LIQUIDITY,
  OBSERVATION_INDEX,
  PRICE,
  PROTOCOL_FEES0,
  PROTOCOL_FEES1,
  SPACING,
  TICK,
  TIME,
} from "./layout.ts";
import {
  addressOf,
  bytesOf,
  duplicate,
  openRegion,
  type Region,
  readSigned,
  readWide,
  restoreBytes,
  view,
  writeWide,
} from "./memory.ts";
import { emptyPosition } from "./positions.ts";
import {
  freshRegion,
  KEY,
  makeRoom,
  readObservation,
  readObservations,
  readPosition,
  readPositions,
  readTick,
  readTicks,
  regionOf,
  writeKey,
} from "./region.ts";
import { byOwnerAndTicks, type FreshPool, isPlain } from "./storage.ts";
import { emptyTick, maxLiquidityPerTick } from "./ticks.ts";
import { type Amounts, type ExactPool, PoolRevertError, type PoolSnapshot, type PositionKey } from "./types.ts";
import { engine, revertReasons } from "./wasm.ts";

/** A pool of the fast engine. */
export interface FastPool extends ExactPool {
  /** Swaps packed orders one after the other (batch.ts: packOrders, outcomeOf); one that reverts changes nothing. */
  swapMany(orders: BigUint64Array): PackedOutcomes;
  fork(): FastPool;
}

const ENGINE = "fast";
const NOBODY: Address = "0x0000000000000000000000000000000000000000";
const IO = engine.IO.value;
const SWAP_AMOUNT = engine.SWAP_AMOUNT.value;
const SWAP_LIMIT = engine.SWAP_LIMIT.value;
const MAX_UINT128 = (1n << 128n) - 1n;
const MAX_UINT160 = (1n << 160n) - 1n;
const MAX_UINT256 = (1n << 256n) - 1n;
const MAX_INT256 = (1n << 255n) - 1n;
/** Statuses of revertReasons that are known before the engine is asked. */
const NO_REASON = 1;
const SPL = 3;
const LOK = 4;
const NO_ORACLE = 15;

interface FastSnapshot extends PoolSnapshot {
  readonly bytes: ArrayBuffer;
}

type Origin = Pick<PoolState, "address" | "block" | "token0" | "token1" | "balance0" | "balance1" | "notes">;

/** The fast exact engine, in WebAssembly: a pool from its state, or a fresh one that is yet to be initialised. */
export function createPool(start: PoolState | FreshPool): FastPool {
  if ("sqrtPriceX96" in start) return fastPool(regionOf(start), start);
  const origin = { address: NOBODY, block: 0, token0: NOBODY, token1: NOBODY, balance0: 0n, balance1: 0n, notes: [] };
  return fastPool(freshRegion(start), origin);
}

function check(operation: string, status: number): void {
  if (status === 0) return;
  const [reason, rule] = revertReasons[status] ?? ["", `status ${status}`];
  throw new PoolRevertError(operation, reason, rule);
}

/** What is asked for in 128 bits; more than that is never owed. */
const atMostUint128 = (amount: bigint): bigint => (amount > MAX_UINT128 ? MAX_UINT128 : amount);

function fastPool(region: Region, origin: Origin): FastPool {
  const address = () => addressOf(region);
  const wide = (at: number, limbs: number) => readWide(addressOf(region) + at, limbs);
  const short = (at: number) => view.getUint32(addressOf(region) + at, true);
  const requireInitialised = (operation: string) => check(operation, wide(PRICE, 3) === 0n ? LOK : 0);

  /** `liquidity` that does not fit is sent as one that the contract refuses, so that its other checks come first. */
  function changePosition(operation: "mint" | "burn", key: PositionKey, liquidity: bigint): Amounts {
    if (operation === "mint") makeRoom(region, 2, 1, 0);
    const base = openRegion(region);
    writeKey(key);
    const fits = liquidity >= 0n && liquidity <= MAX_UINT128;
    const size = fits ? liquidity : MAX_UINT128;
    check(operation, engine.changePosition(base, KEY, size, size >> 64n, operation === "mint", IO));
    return { amount0: readWide(IO, 4), amount1: readWide(IO + 32, 4) };
  }

  return {
    get feePips() {
      return short(FEE_PIPS);
    },
    get tickSpacing() {
      return short(SPACING);
    },
    get sqrtPriceX96() {
      return wide(PRICE, 3);
    },
    get tick() {
      return view.getInt32(address() + TICK, true);
    },
    get liquidity() {
      return wide(LIQUIDITY, 2);
    },
    get feeGrowthGlobal0X128() {
      return wide(GROWTH0, 4);
    },
    get feeGrowthGlobal1X128() {
      return wide(GROWTH1, 4);
    },
    get feeProtocol() {
      return short(FEE_PROTOCOL);
    },
    get protocolFees0() {
      return wide(PROTOCOL_FEES0, 2);
    },
    get protocolFees1() {
      return wide(PROTOCOL_FEES1, 2);
    },
    get observationIndex() {
      return short(OBSERVATION_INDEX);
    },
    get observationCardinality() {
      return short(CARDINALITY);
    },
    get observationCardinalityNext() {
      return short(CARDINALITY_NEXT);
    },

    setTime(timestamp) {
      view.setUint32(openRegion(region) + TIME, timestamp >>> 0, true);
    },
    initialize(sqrtPriceX96) {
      const fits = sqrtPriceX96 >= 0n && sqrtPriceX96 <= MAX_UINT160;
      const base = openRegion(region);
      writeWide(IO, 4, fits ? sqrtPriceX96 : MAX_UINT256);
      check("initialize", engine.initialize(base));
    },
    swap({ zeroForOne, amountSpecified, sqrtPriceLimitX96 }) {
      const base = openRegion(region);
      if (amountSpecified > MAX_INT256 || amountSpecified < -MAX_INT256 - 1n) check("swap", NO_REASON);
      writeWide(SWAP_AMOUNT, 4, amountSpecified);
      if (sqrtPriceLimitX96 < 0n || sqrtPriceLimitX96 > MAX_UINT160) {
        if (amountSpecified !== 0n) requireInitialised("swap");
        check("swap", amountSpecified === 0n ? 2 : SPL);
      }
      writeWide(SWAP_LIMIT, 3, sqrtPriceLimitX96);
      check("swap", engine.swapOne(base, zeroForOne));
      return {
        amount0: readSigned(IO),
        amount1: readSigned(IO + 32),
        sqrtPriceX96: readWide(base + PRICE, 3),
        tick: view.getInt32(base + TICK, true),
        liquidity: readWide(base + LIQUIDITY, 2),
      };
    },
    swapMany: (orders) => swapPacked(region, orders),
    mint: (key, liquidity) => changePosition("mint", key, liquidity),
    burn: (key, liquidity) => changePosition("burn", key, liquidity),
    collect(key, amount0Requested, amount1Requested) {
      const base = openRegion(region);
      writeKey(key);
      writeWide(IO, 2, atMostUint128(amount0Requested));
      writeWide(IO + 16, 2, atMostUint128(amount1Requested));
      check("collect", engine.collect(base, KEY, IO));
      return { amount0: readWide(IO, 2), amount1: readWide(IO + 16, 2) };
    },
    flash(paid0, paid1) {
      const base = openRegion(region);
      const fits = paid0 <= MAX_UINT256 && paid1 <= MAX_UINT256;
      if (!fits) check("flash", NO_REASON);
      writeWide(IO, 4, paid0);
      writeWide(IO + 32, 4, paid1);
      check("flash", engine.flash(base, IO));
    },
    setFeeProtocol(feeProtocol0, feeProtocol1) {
      requireInitialised("setFeeProtocol");
      for (const part of [feeProtocol0, feeProtocol1]) {
        check("setFeeProtocol", part === 0 || (part >= 4 && part <= 10) ? 0 : NO_REASON);
      }
      view.setUint32(openRegion(region) + FEE_PROTOCOL, feeProtocol0 + (feeProtocol1 << 4), true);
    },
    collectProtocol(amount0Requested, amount1Requested) {
      const base = openRegion(region);
      writeWide(IO, 2, atMostUint128(amount0Requested));
      writeWide(IO + 16, 2, atMostUint128(amount1Requested));
      check("collectProtocol", engine.collectProtocol(base, IO));
      return { amount0: readWide(IO, 2), amount1: readWide(IO + 16, 2) };
    },
    increaseObservationCardinalityNext(cardinalityNext) {
      requireInitialised("increaseObservationCardinalityNext");
      makeRoom(region, 0, 0, cardinalityNext);
      engine.growOracle(openRegion(region), cardinalityNext);
    },

    observe(secondsAgos) {
      const base = address();
      const tickCumulatives: bigint[] = [];
      const secondsPerLiquidityCumulativeX128s: bigint[] = [];
      if (secondsAgos.length === 0) check("observe", short(CARDINALITY) === 0 ? NO_ORACLE : 0);
      for (const secondsAgo of secondsAgos) {
        check("observe", engine.observe(base, secondsAgo));
        tickCumulatives.push(view.getBigInt64(IO, true));
        secondsPerLiquidityCumulativeX128s.push(readWide(IO + 8, 3));
      }
      return { tickCumulatives, secondsPerLiquidityCumulativeX128s };
    },
    snapshotCumulativesInside(tickLower, tickUpper) {
      check("snapshotCumulativesInside", engine.snapshotInside(address(), tickLower, tickUpper));
      return {
        tickCumulativeInside: view.getBigInt64(IO, true),
        secondsPerLiquidityInsideX128: readWide(IO + 8, 3),
        secondsInside: view.getUint32(IO + 32, true),
      };
    },
    position(key) {
      const base = address();
      writeKey(key);
      const at = engine.findPosition(base, KEY);
      return at === 0 ? emptyPosition(key) : readPosition(at);
    },
    uncollectedFees(key) {
      const base = address();
      writeKey(key);
      engine.uncollected(base, KEY, IO);
      return { amount0: readWide(IO, 2), amount1: readWide(IO + 16, 2) };
    },
    tickState(tick) {
      const at = engine.findTick(address(), tick);
      return at === 0 ? emptyTick(tick) : readTick(at);
    },
    observation: (index) => readObservation(address(), index),
    bitmapWord(position) {
      const base = address();
      const spacing = short(SPACING);
      let word = 0n;
      for (let bit = 0; bit < 256; bit++) {
        if (engine.findTick(base, (position * 256 + bit) * spacing) !== 0) word |= 1n << BigInt(bit);
      }
      return word;
    },
    state() {
      const base = address();
      return {
        address: origin.address,
        block: origin.block,
        token0: origin.token0,
        token1: origin.token1,
        balance0: origin.balance0,
        balance1: origin.balance1,
        notes: origin.notes,
        feePips: short(FEE_PIPS),
        tickSpacing: short(SPACING),
        maxLiquidityPerTick: maxLiquidityPerTick(short(SPACING)),
        feeGrowthGlobal0X128: wide(GROWTH0, 4),
        feeGrowthGlobal1X128: wide(GROWTH1, 4),
        protocolFees0: wide(PROTOCOL_FEES0, 2),
        protocolFees1: wide(PROTOCOL_FEES1, 2),
        liquidity: wide(LIQUIDITY, 2),
        sqrtPriceX96: wide(PRICE, 3),
        tick: view.getInt32(base + TICK, true),
        observationIndex: short(OBSERVATION_INDEX),
        observationCardinality: short(CARDINALITY),
        observationCardinalityNext: short(CARDINALITY_NEXT),
        feeProtocol: short(FEE_PROTOCOL),
        ticks: readTicks(base),
        positions: readPositions(base)
          .filter((position) => !isPlain(position))
          .sort(byOwnerAndTicks),
        observations: readObservations(base),
      };
    },
    snapshot: (): FastSnapshot => ({ engine: ENGINE, bytes: bytesOf(region) }),
    restore(snapshot) {
      if (snapshot.engine !== ENGINE) {
        throw new InvalidInputError(
          `snapshot.engine is ${snapshot.engine}, but it must be ${ENGINE}, this engine's own`,
        );
      }
      restoreBytes(region, (snapshot as FastSnapshot).bytes);
    },
    fork: () => fastPool(duplicate(region), origin),
  };
}
