import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { LOWEST_LIMIT_X96 } from "../../ml/sim/exact/orders.ts";
import { createReferencePool } from "../../ml/sim/exact/reference.ts";
import { sqrtPriceAtTick } from "../../ml/sim/exact/tickMath.ts";
import { fuzzOnAnvil } from "./anvilFuzz.ts";
import { type Chunk, drawChunk, encodeChunk, playChunk } from "./chunk.ts";
import { ENGINES, engineOf } from "./engines.ts";
import { withFeeRoundedDown } from "./fault.ts";
import { replayMarkets } from "./files.ts";
import { playInForge } from "./forge.ts";
import { fuzz } from "./fuzz.ts";
import { type Operation, playOperation } from "./operation.ts";
import { SAMPLE_FOLDER, sampleChunks } from "./sample.ts";
import { wordWriter } from "./words.ts";

// The driver may have to be compiled first.
vi.setConfig({ testTimeout: 240_000 });

const progress = { at: () => {}, end: () => {} };

describe.each(ENGINES)("the %s engine beside the real bytecode", (engine) => {
  it("leaves the pool in the same state after each of 10,000 operations", async () => {
    const seed = engine === "fast" ? 11 : 12;
    const report = await fuzz({ createPool: engineOf(engine), operations: 10_000, seed, chunk: 250, progress });
    expect(report.difference).toBeNull();
    expect([report.operations, report.pools]).toEqual([10_000, 40]);
    for (const [kind, { done }] of Object.entries(report.kinds)) expect(done, kind).toBeGreaterThan(5);
  });

  it("takes the less precise price formula where 256 bits do not suffice, as the bytecode does", async () => {
    // Only a step over hundreds of thousands of ticks at huge liquidity gets there; a seed hardly ever does.
    const [tickLower, tickUpper] = [-54 * 16_383, 54 * 16_383];
    const blank = { time: 1_700_000_000, owner: 0, zeroForOne: true, tickLower, tickUpper, a: 0n, b: 0n };
    const operations: Operation[] = [
      { ...blank, kind: "initialize", a: sqrtPriceAtTick(884_000) },
      { ...blank, kind: "mint", a: 1n << 120n },
      ...[100n, 101n, 102n, 104n, 108n].map(
        (bits): Operation => ({ ...blank, kind: "swap", a: (1n << bits) + 12_345n, b: LOWEST_LIMIT_X96 }),
      ),
    ];
    const setting = { feePips: 2500, tickSpacing: 16_383, start: null, ticks: [tickLower, tickUpper] };
    const source = { next: () => operations[next++] as Operation, positions: () => operations.slice(1, 2) };
    let next = 0;
    const chunk = playChunk(engineOf(engine)(setting), setting, operations.length, source);
    expect(chunk.succeeded).toEqual(operations.map(() => true));
    expect(await playInForge([chunk])).toBeNull();
  });

  it("is told which operation is the first to differ when its fee is rounded down", async () => {
    const createPool = withFeeRoundedDown(engineOf(engine), 60);
    const chunks = [0, 1].map((index) => drawChunk({ createPool, seed: 5, index, operations: 300 }));
    const chunk = chunks.findIndex((each) => firstWrong(each, 60) !== null);
    const operation = firstWrong(chunks[chunk] as Chunk, 60);
    expect(operation).not.toBeNull();
    expect(await playInForge(chunks)).toEqual({ chunk, operation });
  });
});

describe("the proof on anvil", () => {
  it("finds the same state after every batch", async () => {
    const settings = { createPool: engineOf("fast"), operations: 1000, seed: 3, chunk: 500, batch: 250, progress };
    const report = await fuzzOnAnvil(settings);
    expect(report.difference).toBeNull();
    expect(report.operations).toBe(1000);
  });

  it("narrows a fee that is rounded down to the operation, with what both sides answered", async () => {
    const createPool = withFeeRoundedDown(createReferencePool, 100);
    const drawn = { createPool, seed: 1, index: 0, operations: 600, sameBlock: 0.98 };
    const operation = firstWrong(drawChunk(drawn), 100);
    const { difference } = await fuzzOnAnvil({
      createPool,
      operations: 600,
      seed: 1,
      chunk: 600,
      batch: 200,
      progress,
    });
    expect(difference?.operation).toBe(operation);
    expect(difference?.played?.kind).toBe("swap");
    expect(difference?.answered.engine).not.toBe(difference?.answered.real);
    expect(difference?.words).toEqual([]);
  });
});

it("the sample that a bare forge test plays is what the engine gives today", () => {
  const chunks = sampleChunks();
  expect(readdirSync(SAMPLE_FOLDER).sort()).toEqual([...chunks.map((_, i) => `${i}.bin`), "chunks.txt"]);
  chunks.forEach((chunk, i) => {
    expect(readFileSync(join(SAMPLE_FOLDER, `${i}.bin`)).toString("hex")).toBe(encodeChunk(chunk).slice(2));
  });
});

const data = process.env.RANGEKEEPER_DATA;
describe.skipIf(!data)("recorded markets", () => {
  it.each(ENGINES)("come out of the %s engine as recorded", (engine) => {
    const markets = replayMarkets(data ?? "", engineOf(engine), () => {});
    const counts = Object.fromEntries(markets.map(({ name, swaps, exact }) => [name, [swaps, exact]]));
    expect(counts).toMatchObject({
      "ethereum_wbtc_weth_03_events_2023-03-01": [725, 725],
      "ethereum_usdc_weth_005_events_2023-11-10": [5898, 5891],
      "ethereum_usdc_weth_005_events_2024-01-05": [6046, 6035],
      "polygon_usdc_weth_005_events_2021-12-22": [199, 198],
      "polygon_usdc_weth_005_events_2022-01-05": [3972, 3967],
    });
    for (const { liquidityEvents, liquidityExact } of markets) expect(liquidityExact).toBe(liquidityEvents);
  });
});

/** The first operation that the fault of `withFeeRoundedDown` spoils: told by playing the chunk without it. */
function firstWrong(chunk: Chunk, after: number): number | null {
  const { feePips, tickSpacing } = chunk;
  const pool = createReferencePool(chunk.start ?? { feePips, tickSpacing });
  const answer = wordWriter();
  let swaps = 0;
  for (const [i, operation] of chunk.operations.entries()) {
    answer.clear();
    const succeeded = playOperation(pool, operation, answer);
    if (operation.kind !== "swap" || !succeeded) continue;
    // Two words follow the byte of success; a paid amount is above 0.
    const words = Buffer.from(answer.written()).toString("hex").slice(2);
    const paid = [words.slice(0, 64), words.slice(64)].some((word) => BigInt.asIntN(256, BigInt(`0x${word}`)) > 0n);
    if (++swaps > after && operation.a < 0n && paid) return i;
  }
  return null;
}
