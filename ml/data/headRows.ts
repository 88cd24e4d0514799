/**
 * Writes the rows that an on-chain head is distilled on: `tsx ml/data/headRows.ts --data DIR --medians FILE --out FILE`.
 * Every third hour: what the contract would hand over for the day before (eight cells of three hours), what the posterior
 * over volatility said of the day ahead, and what came of it.
 */
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { HEAD_CELLS, HEAD_INPUTS, headInputs } from "../features/headInputs.ts";
import { dataFolderOf, required, runAsProgram } from "../program.ts";
import { spreadOf } from "../ranges/confidence.ts";
import { emptyCalibration, forecastDay, learnDay } from "../risk/uncertainty/calibration.ts";
import { dayInputs, dayObservation, INPUT_BARS } from "../risk/uncertainty/dayInputs.ts";
import type { Bar } from "../types.ts";
import { fromWad, LN_TICK } from "../units.ts";
import { fillGaps } from "./bars.ts";
import { trainingSet } from "./dataset/trainingSet.ts";
import { type Medians, readMedians } from "./medians.ts";

/** The window of the pool's observations that the head is for. */
export const HEAD_WINDOW_SECONDS = 86_400;
const DAY = 86_400;
const DAY_BARS = 24;
const CELL_BARS = HEAD_WINDOW_SECONDS / 3600 / HEAD_CELLS;

export interface HeadRow {
  readonly series: string;
  /** Unix seconds, end of the last bar that is seen. */
  readonly at: number;
  readonly inputs: readonly number[];
  /** What is to be learned, 1 = 100 %: deviation by the posterior's median and mean variance, and the declared spread. */
  readonly posterior: { readonly median: number; readonly mean: number; readonly spread: number };
  /** What came of the day ahead: sum of squared hourly returns, and |ln(price at its end / price now)|. */
  readonly realised: number;
  readonly move: number;
}

/** Middle of a bar in ticks; of a bar without highs and lows, of its ends. */
const meanTick = ({ open, high, low, close }: Bar): number =>
  (Number.isNaN(high + low) ? (open + close) / 2 : (open + high + low + close) / 4) / LN_TICK;

/**
 * One row at each time that a median is known for and at which the day before and the day after are whole. The posterior
 * has learned from the days that were over by then, the model's median is of that time: nothing comes from later.
 */
export function headRows(series: string, bars: readonly Bar[], medians: Medians): HeadRow[] {
  const rows: HeadRow[] = [];
  const expected = (past: readonly Bar[]) => medians(series, past.at(-1)?.endSeconds ?? 0);
  let state = emptyCalibration;
  for (let end = DAY_BARS; end + DAY_BARS <= bars.length; end++) {
    const at = (bars[end - 1] as Bar).endSeconds;
    if (at % DAY === 0 && end > 2 * DAY_BARS) {
      const day = dayObservation(bars, end - DAY_BARS, expected);
      if (day !== null) state = learnDay(state, day);
    }
    const median = medians(series, at);
    const [known, ahead] = [bars.slice(end - DAY_BARS, end), bars.slice(end, end + DAY_BARS)];
    if (median === undefined || [...known, ...ahead].some((bar) => Number.isNaN(bar.close))) continue;
    const inputs = dayInputs({ bars: bars.slice(Math.max(0, end - INPUT_BARS), end), expected: median });
    if (inputs === null) continue;
    const { variance } = forecastDay(state, inputs);
    const now = (known.at(-1) as Bar).close;
    const closes = [now, ...ahead.map(({ close }) => close)];
    rows.push({
      series,
      at,
      inputs: headInputs(cellsOf(known)),
      posterior: {
        median: Math.sqrt(variance.q50),
        mean: Math.sqrt(variance.mean),
        spread: fromWad(spreadOf(variance)),
      },
      realised: closes.slice(1).reduce((sum, close, i) => sum + (close - (closes[i] as number)) ** 2, 0),
      move: Math.abs((closes.at(-1) as number) - now),
    });
  }
  return rows;
}

const cellsOf = (day: readonly Bar[]): number[] =>
  Array.from({ length: HEAD_CELLS }, (_, cell) => {
    const part = day.slice(cell * CELL_BARS, (cell + 1) * CELL_BARS);
    return Math.trunc((256 * part.reduce((sum, bar) => sum + meanTick(bar), 0)) / CELL_BARS);
  });

const INPUT_COLUMNS = Array.from({ length: HEAD_INPUTS }, (_, i) => `x${i}`);
/** Columns of the file; ml/train/head.py reads the same. */
export const HEAD_COLUMNS = ["series", "at", ...INPUT_COLUMNS, "median", "mean", "spread", "realised", "move"] as const;

async function main(): Promise<void> {
  const text = { type: "string" } as const;
  const { values } = parseArgs({ options: { data: text, medians: text, out: text } });
  const dataFolder = dataFolderOf(values.data);
  const out = required("out", values.out, "the file to write");
  const medians = readMedians(required("medians", values.medians, "what ml/train/medians.py wrote"));
  const { streams, sources } = await trainingSet(dataFolder);
  // Years of candles; an inverse has the same sizes of moves.
  const long = streams.filter(({ samples }) => samples.yieldsPerTime === 0 && samples.rangesPerTime > 0);
  const rows: HeadRow[] = [];
  for (const { name, bars } of long) {
    const hourly: Bar[] = [];
    for await (const bar of bars()) hourly.push(bar);
    rows.push(...headRows(name, fillGaps(hourly, 3600), medians));
    console.log(`${name}: ${rows.length} rows so far`);
  }
  const lines = rows.map(({ series, at, inputs, posterior: { median, mean, spread }, realised, move }) =>
    [series, at, ...inputs, ...[median, mean, spread, realised, move].map((value) => value.toPrecision(6))].join(","),
  );
  writeFileSync(out, `${[HEAD_COLUMNS.join(","), ...lines].join("\n")}\n`);
  const candles = sources.filter(({ file }) => file.startsWith("binance_spot"));
  const described = candles.map(({ file, path, licence }) => ({
    file,
    sha256: `0x${createHash("sha256").update(readFileSync(path)).digest("hex")}`,
    licence,
  }));
  writeFileSync(
    out.replace(/\.csv$/, ".json"),
    `${JSON.stringify({ windowSeconds: HEAD_WINDOW_SECONDS, sources: described }, null, 2)}\n`,
  );
  console.log(`wrote ${out}: ${rows.length} rows of ${long.map(({ name }) => name).join(", ")}`);
}

await runAsProgram(import.meta.filename, main);
