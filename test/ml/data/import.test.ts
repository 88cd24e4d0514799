import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { exactBars } from "../../../ml/data/exactBars.ts";
import { importFile } from "../../../ml/data/import/importFile.ts";
import { listFiles, resolveMarket } from "../../../ml/data/market.ts";
import { readStoredEvents } from "../../../ml/data/store/events.ts";
import type { StoredEvent } from "../../../ml/data/store/eventTypes.ts";
import { readManifest } from "../../../ml/data/store/manifest.ts";
import { readBatches } from "../../../ml/data/store/read.ts";
import { verifyPath } from "../../../ml/data/verify/verify.ts";
import { syntheticEvents } from "../../support/syntheticEvents.ts";

const root = mkdtempSync(join(tmpdir(), "import-"));
const out = join(root, "store");
const data = process.env.RANGEKEEPER_DATA;
afterAll(() => rmSync(root, { recursive: true, force: true }));

const HEADER =
  "block_number,timestamp,tx_index,log_index,type,sender,recipient_or_owner,amount0,amount1,sqrt_price_x96,liquidity,tick,tick_lower,tick_upper,liquidity_delta,tx_hash";
/** Both tokens are dollars with the same decimals, so that a price of one is what it should be. */
const NAME = "ethereum_usdc_usdt_005_events_2023-01-01";
let nth = 0;

/** Lines of an event file, the header first. */
function eventLines(count: number): string[] {
  const source = syntheticEvents(11);
  const lines = [HEADER];
  for (let i = 0; i < count; i++) {
    const event = source.next().value as StoredEvent;
    const { block, timestamp, order, type, sender, owner, amount0, amount1 } = event;
    const price = event.type === "SWAP" ? [event.sqrtPriceX96, event.liquidity, event.tick] : ["", "", ""];
    const where = "tickLower" in event ? [event.tickLower, event.tickUpper, event.liquidityDelta] : ["", "", ""];
    lines.push(
      [block, timestamp, 0, order, type, sender, owner, amount0, amount1, ...price, ...where, "0x00"].join(","),
    );
  }
  return lines;
}

function file(content: string | Buffer, name = `${NAME}.csv`): string {
  const folder = join(root, String(nth++));
  const path = join(folder, name);
  writeFileSync(join(mkdtempSync(`${folder}-`), name), content);
  const made = readdirSync(root).find((entry) => entry.startsWith(`${basename(folder)}-`)) ?? "";
  return join(root, made, basename(path));
}

const text = (lines: readonly string[]): string => `${lines.join("\n")}\n`;

/** The lines with fields of one line changed. */
function changed(
  lines: readonly string[],
  line: number,
  fields: Record<string, string | ((old: string) => string)>,
): string[] {
  const names = HEADER.split(",");
  const cells = (lines[line - 1] ?? "").split(",");
  for (const [name, value] of Object.entries(fields)) {
    const i = names.indexOf(name);
    cells[i] = typeof value === "string" ? value : value(cells[i] ?? "");
  }
  return lines.with(line - 1, cells.join(","));
}

/** Line of the nth swap from `after` on that has a swap right before it and right after it. */
function swapLine(lines: readonly string[], after: number): number {
  const isSwap = (i: number): boolean => lines[i]?.includes(",SWAP,") ?? false;
  for (let i = after; ; i++) if (isSwap(i - 1) && isSwap(i) && isSwap(i + 1)) return i + 1;
}

const errorsOf = async (path: string) => {
  const report = await verifyPath(path);
  return report.findings.filter(({ severity }) => severity === "error").map(({ rule, line }) => `${rule} ${line}`);
};

