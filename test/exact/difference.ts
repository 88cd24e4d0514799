import type { Hex } from "../../ml/types.ts";
import type { Chunk, CreatePool } from "./chunk.ts";
import { playOperation } from "./operation.ts";
import { writePool, writeTick } from "./stateHash.ts";
import { type WordWriter, wordWriter } from "./words.ts";

/** One word in which the real pool and the engine differ. */
export interface DifferentWord {
  readonly word: string;
  readonly engine: bigint;
  readonly real: bigint;
}

const POOL_WORDS = [
  "sqrtPriceX96",
  "tick",
  "observationIndex",
  "observationCardinality",
  "observationCardinalityNext",
  "feeProtocol",
  "unlocked",
  "liquidity",
  "feeGrowthGlobal0X128",
  "feeGrowthGlobal1X128",
  "protocolFees0",
  "protocolFees1",
  "observation.blockTimestamp",
  "observation.tickCumulative",
  "observation.secondsPerLiquidityCumulativeX128",
  "observation.initialized",
] as const;

const TICK_WORDS = [
  "liquidityGross",
  "liquidityNet",
  "feeGrowthOutside0X128",
  "feeGrowthOutside1X128",
  "tickCumulativeOutside",
  "secondsPerLiquidityOutsideX128",
  "secondsOutside",
  "initialized",
  "bitmapWord",
] as const;

/** Plays a chunk up to and with an operation, and compares the engine's words with the real pool's. */
export function differentWords(
  createPool: CreatePool,
  chunk: Chunk,
  operation: number,
  real: { readonly pool: Hex; readonly ticks: readonly { readonly tick: number; readonly words: Hex }[] },
): { readonly answer: Hex; readonly words: DifferentWord[] } {
  const pool = createPool(chunk.start ?? { feePips: chunk.feePips, tickSpacing: chunk.tickSpacing });
  const writer = wordWriter();
  for (const each of chunk.operations.slice(0, operation + 1)) {
    writer.clear();
    playOperation(pool, each, writer);
  }
  const answer: Hex = `0x${Buffer.from(writer.written()).toString("hex")}`;
  const found = compare(writer, POOL_WORDS, real.pool, () => writePool(writer, pool));
  for (const { tick, words } of real.ticks) {
    const names = TICK_WORDS.map((name) => `tick ${tick}.${name}`);
    found.push(...compare(writer, names, words, () => writeTick(writer, pool, tick)));
  }
  return { answer, words: found };
}

function compare(writer: WordWriter, names: readonly string[], real: Hex, write: () => void): DifferentWord[] {
  writer.clear();
  write();
  const engine = Buffer.from(writer.written()).toString("hex");
  return names.flatMap((word, i) => {
    const at = (text: string, offset: number) =>
      BigInt(`0x${text.slice(offset + 64 * i, offset + 64 * (i + 1)) || "0"}`);
    const pair = { word, engine: at(engine, 0), real: at(real, 2) };
    return pair.engine === pair.real ? [] : [pair];
  });
}
