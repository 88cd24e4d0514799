import { encodeAbiParameters, encodePacked, keccak256, toHex } from "viem";
import type { PoolState, PositionState, TickState } from "../../../../ml/data/state.ts";
import { PoolStateError } from "../../../../ml/sim/exact/plan.ts";
import type { Address, Hex } from "../../../../ml/types.ts";
import { getTickAtSqrtPrice } from "../../../../ml/units.ts";
import type { Rpc } from "../rpc.ts";

export interface StorageWrite {
  readonly slot: Hex;
  readonly value: Hex;
}

/** Where UniswapV3Pool keeps its variables (v3-core 1.0.1). */
const SLOT = {
  slot0: 0n,
  feeGrowthGlobal0X128: 1n,
  feeGrowthGlobal1X128: 2n,
  protocolFees: 3n,
  liquidity: 4n,
  ticks: 5n,
  tickBitmap: 6n,
  positions: 7n,
  observations: 8n,
} as const;

const RING_LENGTH = 65535;
const word = (value: bigint): Hex => toHex(BigInt.asUintN(256, value), { size: 32 });

interface Field {
  readonly value: bigint | number | boolean;
  readonly bits: number;
}

/** Packs fields into one word, the first in the lowest bits, as Solidity does. */
function pack(fields: readonly Field[]): Hex {
  let packed = 0n;
  let shift = 0n;
  for (const { value, bits } of fields) {
    packed |= BigInt.asUintN(bits, BigInt(value)) << shift;
    shift += BigInt(bits);
  }
  return word(packed);
}

const mappingSlot = (key: Hex, slot: bigint): bigint =>
  BigInt(keccak256(encodeAbiParameters([{ type: "bytes32" }, { type: "uint256" }], [key, slot])));

/** The pool's key of a position: keccak of owner and both ticks, packed. */
export const positionKey = (owner: Address, tickLower: number, tickUpper: number): Hex =>
  keccak256(encodePacked(["address", "int24", "int24"], [owner, tickLower, tickUpper]));

/** All storage words that make a fresh pool into the one described. Throws PoolStateError when it contradicts itself. */
export function poolStorage(state: PoolState): StorageWrite[] {
  checkState(state);
  const writes: StorageWrite[] = [
    {
      slot: word(SLOT.slot0),
      value: pack([
        { value: state.sqrtPriceX96, bits: 160 },
        { value: state.tick, bits: 24 },
        { value: state.observationIndex, bits: 16 },
        { value: state.observationCardinality, bits: 16 },
        { value: state.observationCardinalityNext, bits: 16 },
        { value: state.feeProtocol, bits: 8 },
        { value: true, bits: 8 },
      ]),
    },
    { slot: word(SLOT.feeGrowthGlobal0X128), value: word(state.feeGrowthGlobal0X128) },
    { slot: word(SLOT.feeGrowthGlobal1X128), value: word(state.feeGrowthGlobal1X128) },
    {
      slot: word(SLOT.protocolFees),
      value: pack([
        { value: state.protocolFees0, bits: 128 },
        { value: state.protocolFees1, bits: 128 },
      ]),
    },
    { slot: word(SLOT.liquidity), value: word(state.liquidity) },
  ];
  const live = state.ticks.filter((tick) => tick.liquidityGross > 0n);
  for (const tick of live) writes.push(...tickWrites(tick));
  writes.push(...bitmapWrites(live, state.tickSpacing));
  for (const position of state.positions) writes.push(...positionWrites(position));
  state.observations.forEach((observation, index) => {
    writes.push({
      slot: word(SLOT.observations + BigInt(index)),
      value: pack([
        { value: observation.blockTimestamp, bits: 32 },
        { value: observation.tickCumulative, bits: 56 },
        { value: observation.secondsPerLiquidityCumulativeX128, bits: 160 },
        { value: observation.initialized, bits: 8 },
      ]),
    });
  });
  // A fresh pool is zero everywhere but in its first word and its first observation.
  return writes.filter(({ slot, value }) => BigInt(value) !== 0n || BigInt(slot) <= SLOT.observations);
}