describe("importFile", () => {
  const lines = eventLines(120);

  it("makes the market that the event file is", async () => {
    const path = file(gzipSync(text(lines)), `${NAME}.csv.gz`);
    const manifest = await importFile(path, { out, name: NAME });
    expect(manifest).toMatchObject({ kind: "events", rows: 120, pool: { feePips: 500, tickSpacing: 10 } });
    const { events } = resolveMarket(join(path, ".."), NAME);
    expect(resolveMarket(out, NAME).events).toEqual(events);
  });

  it("refuses to write over a dataset unless told to", async () => {
    const path = file(text(lines.slice(0, 20)));
    await expect(importFile(path, { out })).rejects.toThrow(/is already in .*--replace/);
    expect((await importFile(path, { out, replace: true })).rows).toBe(19);
    expect(readManifest(join(out, NAME)).rows).toBe(19);
  });

  const swap = swapLine(lines, 40);
  const whole = gzipSync(text(lines));
  it.each<[string, string | Buffer, string, RegExp]>([
    [
      "a truncated gzip",
      whole.subarray(0, whole.length - 40),
      "x.csv.gz",
      /x\.csv\.gz is truncated: its gzip stream ends early, after line \d+/,
    ],
    [
      "damaged gzip",
      Buffer.concat([whole.subarray(0, 300), Buffer.alloc(200, 7), whole.subarray(500)]),
      "x.csv.gz",
      /is damaged gzip near line \d+/,
    ],
    ["gzip that is none", text(lines), "x.csv.gz", /ends in \.gz but is not gzip/],
    ["an empty file", "", "x.csv", /x\.csv is empty/],
    ["a header without rows", `${HEADER}\n`, "x.csv", /rows is 0, but a file must hold at least one/],
    [
      "a wrong header",
      "a,b\n1,2\n",
      "x.csv",
      /line 1: header is "a,b", but it must be that of a known kind .*events, state, candles/,
    ],
    ["a column named twice", "timestamp,timestamp\n1,2\n", "x.csv", /must not name "timestamp" twice/],
    [
      "events out of order",
      text([...lines.slice(0, 60), ...lines.slice(70), ...lines.slice(60, 70)]),
      "x.csv",
      /line 112: block_number is \d+, but events must be in order/,
    ],
    [
      "an event twice",
      text(lines.toSpliced(50, 0, lines[49] ?? "")),
      "x.csv",
      /line 51: log_index is .*events of a block must be in order/,
    ],
    [
      "a negative time",
      text(changed(lines, 30, { timestamp: "-5" })),
      "x.csv",
      /line 30: timestamp is "-5", but it must not be negative/,
    ],
    [
      "a negative liquidity",
      text(changed(lines, swap, { liquidity: "-5" })),
      "x.csv",
      new RegExp(`line ${swap}: liquidity is "-5", but it must be an unsigned`),
    ],
    ["a line cut off", text(lines).slice(0, -20), "x.csv", /line 121: (line|.*) is/],
    [
      "a field of a megabyte",
      text(changed(lines, 9, { sender: "a".repeat(2 << 20) })),
      "x.csv",
      /line 9: line is .* must not be longer than 1048576 characters/,
    ],
    [
      "a quote that never ends",
      text(changed(lines, 9, { sender: '"' })),
      "x.csv",
      /line 9: field is .* its quote must be closed/,
    ],
    [
      "bytes that are no text",
      Buffer.concat([Buffer.from(`${HEADER}\n`), Buffer.from([0xff, 0xfe, 0x2c])]),
      "x.csv",
      /it must be UTF-8/,
    ],
    [
      "candles that are none",
      "open_time,open,high,low,close\n60,1,2,x,1\n",
      "x.csv",
      /line 2: low is "x", but it must be a finite number/,
    ],
    [
      "an endless number",
      `timestamp:int:s,n:bigint:1\n1,${"9".repeat(200)}\n`,
      "x.csv",
      /line 2: n is "9+", but it must be a whole number/,
    ],
    [
      "a headline of a book's length",
      `timestamp:int:s,n:text:\n1,${"x".repeat(20_000)}\n`,
      "x.csv",
      /a text must not be longer than 10000/,
    ],
    [
      "too many fields",
      "timestamp:int:s,n:float:1\n1,2,3\n",
      "x.csv",
      /line 2: line is "1,2,3", but each line must have the header's 2 fields/,
    ],
    [
      "a day that is none",
      "date:date:,n:float:1\n2023-02-30,2\n",
      "x.csv",
      /line 2: date is "2023-02-30", but it must be a date/,
    ],
    [
      "a type that is none",
      "timestamp:int:s,n:decimal:1\n1,2\n",
      "x.csv",
      /header is "n:decimal:1", but it must be name:type:unit/,
    ],
    ["a state that is none", '{"a":1}', "x.json", /poolAddress is/],
  ])("refuses %s, and leaves nothing behind", async (_, content, name, message) => {
    const path = file(content, name);
    const before = readdirSync(out);
    await expect(importFile(path, { out })).rejects.toThrow(message);
    expect(readdirSync(out)).toEqual(before);
  });

  it("takes the formats it is told, and none that is unknown", async () => {
    const path = file("timestamp,gas_price_gwei\n60,1.5\n120,2\n", "gas.csv");
    await expect(importFile(path, { out, as: "funding" })).rejects.toThrow(
      /funding needs the column exchange, symbol, funding_rate/,
    );
    await expect(importFile(path, { out, as: "gold" })).rejects.toThrow(
      /--as is "gold", but it must be one of events, state, candles/,
    );
    expect(await importFile(path, { out, as: "gas-minutes" })).toMatchObject({ kind: "series", rows: 2 });
  });

  it("reads our own schema with quotes, units and missing values", async () => {
    const path = file(
      'timestamp:int:unix seconds,price:float:USD,big:bigint:wei,note:text:\r\n60,1.25,,"a ""b"", c\nd"\r\n61,,5,\r\n',
      "own.csv",
    );
    const manifest = await importFile(path, { out });
    expect(manifest.columns[1]).toEqual({ name: "price", type: "float", unit: "USD" });
    const [batch] = readBatches(join(out, "own"));
    expect(batch?.cells).toEqual([
      [60, 61],
      [1.25, null],
      [null, 5n],
      ['a "b", c\nd', null],
    ]);
    const bars = file(
      "start_seconds:int:unix seconds,open:float:1,high:float:1,low:float:1,close:float:1\n60,1,2,1,2\n120,2,2,2,2\n",
      "mine.csv",
    );
    expect(await importFile(bars, { out, as: "bars" })).toMatchObject({ kind: "bars", barSeconds: 60 });
  });

  it("turns decimal amounts into units without losing any", async () => {
    const head =
      "block_number,timestamp,log_index,type,owner,amount0_dec,amount1_dec,tick_lower,tick_upper,liquidity_delta";
    const row = `7,9,1,BURN,0x${"ab".repeat(20)},10.00143542,153.524462159357279684,-60,60,-5`;
    await importFile(file(`${head}\n${row}\n`, "ethereum_wbtc_weth_005_burns.csv"), { out });
    const [events] = readStoredEvents(join(out, "ethereum_wbtc_weth_005_burns"));
    expect(events?.[0]).toMatchObject({ amount0: 1000143542n, amount1: 153524462159357279684n });
    const long = `${head}\n${row.replace("10.00143542", "10.001435421")}\n`;
    await expect(importFile(file(long, "ethereum_wbtc_weth_03_burns.csv"), { out })).rejects.toThrow(
      /amount0_dec is "10.001435421", but it must be a decimal number of at most 8 places/,
    );
    await expect(importFile(file(long, "burns.csv"), { out })).rejects.toThrow(/a file name that tells the tokens/);
  });
});

