import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openRowBars } from "../../../../ml/data/dataset/rowBars.ts";

const folder = mkdtempSync(join(tmpdir(), "rangekeeper-row-bars-"));
afterAll(() => rmSync(folder, { recursive: true }));

const header = "open_time,open,high,low,close,volume_base";
const row = (i: number, step: number) => `${1_900_000_800 + i * step},1,2,0.5,1.5,10`;

async function barsOf(text: string) {
  const path = join(folder, "binance_spot_xusdt_1h_2030.csv");
  writeFileSync(path, text);
  const columns = header.split(",");
  const opened = await openRowBars({
    path,
    name: "binance_spot_xusdt_1h_2030",
    kind: "candles",
    columns,
    numeraire: 1,
  });
  const ends: number[] = [];
  for await (const { endSeconds } of opened.bars()) ends.push(endSeconds);
  return { barSeconds: opened.barSeconds, ends };
}

describe("bars of rows", () => {
  it.each([
    ["with", "\n"],
    ["without", ""],
  ])("of two rows are read %s a newline at the end", async (_, end) => {
    const { barSeconds, ends } = await barsOf([header, row(0, 900), row(1, 900)].join("\n") + end);
    expect([barSeconds, ends]).toEqual([900, [1_900_001_700, 1_900_002_600]]);
  });

  it.each([
    ["one row", [row(0, 3600)], 1],
    ["none", [], 0],
  ])("of %s tell no length, and it is said how many there are", async (_, rows, count) => {
    await expect(barsOf([header, ...rows].join("\n"))).rejects.toThrow(
      `rows is ${count}, but bars must have at least two rows`,
    );
  });
});
