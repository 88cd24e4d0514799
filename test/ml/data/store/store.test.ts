import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { listMarkets, resolveMarket } from "../../../../ml/data/market.ts";
import { type Cell, type ColumnType, decodeColumn, encodeColumn } from "../../../../ml/data/store/columns.ts";
import { openEventWriter, readStoredEvents } from "../../../../ml/data/store/events.ts";
import type { StoredEvent } from "../../../../ml/data/store/eventTypes.ts";
import { isPoolEvent } from "../../../../ml/data/store/eventTypes.ts";
import { isDataset, readManifest } from "../../../../ml/data/store/manifest.ts";
import { readBatches } from "../../../../ml/data/store/read.ts";
import { openEventSource, readEvents } from "../../../../ml/data/streamEvents.ts";
import { seededRandom } from "../../../../ml/random.ts";
import { syntheticEvents } from "../../../support/syntheticEvents.ts";

const root = mkdtempSync(join(tmpdir(), "store-"));
const NAME = "ethereum_usdc_weth_005_events";
let folder: string;
let nth = 0;

const POOL = {
  chainId: 1,
  address: null,
  token0: { symbol: "USDC", decimals: 6, address: null },
  token1: { symbol: "WETH", decimals: 18, address: null },
  feePips: 500,
  tickSpacing: 10,
};

