import type { ExactPool } from "../../ml/sim/exact/types.ts";
import { type Operation, playOperation, positionKeyOf } from "./operation.ts";
import { hashOf, type WordWriter, wordWriter } from "./words.ts";

/** The pool's own words in the order in which the driver reads them. */
export function writePool(writer: WordWriter, pool: ExactPool): void {
  writer.word(pool.sqrtPriceX96);
  writer.word(pool.tick);
  writer.word(pool.observationIndex);
  writer.word(pool.observationCardinality);
  writer.word(pool.observationCardinalityNext);
  writer.word(pool.feeProtocol);
  // Unlocked, once initialised.
  writer.word(pool.sqrtPriceX96 !== 0n);
  writer.word(pool.liquidity);
  writer.word(pool.feeGrowthGlobal0X128);
  writer.word(pool.feeGrowthGlobal1X128);
  writer.word(pool.protocolFees0);
  writer.word(pool.protocolFees1);
  writeObservation(writer, pool, pool.observationIndex);
}

function writeObservation(writer: WordWriter, pool: ExactPool, index: number): void {
  const observation = pool.observation(index);
  writer.word(observation.blockTimestamp);
  writer.word(observation.tickCumulative);
  writer.word(observation.secondsPerLiquidityCumulativeX128);
  writer.word(observation.initialized);
}

/** A tick's words and its word of the bitmap. */
export function writeTick(writer: WordWriter, pool: ExactPool, tick: number): void {
  const state = pool.tickState(tick);
  writer.word(state.liquidityGross);
  writer.word(state.liquidityNet);
  writer.word(state.feeGrowthOutside0X128);
  writer.word(state.feeGrowthOutside1X128);
  writer.word(state.tickCumulativeOutside);
  writer.word(state.secondsPerLiquidityOutsideX128);
  writer.word(state.secondsOutside);
  writer.word(state.initialized);
  // Solidity divides towards zero; the ticks that the driver asks for are on the spacing unless the call reverted.
  writer.word(pool.bitmapWord(Math.trunc(tick / pool.tickSpacing) >> 8));
}

export function writePosition(writer: WordWriter, pool: ExactPool, operation: Operation): void {
  const position = pool.position(positionKeyOf(operation));
  writer.word(position.liquidity);
  writer.word(position.feeGrowthInside0LastX128);
  writer.word(position.feeGrowthInside1LastX128);
  writer.word(position.tokensOwed0);
  writer.word(position.tokensOwed1);
}

export interface StateHasher {
  /** Does an operation in the pool and takes what it left into the running hash, which it returns. */
  play(operation: Operation): Uint8Array;
  /** Whether the last operation succeeded. */
  readonly succeeded: boolean;
}

/** Keeps the same running hash over a pool's operations as the driver does over the real pool's. */
export function stateHasher(pool: ExactPool, ticks: readonly number[]): StateHasher {
  const writer = wordWriter();
  let hash: Uint8Array = new Uint8Array(32);
  let succeeded = false;
  const absorb = (write: () => void) => {
    writer.clear();
    writer.bytes(hash);
    write();
    hash = hashOf(writer);
  };
  return {
    get succeeded() {
      return succeeded;
    },
    play(operation) {
      const before = pool.tick;
      absorb(() => {
        succeeded = playOperation(pool, operation, writer);
        writePool(writer, pool);
      });
      if (!succeeded) return hash;
      const { kind, tickLower, tickUpper } = operation;
      if (kind === "swap") {
        const [low, high] = before < pool.tick ? [before, pool.tick] : [pool.tick, before];
        for (const tick of ticks) if (tick >= low && tick <= high) absorb(() => writeTick(writer, pool, tick));
      } else if (kind === "mint" || kind === "burn") {
        absorb(() => {
          writeTick(writer, pool, tickLower);
          writeTick(writer, pool, tickUpper);
          writePosition(writer, pool, operation);
        });
      } else if (kind === "collect") {
        absorb(() => writePosition(writer, pool, operation));
      }
      return hash;
    },
  };
}

/** The hash of everything that a chunk may have touched. */
export function hashEverything(pool: ExactPool, ticks: readonly number[], positions: readonly Operation[]): Uint8Array {
  const writer = wordWriter();
  writePool(writer, pool);
  let hash = hashOf(writer);
  const absorb = (write: () => void) => {
    writer.clear();
    writer.bytes(hash);
    write();
    hash = hashOf(writer);
  };
  for (const tick of ticks) absorb(() => writeTick(writer, pool, tick));
  for (const position of positions) absorb(() => writePosition(writer, pool, position));
  for (let i = 0; i < pool.observationCardinalityNext; i++) absorb(() => writeObservation(writer, pool, i));
  return hash;
}
