import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openEventWriter } from "../../ml/data/store/events.ts";
import type { StoredEvent } from "../../ml/data/store/eventTypes.ts";
import { createProgressBar, timeLeft } from "../../rebalancer/cli/data/progress.ts";
import { syntheticEvents } from "../support/syntheticEvents.ts";

const BIN = fileURLToPath(new URL("../../rebalancer/cli/bin.mjs", import.meta.url));
const root = mkdtempSync(join(tmpdir(), "cli-data-"));
const store = join(root, "store");
const NAME = "ethereum_usdc_usdt_005_events";

interface Answer {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const rangekeeper = (...args: string[]): Promise<Answer> =>
  new Promise((resolve) => {
    const { RANGEKEEPER_DATA: _, ...env } = process.env;
    execFile(process.execPath, [BIN, "data", ...args], { env }, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err });
    });
  });

beforeAll(() => {
  const writer = openEventWriter(join(store, NAME), {
    manifest: {
      name: NAME,
      pool: {
        chainId: 1,
        address: null,
        token0: { symbol: "USDC", decimals: 6, address: null },
        token1: { symbol: "USDT", decimals: 6, address: null },
        feePips: 500,
        tickSpacing: 10,
      },
    },
  });
  const source = syntheticEvents(4);
  for (let i = 0; i < 500; i++) writer.append(source.next().value as StoredEvent);
  writer.commit();
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe("rangekeeper data", () => {
  it("imports what it can, says what it cannot, and fits 80 columns", async () => {
    const good = join(root, "a_gas_file_with_a_name_that_is_longer_than_a_column.csv");
    writeFileSync(good, "timestamp,gas_price_gwei\n60,1.5\n120,2\n");
    const bad = join(root, "bad.csv");
    writeFileSync(bad, "timestamp,gas_price_gwei\n60,x\n");
    const out = join(root, "imported");
    const { code, out: text } = await rangekeeper("import", good, bad, "--out", out);
    expect(code).toBe(1);
    expect(text).toMatch(/gas-minutes/);
    expect(text).toMatch(/not imported: bad\.csv line 2: gas_price_gwei is "x"/);
    const listed = JSON.parse((await rangekeeper("list", "--data", out, "--json")).out);
    expect(listed).toMatchObject([{ what: "dataset", kind: "series", rows: 2, from: 60, to: 120 }]);
    expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  it("verifies with exit status 0 for good data, 1 for bad", async () => {
    const good = await rangekeeper("verify", "--data", store);
    expect([good.code, good.out]).toEqual([0, expect.stringMatching(/proved\n.*%/)]);
    const folder = join(root, "wrong");
    mkdirSync(folder);
    writeFileSync(join(folder, "candles.csv"), "open_time,open,high,low,close\n60,1,2,1,1\n60,1,2,1,1\n");
    const bad = await rangekeeper("verify", folder);
    expect(bad.code).toBe(1);
    expect(bad.out).toMatch(/duplicate line 3: open_time 60 is there twice/);
    const json = JSON.parse((await rangekeeper("verify", folder, "--json")).out);
    expect(json).toMatchObject({ ok: false, errors: 1, reports: [{ kind: "candles", rows: 2 }] });
  });

  it("shows samples and bars, and makes a dataset of bars", async () => {
    const sample = await rangekeeper("sample", NAME, "--rows", "3", "--data", store);
    expect([sample.code, sample.out.trim().split("\n").length]).toEqual([0, 4]);
    const bars = await rangekeeper("bars", NAME, "--seconds", "600", "--data", store);
    expect(bars.code).toBe(0);
    for (const { out } of [sample, bars])
      expect(Math.max(...out.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
    const csv = await rangekeeper("bars", NAME, "--seconds", "600", "--csv", "--data", store);
    const file = join(root, "mine.csv");
    writeFileSync(file, csv.out);
    const again = join(root, "again");
    expect((await rangekeeper("import", file, "--out", again)).code).toBe(0);
    await rangekeeper("bars", NAME, "--seconds", "600", "--data", store, "--out", again);
    const [kept] = JSON.parse(
      (await rangekeeper("sample", `${NAME}_bars_600s`, "--rows", "1", "--data", again, "--json")).out,
    );
    const [imported] = JSON.parse((await rangekeeper("sample", "mine", "--rows", "1", "--data", again, "--json")).out);
    expect(imported).toEqual(kept);
    expect(kept).toMatchObject({ start_seconds: expect.any(Number), open_x96: expect.stringMatching(/^\d+n$/) });
  });

  it.each([
    [["import", "x.csv"], /--out: missing; rule: must name the folder of the store/],
    [["list"], /--data: missing; rule: must name the data folder \(or set RANGEKEEPER_DATA\)/],
    [["sample", "nothing", "--data", store], /dataset: nothing; rule: must be one of .*usdc_usdt_005_events/],
    [["sample", NAME, "--rows", "0", "--data", store], /--rows: 0; rule: must be a whole number from 1/],
    [["bars", NAME, "--from", "monday", "--data", store], /--from: monday; rule: must be unix seconds or a time like/],
    [
      ["fetch", "--rpc", "ftp://x", "--pool", `0x${"11".repeat(20)}`, "--out", store],
      /--rpc: ftp:\/\/x; rule: must be an http/,
    ],
    [
      ["fetch", "--rpc", "http://127.0.0.1:1", "--pool", "0x12", "--out", store],
      /--pool: 0x12; rule: must be an address/,
    ],
  ])("refuses %j with exit status 2", async (args, message) => {
    const { code, err } = await rangekeeper(...args);
    expect([code, err]).toEqual([2, expect.stringMatching(message)]);
  });
});

describe("the progress bar", () => {
  it("says nothing for two seconds, then how far it is and how long it takes", () => {
    const written: string[] = [];
    let ms = 0;
    const bar = createProgressBar({
      sink: { isTTY: true, write: (text) => written.push(text) },
      quiet: false,
      now: () => ms,
    });
    bar.at(1, 100, "block 1");
    expect(written).toEqual([]);
    ms = 10_000;
    bar.at(25, 100, "block 25");
    expect(written.join("")).toContain(" 25 %  block 25, 30 s left");
    bar.end();
    expect(written.at(-1)).toBe("\r\x1b[K");
  });

  it("writes a line every two seconds where there is no terminal", () => {
    const written: string[] = [];
    let ms = 0;
    const bar = createProgressBar({
      sink: { isTTY: false, write: (text) => written.push(text) },
      quiet: false,
      now: () => ms,
    });
    for (; ms <= 8000; ms += 500) bar.at(ms, 16_000, "x");
    expect(written).toEqual([
      " 13 %  x, 14 s left\n",
      " 25 %  x, 12 s left\n",
      " 38 %  x, 10 s left\n",
      " 50 %  x, 8 s left\n",
    ]);
    expect([timeLeft(89_000), timeLeft(91_000), timeLeft(2 * 3_600_000)]).toEqual(["89 s", "2 min", "2 h 0 min"]);
  });
});