beforeEach(() => {
  folder = join(root, String(nth++), NAME);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function take(count: number): StoredEvent[] {
  const source = syntheticEvents(7);
  return Array.from({ length: count }, () => source.next().value as StoredEvent);
}

const open = (resume = false, chunkRows = 50) =>
  openEventWriter(folder, { manifest: { name: NAME, pool: POOL }, chunkRows, resume });
const all = (): StoredEvent[] => [...readStoredEvents(folder)].flat();

/** One of every type, with the corners of their numbers. */
const ODD: StoredEvent[] = [
  { type: "INITIALIZE", sqrtPriceX96: 1n << 96n, tick: 0 },
  { type: "FLASH", amount0: 1n, amount1: 0n, paid0: 3n, paid1: (1n << 128n) - 1n },
  { type: "SET_FEE_PROTOCOL", feeProtocol0: 4, feeProtocol1: 10 },
  { type: "COLLECT_PROTOCOL", amount0: 5n, amount1: 6n },
  { type: "SWAP", amount0: 0n, amount1: 0n, sqrtPriceX96: 4295128739n, liquidity: 0n, tick: -887272 },
  {
    type: "SWAP",
    amount0: (1n << 255n) - 1n,
    amount1: -(1n << 255n),
    sqrtPriceX96: (1n << 159n) + 5n,
    liquidity: (1n << 128n) - 1n,
    tick: 887271,
  },
  { type: "SWAP", amount0: -1n, amount1: 0n, sqrtPriceX96: 1n << 96n, liquidity: 1n, tick: 0 },
  { type: "SWAP", amount0: 0n, amount1: -9n, sqrtPriceX96: (1n << 96n) - 9n, liquidity: 10n ** 18n, tick: -1 },
  { type: "MINT", sqrtPriceX96: null, liquidity: null, tick: null, tickLower: -10, tickUpper: 10, liquidityDelta: 77n },
  { type: "BURN", sqrtPriceX96: 1n << 96n, liquidity: 99n, tick: 0, tickLower: -10, tickUpper: 10, liquidityDelta: 0n },
  {
    type: "COLLECT",
    sqrtPriceX96: null,
    liquidity: null,
    tick: null,
    tickLower: -10,
    tickUpper: 10,
    liquidityDelta: null,
    gasPriceWei: 12n,
    gasUsed: 13n,
  },
].map((event, order) => ({
  block: 9 + Math.floor(order / 3),
  timestamp: 1000 + Math.floor(order / 3),
  order,
  sender: order % 2 === 0 ? null : `0x${"ab".repeat(20)}`,
  owner: null,
  amount0: 0n,
  amount1: 0n,
  gasPriceWei: null,
  gasUsed: null,
  ...(event.type === "SWAP" ? { tickLower: null, tickUpper: null, liquidityDelta: null } : {}),
  ...event,
})) as StoredEvent[];

describe("a column", () => {
  const random = seededRandom(3);
  const cases: [string, ColumnType, Cell[]][] = [
    ["whole numbers", "int", [0, -1, 5, 2 ** 51, -(2 ** 51), 7]],
    ["growing whole numbers", "int", Array.from({ length: 200 }, (_, i) => 1_700_000_000 + 12 * i)],
    [
      "long whole numbers",
      "bigint",
      [0n, -1n, 255n, 256n, -(1n << 255n), (1n << 256n) - 1n, 1n << 64n, (1n << 53n) + 1n],
    ],
    ["decimal prices", "float", [737.18, 737.77, 0.01, 1e-9, 1234567.25]],
    ["doubles of any kind", "float", [Math.PI, 1e300, -5e-324, -0, 0.1 + 0.2, ...Array.from({ length: 50 }, random)]],
    ["texts", "text", ["", "a,b", 'quote "q"', "日本", "a,b", "a,b", "a,b"]],
    ["nothing at all", "float", [null, null, null]],
    ["no rows", "int", []],
    ["some missing", "bigint", [null, 5n, null, null, -7n, null, 1n, 2n, 3n, null]],
  ];
  it.each(cases)("keeps %s", (_, type, cells) => {
    const back = decodeColumn(type, encodeColumn(type, cells), cells.length);
    expect(back.length).toBe(cells.length);
    expect(back.every((cell, i) => Object.is(cell, cells[i]))).toBe(true);
  });

  it.each<[ColumnType, Cell]>([
    ["int", Number.NaN],
    ["int", 1.5],
    ["int", 2 ** 52],
    ["bigint", 1n << 312n],
  ])("refuses to keep %s %s", (type, cell) => {
    expect(() => encodeColumn(type, [cell])).toThrow(/to be stored as/);
  });

  it("refuses bytes that end early", () => {
    const bytes = encodeColumn("bigint", [1n << 200n, 5n]);
    expect(() => decodeColumn("bigint", bytes, 3)).toThrow();
  });
});

describe("a dataset of events", () => {
  it("gives back every event as it was", () => {
    const events = [...ODD, ...take(300).map((event) => ({ ...event, block: event.block + 1 }))];
    const writer = open();
    for (const event of events) writer.append(event);
    writer.commit();
    expect(all()).toEqual(events);
    expect(readManifest(folder).chunks.map(({ rows }) => rows)).toEqual([50, 50, 50, 50, 50, 50, 11]);
  });

  it("is the same files whenever it was committed", () => {
    const events = take(170);
    const plain = open();
    for (const event of events) plain.append(event);
    plain.commit();
    const files = readdirSync(folder).map((file) => [file, readFileSync(join(folder, file), "hex")]);
    folder = join(root, String(nth++), NAME);
    for (let i = 0; i < events.length; i += 33) {
      const writer = open(true);
      for (const event of events.slice(i, i + 33)) writer.append(event);
      writer.commit();
    }
    expect(readdirSync(folder).map((file) => [file, readFileSync(join(folder, file), "hex")])).toEqual(files);
  });

  it("shows nothing that was not committed, and takes away what a killed writer left", () => {
    const events = take(200);
    const writer = open();
    for (const event of events.slice(0, 60)) writer.append(event);
    expect(isDataset(folder)).toBe(false);
    writer.commit();
    // Full chunks go to disk here, and then the process dies.
    for (const event of events.slice(60)) writer.append(event);
    expect(readdirSync(folder).filter((file) => file.endsWith(".chunk")).length).toBeGreaterThan(2);
    expect(all()).toEqual(events.slice(0, 60));
    const next = open(true);
    expect(readdirSync(folder).filter((file) => file.endsWith(".chunk")).length).toBe(2);
    for (const event of events.slice(60)) next.append(event);
    next.commit();
    expect(all()).toEqual(events);
  });

  it.each([0, 1, 49, 50, 51, 120, 169])("goes back to what it was after %i events", (count) => {
    const events = take(170);
    const kept = events.filter(({ block }) => block <= (events[count]?.block ?? 0));
    const first = open();
    for (const event of events) first.append(event);
    first.commit();
    const writer = open(true);
    writer.rollBack(events[count]?.block ?? 0);
    writer.commit();
    expect(all()).toEqual(kept);
    // What comes after continues as if nothing had been.
    for (const event of events.slice(kept.length)) writer.append(event);
    writer.commit();
    expect(all()).toEqual(events);
  });

  it("reads only the chunks of a span of time", () => {
    const events = take(500);
    const writer = open();
    for (const event of events) writer.append(event);
    writer.commit();
    const [from, to] = [events[210]?.timestamp ?? 0, events[260]?.timestamp ?? 0];
    const span = { fromTimestamp: from, toTimestamp: to };
    expect([...readStoredEvents(folder, span)].flat()).toEqual(
      events.filter(({ timestamp: t }) => t >= from && t <= to),
    );
    expect([...readBatches(folder, { fromTime: from, toTime: to })].length).toBeLessThanOrEqual(3);
    expect([...readStoredEvents(folder, { fromTimestamp: 9e9 })]).toEqual([]);
  });

  it.each([
    [
      "a flipped byte",
      (file: string, bytes: Buffer) => writeFileSync(file, bytes.fill(1, 40, 41)),
      /is damaged: its sha256/,
    ],
    ["a chunk cut off", (file: string) => truncateSync(file, 100), /has 100 bytes, but the manifest says/],
    ["a chunk that is gone", (file: string) => rmSync(file), /cannot be read \(ENOENT\)/],
  ])("refuses %s", (_, harm, message) => {
    const writer = open();
    for (const event of take(60)) writer.append(event);
    const { chunks } = writer.commit();
    const file = join(folder, chunks[1]?.file ?? "");
    harm(file, readFileSync(file));
    expect(all).toThrow(message);
  });

  it.each([
    ["that is no JSON", "{", /manifest .* is not JSON, or is cut off/],
    ["of another format", '{"format":"x"}', /format is "x", but it must be rangekeeper-dataset/],
  ])("refuses a manifest %s", (_, text, message) => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "manifest.json"), text);
    expect(all).toThrow(message);
  });

  it("is a market like an event file, whole and in pieces", async () => {
    const events = take(120);
    const writer = open();
    for (const event of events) writer.append(event);
    writer.commit();
    const data = join(folder, "..");
    expect(listMarkets(data)).toEqual([NAME]);
    const market = resolveMarket(data, NAME);
    expect(market.events).toEqual(events);
    expect(market.pool.token0.decimals).toBe(6);
    const source = openEventSource(data, NAME);
    const pieces: StoredEvent[][] = [];
    for await (const piece of readEvents(source, { toTimestamp: events[80]?.timestamp })) pieces.push(piece);
    expect(pieces.length).toBe(2);
    expect(pieces.flat()).toEqual(
      events.filter((event) => isPoolEvent(event) && event.timestamp <= (events[80]?.timestamp ?? 0)),
    );
    expect(() => openEventSource(data, "nothing")).toThrow(/market "nothing" must be a dataset or an event file/);
  });

  it("stays small in memory and on disk", () => {
    const writer = open(false, 8192);
    const source = syntheticEvents(5);
    const count = 60_000;
    for (let i = 0; i < count; i++) writer.append(source.next().value as StoredEvent);
    const { chunks } = writer.commit();
    expect(chunks.reduce((sum, { bytes }) => sum + bytes, 0) / count).toBeLessThan(16);
    let [most, rows] = [0, 0];
    for (const events of readStoredEvents(folder)) {
      most = Math.max(most, events.length);
      rows += events.length;
    }
    // One chunk at a time.
    expect([most, rows]).toEqual([8192, count]);
  });
});