describe("verifyPath", () => {
  const lines = eventLines(300);
  const swap = swapLine(lines, 150);

  it("finds nothing wrong with what a pool recorded, and proves every swap but the first", async () => {
    const report = await verifyPath(file(text(lines)));
    expect(report.findings).toEqual([]);
    expect(report.continuity?.swaps).toBeGreaterThan(250);
    // A swap that ends in another space between usable ticks than it began in is not followed.
    expect(report.continuity?.proved).toBeGreaterThan((report.continuity?.swaps ?? 0) * 0.7);
  });

  it.each<[string, (at: number) => string[], (at: number) => string[]]>([
    ["a swap that is missing", (at) => lines.toSpliced(at - 1, 1), (at) => [`price-continues ${at}`]],
    [
      "an amount that was altered",
      (at) => changed(lines, at, { amount0: (old) => `${old}7`, amount1: (old) => `${old}7` }),
      (at) => [`price-continues ${at}`],
    ],
    [
      "liquidity that does not continue",
      (at) => changed(lines, at, { liquidity: (old) => `${BigInt(old) + 1n}` }),
      (at) => [`liquidity-continues ${at}`, `liquidity-continues ${at + 1}`],
    ],
    ["an event twice", (at) => lines.toSpliced(at - 1, 0, lines[at - 1] ?? ""), (at) => [`duplicate ${at + 1}`]],
    [
      "a time of its own in a block",
      (at) =>
        changed(changed(lines, at, { block_number: "18000000" }), at + 1, {
          block_number: "18000000",
          timestamp: "1999999999",
        }),
      (at) => [`order ${at + 1}`],
    ],
    ["a field that is no number", (at) => changed(lines, at, { amount0: "1.5" }), (at) => [`format ${at}`]],
  ])("finds %s", async (_, harm, expected) => {
    const found = await errorsOf(file(text(harm(swap))));
    for (const one of expected(swap)) expect(found).toContain(one);
  });

  it("finds events out of order, and says of which block", async () => {
    const shuffled = [...lines.slice(0, 100), ...lines.slice(120), ...lines.slice(100, 120)];
    const report = await verifyPath(file(text(shuffled)));
    const order = report.findings.find(({ rule }) => rule === "order");
    expect(order?.line).toBe(282);
    expect(order?.message).toMatch(/block_number is \d+, but events must be in order/);
  });

  it("finds a burn of more than is in range", async () => {
    const at = lines.findIndex((line) => line.includes(",BURN,")) + 1;
    const report = await verifyPath(file(text(changed(lines, at, { liquidity_delta: `-${10n ** 25n}` }))));
    const first = report.findings[0];
    expect(`${first?.rule} ${first?.line}`).toBe(`liquidity-below-zero ${at}`);
    expect(first?.message).toMatch(/in-range liquidity would fall to -/);
  });

  it("finds a burn of more than was ever minted in a record of positions only", async () => {
    const head = "block_number,timestamp,log_index,type,amount0,amount1,tick_lower,tick_upper,liquidity_delta";
    const rows = ["1,1,0,MINT,1,1,-10,10,5", "2,2,0,BURN,1,1,-10,10,-3", "3,3,0,BURN,1,1,-10,10,-3"];
    expect(await errorsOf(file(`${[head, ...rows].join("\n")}\n`))).toEqual(["liquidity-below-zero 4"]);
  });

  it("finds a fee tier that the amounts contradict", async () => {
    const report = await verifyPath(file(text(lines), "ethereum_usdc_usdt_03_events.csv"));
    const tier = report.findings.find(({ message }) => message.includes("pips"));
    expect(tier).toMatchObject({ rule: "fee-tier", severity: "error" });
    expect(tier?.message).toMatch(/swaps paid a fee of about 500\.0 pips, not 3000/);
  });

  it("finds decimals that cannot be", async () => {
    const report = await verifyPath(file(text(lines), "ethereum_usdc_dai_005_events.csv"));
    expect(report.findings.find(({ rule }) => rule === "decimals")?.message).toMatch(
      /DAI per USDC is not a price from .* decimals 6 and 18/,
    );
  });

  it("warns of a hole in the events, and of a pool it cannot tell", async () => {
    const moved = lines.map((line, i) =>
      i > 150 ? line.replace(/^(\d+),(\d+)/, (_, b, t) => `${Number(b) + 9000},${Number(t) + 108000}`) : line,
    );
    const report = await verifyPath(file(text(moved)));
    expect(report.findings.map(({ rule, severity, line }) => `${severity} ${rule} ${line}`)).toEqual([
      "warning gap 152",
    ]);
    const nameless = await verifyPath(file(text(lines), "mine.csv"));
    expect(nameless.findings.map(({ rule }) => rule)).toEqual(["pool-unknown"]);
  });

  it("finds a gzip that was cut, and what came before it", async () => {
    const whole = gzipSync(text(changed(lines, 3, { amount0: "x" })));
    const report = await verifyPath(file(whole.subarray(0, whole.length - 30), `${NAME}.csv.gz`));
    const found = report.findings.map(({ rule }) => rule);
    expect(found).toContain("file");
    expect(found).toContain("format");
    expect(report.findings.find(({ rule }) => rule === "file")?.message).toMatch(/is truncated: .*after line/);
  });

  const candles = (rows: string[]): string => `open_time,open,high,low,close,volume_base\n${rows.join("\n")}\n`;
  const good = Array.from({ length: 10 }, (_, i) => `${3600 * (i + 1)},10,11,9,10,5`);
  it.each<[string, string[], string[]]>([
    ["nothing in good candles", good, []],
    ["a candle twice", good.toSpliced(3, 0, good[3] ?? ""), ["duplicate 6"]],
    ["candles out of order", [...good.slice(0, 3), good[5] ?? "", good[4] ?? ""], ["order 6"]],
    ["a jump", good.with(5, "21600,30,31,29,30,5"), ["jump 7", "jump 8"]],
    ["a wick", good.with(5, "21600,10,11,0.2,10,5"), ["jump 7"]],
    ["a high below the close", good.with(5, "21600,10,9.5,9,10,5"), ["price 7"]],
    ["a price of zero", good.with(5, "21600,10,11,0,10,5"), ["price 7"]],
    ["a negative volume", good.with(5, "21600,10,11,9,10,-5"), ["negative 7"]],
    ["a negative time", good.with(0, "-3600,10,11,9,10,5"), ["time 2"]],
  ])("finds %s", async (_, rows, expected) => {
    expect(await errorsOf(file(candles(rows), "candles.csv"))).toEqual(expected);
  });

  it("warns of missing candles, and of fee growth that falls", async () => {
    const report = await verifyPath(file(candles(good.toSpliced(4, 2)), "candles.csv"));
    expect(report.findings).toMatchObject([
      { severity: "warning", rule: "gap", line: 6, message: "2 rows missing before 25200" },
    ]);
    const hours = [
      "period_start,liquidity,high,low,close,fee_growth_global0_x128,fee_growth_global1_x128",
      "3600,5,2,1,1,10,10",
      "7200,5,2,1,1,9,10",
    ];
    expect(await errorsOf(file(text(hours), "hours.csv"))).toEqual(["falls 3"]);
  });

  it("says what is wrong with a dataset's chunk", async () => {
    const manifest = await importFile(file(text(lines), `${NAME}-damaged.csv`), { out });
    const folder = join(out, manifest.name);
    expect((await verifyPath(folder)).findings).toEqual([]);
    writeFileSync(join(folder, manifest.chunks[0]?.file ?? ""), "RKC1");
    expect((await verifyPath(folder)).findings).toMatchObject([
      { rule: "file", message: expect.stringMatching(/has 4 bytes/) },
    ]);
  });
});