function tickWrites(tick: TickState): StorageWrite[] {
  const base = mappingSlot(word(BigInt(tick.tick)), SLOT.ticks);
  return [
    pack([
      { value: tick.liquidityGross, bits: 128 },
      { value: tick.liquidityNet, bits: 128 },
    ]),
    word(tick.feeGrowthOutside0X128),
    word(tick.feeGrowthOutside1X128),
    pack([
      { value: tick.tickCumulativeOutside, bits: 56 },
      { value: tick.secondsPerLiquidityOutsideX128, bits: 160 },
      { value: tick.secondsOutside, bits: 32 },
      { value: true, bits: 8 },
    ]),
  ].map((value, i) => ({ slot: word(base + BigInt(i)), value }));
}

/** One bit per initialised tick, 256 to a word. */
function bitmapWrites(ticks: readonly TickState[], tickSpacing: number): StorageWrite[] {
  const words = new Map<number, bigint>();
  for (const { tick } of ticks) {
    const compressed = tick / tickSpacing;
    const key = compressed >> 8;
    words.set(key, (words.get(key) ?? 0n) | (1n << BigInt(compressed & 255)));
  }
  return [...words].map(([key, bits]) => ({
    slot: word(mappingSlot(word(BigInt(key)), SLOT.tickBitmap)),
    value: word(bits),
  }));
}

function positionWrites(position: PositionState): StorageWrite[] {
  const key = positionKey(position.owner, position.tickLower, position.tickUpper);
  const base = mappingSlot(key, SLOT.positions);
  return [
    word(position.liquidity),
    word(position.feeGrowthInside0LastX128),
    word(position.feeGrowthInside1LastX128),
    pack([
      { value: position.tokensOwed0, bits: 128 },
      { value: position.tokensOwed1, bits: 128 },
    ]),
  ].map((value, i) => ({ slot: word(base + BigInt(i)), value }));
}

function checkState(state: PoolState): void {
  const fail = (field: string, value: unknown, rule: string): never => {
    throw new PoolStateError(`pool state at block ${state.block}: ${field} is ${value}, but ${rule}`, {
      details: { field, value: String(value), rule },
    });
  };
  const priceTick = getTickAtSqrtPrice(state.sqrtPriceX96);
  // Right on a tick's price the pool reports the tick below after crossing it downwards.
  if (state.tick !== priceTick && state.tick !== priceTick - 1) {
    fail("slot0.tick", state.tick, `it must be the tick of slot0.sqrtPriceX96, ${priceTick}`);
  }
  const { observationIndex, observationCardinality, observationCardinalityNext } = state;
  if (observationCardinality < 1 || observationCardinality > RING_LENGTH) {
    fail("slot0.observationCardinality", observationCardinality, `it must be from 1 to ${RING_LENGTH}`);
  }
  if (observationIndex >= observationCardinality) {
    fail("slot0.observationIndex", observationIndex, `it must be below the cardinality ${observationCardinality}`);
  }
  if (observationCardinalityNext < observationCardinality) {
    fail("slot0.observationCardinalityNext", observationCardinalityNext, "it must not be below the cardinality");
  }
  if (state.observations.length > RING_LENGTH) {
    fail("observations", state.observations.length, `there must be at most ${RING_LENGTH}`);
  }
  for (const { tick, liquidityGross, liquidityNet } of state.ticks) {
    const size = liquidityNet < 0n ? -liquidityNet : liquidityNet;
    if (size > liquidityGross) {
      fail(`ticks.${tick}.liquidityNet`, liquidityNet, `it must not exceed liquidityGross ${liquidityGross}`);
    }
  }
}

/** Writes words into a contract's storage on the local chain. */
export async function writeStorage(rpc: Rpc, address: Address, writes: readonly StorageWrite[]): Promise<void> {
  const size = 1000;
  for (let start = 0; start < writes.length; start += size) {
    await rpc.batch(
      writes.slice(start, start + size).map(({ slot, value }) => ({
        method: "anvil_setStorageAt",
        params: [address, slot, value],
      })),
    );
  }
}
