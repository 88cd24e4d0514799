/**
 * Writes the rows that an on-chain head is trained on: `tsx ml/data/headRows.ts --data DIR --out FILE`. Per hour: what
 * the contract would hand over for the day before (eight cells of three hours), and the size of the next day's move.
 */
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { BaseError, InvalidInputError } from "../errors.ts";
import { HEAD_CELLS, HEAD_INPUTS, headInputs } from "../features/headInputs.ts";
import type { Bar } from "../types.ts";
import { fillGaps } from "./bars.ts";
import { trainingSet } from "./dataset/trainingSet.ts";

/** The window of the pool's observations that the head is for. */
export const HEAD_WINDOW_SECONDS = 86_400;
const HORIZON_HOURS = 24;
const CELL_HOURS = HEAD_WINDOW_SECONDS / 3600 / HEAD_CELLS;

export interface HeadRow {
  readonly series: string;
  /** Unix seconds, end of the last bar that is seen. */
  readonly at: number;
  readonly inputs: readonly number[];
  /** |ln(price a day later / price)|. */
  readonly move: number;
}

const TICK = Math.log(1.0001);

/** Middle of a bar in ticks; of a bar without highs and lows, of its ends. */
const meanTick = ({ open, high, low, close }: Bar): number =>
  (Number.isNaN(high + low) ? (open + close) / 2 : (open + high + low + close) / 4) / TICK;

/** One row per hour at which the day before and the day after are whole. */
export function headRows(series: string, bars: readonly Bar[]): HeadRow[] {
  const rows: HeadRow[] = [];
  const past = HEAD_CELLS * CELL_HOURS;
  for (let end = past; end + HORIZON_HOURS <= bars.length; end++) {
    const known = bars.slice(end - past, end);
    const [last, future] = [known.at(-1) as Bar, bars[end + HORIZON_HOURS - 1] as Bar];
    if (known.some((bar) => Number.isNaN(bar.close)) || Number.isNaN(future.close)) continue;
    const cells = Array.from({ length: HEAD_CELLS }, (_, cell) => {
      const part = known.slice(cell * CELL_HOURS, (cell + 1) * CELL_HOURS);
      return Math.trunc((256 * part.reduce((sum, bar) => sum + meanTick(bar), 0)) / CELL_HOURS);
    });
    rows.push({ series, at: last.endSeconds, inputs: headInputs(cells), move: Math.abs(future.close - last.close) });
  }
  return rows;
}

const HEADER = ["series", "at", ...Array.from({ length: HEAD_INPUTS }, (_, i) => `x${i}`), "move"];

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { data: { type: "string" }, out: { type: "string" } } });
  const dataFolder = values.data ?? process.env.RANGEKEEPER_DATA;
  if (dataFolder === undefined) throw new InvalidInputError("--data is missing: it must name the data folder");
  if (values.out === undefined) throw new InvalidInputError("--out is missing: it must name the file to write");
  const { streams, sources } = await trainingSet(dataFolder);
  // Years of candles; an inverse has the same sizes of moves.
  const long = streams.filter(({ samples }) => samples.yieldsPerTime === 0 && samples.rangesPerTime > 0);
  const rows: HeadRow[] = [];
  for (const { name, bars } of long) {
    const hourly: Bar[] = [];
    for await (const bar of bars()) hourly.push(bar);
    rows.push(...headRows(name, fillGaps(hourly, 3600)));
  }
  const lines = rows.map(({ series: name, at, inputs, move }) => [name, at, ...inputs, move.toPrecision(6)].join(","));
  writeFileSync(values.out, `${[HEADER.join(","), ...lines].join("\n")}\n`);
  const candles = sources.filter(({ file }) => file.startsWith("binance_spot"));
  const described = candles.map(({ file, path, licence }) => ({
    file,
    sha256: `0x${createHash("sha256").update(readFileSync(path)).digest("hex")}`,
    licence,
  }));
  writeFileSync(
    values.out.replace(/\.csv$/, ".json"),
    `${JSON.stringify({ windowSeconds: HEAD_WINDOW_SECONDS, sources: described }, null, 2)}\n`,
  );
  console.log(`wrote ${values.out}: ${rows.length} rows of ${long.map(({ name }) => name).join(", ")}`);
}

if (import.meta.filename === process.argv[1]) {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof BaseError)) throw error;
    console.error(`${error.name}: ${error.message}`);
    process.exitCode = 2;
  }
}