describe("exactBars", () => {
  const events = Array.from(
    { length: 400 },
    (
      (source) => () =>
        source.next().value as StoredEvent
    )(syntheticEvents(2)),
  );
  const parameters = { barSeconds: 60, feePips: 500, tickSpacing: 10 };

  it("holds every swap once, whole and in pieces", () => {
    const bars = [...exactBars([events], parameters)];
    const pieces = [
      ...exactBars(
        events.map((event) => [event]),
        parameters,
      ),
    ];
    expect(pieces).toEqual(bars);
    const sum = (pick: (bar: (typeof bars)[number]) => bigint) => bars.reduce((total, bar) => total + pick(bar), 0n);
    const swaps = events.filter((event) => event.type === "SWAP");
    expect(bars.reduce((total, { swaps: n }) => total + n, 0)).toBe(swaps.length);
    expect(sum(({ in0, out0 }) => in0 - out0)).toBe(swaps.reduce((total, { amount0 }) => total + amount0, 0n));
    expect(sum(({ in1, out1 }) => in1 - out1)).toBe(swaps.reduce((total, { amount1 }) => total + amount1, 0n));
    for (const [i, bar] of bars.slice(1).entries()) {
      expect([bar.startSeconds, bar.openX96 ?? 0n]).toEqual([bars[i]?.endSeconds, bars[i]?.closeX96 ?? 0n]);
    }
  });

  it("adds up liquidity over time, and takes the protocol's part off the fees", () => {
    const [swap] = events.filter((event) => event.type === "SWAP");
    if (swap?.type !== "SWAP") throw new Error("there must be a swap");
    const at = (timestamp: number, liquidity: bigint): StoredEvent => ({
      ...swap,
      block: timestamp,
      timestamp,
      liquidity,
      amount0: 1000n,
      amount1: 0n,
    });
    const mint = {
      ...events.find(({ type }) => type === "MINT"),
      block: 1050,
      timestamp: 1050,
      liquidityDelta: 50n,
    } as StoredEvent;
    const [first, second] = exactBars([[at(1040, 100n), mint, at(1100, 150n)]], { ...parameters, feeProtocol: 4 });
    // 1040 to 1050 at 100, 1050 to 1080 at 150.
    expect([first?.endSeconds, first?.liquiditySeconds, first?.knownSeconds]).toEqual([
      1080,
      10n * 100n + 30n * 150n,
      40,
    ]);
    // The whole amount is fee where the price stays: 1000 less a quarter, over 150.
    expect(second?.feeGrowth0X128).toBe((750n << 128n) / 150n);
    expect(second?.approximateSwaps).toBe(0);
  });
});

describe.skipIf(!data)("the data folder", () => {
  const files = data
    ? listFiles(data).filter((path) => /\.(csv|json)\.gz$/.test(path) && !/snapshots|_1m_|_5m_/.test(path))
    : [];
  const store = join(root, "all");

  it.each(files.map((path) => [basename(path), path]))("imports %s", async (_, path) => {
    const manifest = await importFile(path, { out: store });
    expect(manifest.rows).toBeGreaterThan(0);
    let rows = 0;
    for (const batch of readBatches(join(store, manifest.name))) rows += batch.rows;
    expect(rows).toBe(manifest.rows);
    expect(existsSync(join(store, `.${manifest.name}.partial`))).toBe(false);
    if (manifest.kind !== "events" || manifest.source?.format !== "events") return;
    // The recorded markets are what their pools did.
    const report = await verifyPath(join(store, manifest.name));
    expect(report.findings.filter(({ severity }) => severity === "error")).toEqual([]);
  });
});
