/**
 * What a head loses of the posterior that it was distilled from: `tsx ml/models/head/judge.ts --rows FILE --nets FILE
 * --out FILE`. Each net of the walk (one for each window and seed) is made into integers by the code that makes the
 * shipped one, and answers for the rows of its own window.
 */
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { z } from "zod";
import { parseCsv } from "../../data/csv.ts";
import { HEAD_COLUMNS, type HeadRow } from "../../data/headRows.ts";
import { InvalidInputError } from "../../errors.ts";
import { HEAD_INPUTS } from "../../features/headInputs.ts";
import { runAsProgram } from "../../program.ts";
import { evaluateQuantizedMlp } from "../../runtime/quantizedMlp.ts";
import { evaluateFloatMlp, quantize } from "../quantize.ts";
import { syntheticRows } from "./syntheticRows.ts";

const DAY = 86_400;
/** Rows and random walks that the scales of the layers come from. */
const CALIBRATION_ROWS = 4_000;
/** Standard deviations in a spread, and how often the posterior means a day's variance to stay inside. */
const DEVIATIONS = 1.28;
/** A variance below this is a market that stood still. */
const FLOOR = 1e-8;
/** Less than a tick of movement in a day is a halted exchange, not a market; not learned from either. */
const HALTED_BELOW = 16;
/** When all inputs grow by this much, the spread is to rise. */
const WILDER = 1.25;

const layer = z.object({ weights: z.array(z.array(z.number())), biases: z.array(z.number()) });
const netsSchema = z.object({
  seeds: z.array(z.int()).min(1),
  shippedSeed: z.int(),
  nets: z
    .array(
      z.object({
        name: z.string(),
        seed: z.int(),
        /** Rows in [from, until) are its to answer; it was fitted on rows before `known`. */
        from: z.int(),
        until: z.int(),
        known: z.int(),
        layers: z.array(layer).min(1),
      }),
    )
    .min(1),
});
type Net = z.output<typeof netsSchema>["nets"][number];

/** A spread and a variance, as one of the four says them. */
interface Said {
  readonly spread: number;
  readonly variance: number;
}
export const SAYERS = ["posterior", "float", "int8", "realised"] as const;
type Sayer = (typeof SAYERS)[number];
type Answer = Readonly<Record<Sayer, Said>> & { readonly row: HeadRow; readonly grows: boolean };

/** The contract's own estimator on the same inputs: seven changes of cells of an eighth of a day. */
export function realisedDeviation(inputs: readonly number[]): number {
  const squares = inputs.slice(0, -1).reduce((sum, change) => sum + change * change, 0);
  return Math.sqrt((3 * squares) / ((7 * 2) / 8)) / 160_000;
}

/** What one net, in floats and in integers, says of its rows beside the posterior and the contract's estimator. */
export function answersOf(net: Net, rows: readonly HeadRow[]): Answer[] {
  const past = rows.filter(({ at }) => at < net.known);
  const stride = Math.max(1, Math.floor(past.length / CALIBRATION_ROWS));
  const calibration = [
    ...syntheticRows({ count: CALIBRATION_ROWS, seed: 1 }),
    ...past.filter((_, i) => i % stride === 0).map(({ inputs }) => inputs),
  ];
  const { quantized } = quantize({ mlp: net, calibration, inputUnit: 1 });
  const clamp = (inputs: readonly number[]) => inputs.map((value) => Math.min(value, quantized.activationMax));
  const integers = (inputs: readonly number[]): number[] =>
    evaluateQuantizedMlp(quantized, inputs).map((value) => value / 2 ** quantized.outputShift);
  return rows
    .filter(({ at }) => at >= net.from && at < net.until)
    .map((row) => {
      const int8 = said(integers(row.inputs));
      const deviation = realisedDeviation(row.inputs);
      return {
        row,
        posterior: { spread: row.posterior.spread, variance: row.posterior.mean ** 2 },
        float: said(evaluateFloatMlp(net, clamp(row.inputs))),
        int8,
        realised: { spread: DEVIATIONS * deviation, variance: deviation ** 2 },
        grows: said(integers(row.inputs.map((value) => Math.round(WILDER * value)))).spread > int8.spread,
      };
    });
}

/** Outputs are deviations by median and mean variance, and last the spread; a negative one is nothing. */
function said(outputs: readonly number[]): Said {
  const [mean, spread] = [outputs.at(-2), outputs.at(-1)].map((value) => Math.max(0, value as number));
  return { spread: spread as number, variance: (mean as number) ** 2 };
}

/** Figures of one series, one seed. */
export interface HeadScore {
  readonly rows: number;
  readonly days: number;
  /** QLIKE of the variance at midnights, and the share of those days whose variance stayed inside of the spread. */
  readonly qlike: Readonly<Record<Sayer, number>>;
  readonly inside: Readonly<Record<Sayer, number>>;
  /** Of the spread against the posterior's, all rows: correlation of logs, and 1 %, 50 % and 99 % quantile of the ratio. */
  readonly correlation: Readonly<Record<Sayer, number>>;
  readonly narrowest: Readonly<Record<Sayer, number>>;
  readonly middle: Readonly<Record<Sayer, number>>;
  readonly widest: Readonly<Record<Sayer, number>>;
  /** What the integers alone lose: |int8 / float − 1| of the spread. */
  readonly rounding: { readonly median: number; readonly p99: number; readonly worst: number };
  /** Share of rows whose spread rises when every input rises by a quarter. */
  readonly monotone: number;
}

export function scoreAnswers(answers: readonly Answer[]): HeadScore {
  const midnights = answers.filter(({ row }) => row.at % DAY === 0);
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const each = (of: (sayer: Sayer) => number) =>
    Object.fromEntries(SAYERS.map((sayer) => [sayer, of(sayer)])) as Record<Sayer, number>;
  const lnOf = (sayer: Sayer) => answers.map((answer) => Math.log(Math.max(1e-5, answer[sayer].spread)));
  const ratioAt = (sayer: Sayer, share: number) =>
    quantileOf(
      answers.map((answer) => answer[sayer].spread / answer.posterior.spread),
      share,
    );
  const rounding = answers.map(({ int8, float }) => Math.abs(int8.spread / float.spread - 1));
  return {
    rows: answers.length,
    days: midnights.length,
    qlike: each((sayer) =>
      mean(
        midnights.map((answer) => {
          const ratio = Math.max(FLOOR, answer.row.realised) / Math.max(FLOOR, answer[sayer].variance);
          return ratio - Math.log(ratio) - 1;
        }),
      ),
    ),
    inside: each((sayer) =>
      mean(midnights.map((a) => (a.row.realised <= (a[sayer].spread / DEVIATIONS) ** 2 ? 1 : 0))),
    ),
    correlation: each((sayer) => correlation(lnOf(sayer), lnOf("posterior"))),
    narrowest: each((sayer) => ratioAt(sayer, 0.01)),
    middle: each((sayer) => ratioAt(sayer, 0.5)),
    widest: each((sayer) => ratioAt(sayer, 0.99)),
    rounding: { median: quantileOf(rounding, 0.5), p99: quantileOf(rounding, 0.99), worst: quantileOf(rounding, 1) },
    monotone: mean(answers.map(({ grows }) => (grows ? 1 : 0))),
  };
}

function quantileOf(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] as number;
}

function correlation(a: readonly number[], b: readonly number[]): number {
  const centred = (values: readonly number[]) => {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return values.map((value) => value - mean);
  };
  const [x, y] = [centred(a), centred(b)];
  const dot = (p: readonly number[], q: readonly number[]) =>
    p.reduce((sum, value, i) => sum + value * (q[i] as number), 0);
  return dot(x, y) / Math.sqrt(dot(x, x) * dot(y, y));
}

/** Reads what ml/data/headRows.ts wrote. */
export function readHeadRows(path: string): HeadRow[] {
  const { rows } = parseCsv(readFileSync(path, "utf8"), path, HEAD_COLUMNS);
  return rows
    .map((row) => ({
      series: row.text("series"),
      at: row.integer("at"),
      inputs: Array.from({ length: HEAD_INPUTS }, (_, i) => row.integer(`x${i}`)),
      posterior: { median: row.number("median"), mean: row.number("mean"), spread: row.number("spread") },
      realised: row.number("realised"),
      move: row.number("move"),
    }))
    .filter(({ inputs }) => (inputs.at(-1) as number) >= HALTED_BELOW);
}

/** Figures of every series of every seed, over all of a seed's windows. */
function scoresBySeed(nets: readonly Net[], seeds: readonly number[], rows: readonly HeadRow[]) {
  const series = [...new Set(rows.map((row) => row.series))];
  return seeds.map((seed) => {
    const answers = nets.filter((net) => net.seed === seed).flatMap((net) => answersOf(net, rows));
    console.log(`seed ${seed}: ${answers.length} answers`);
    const of = (name: string) => scoreAnswers(answers.filter(({ row }) => row.series === name));
    return { seed, series: Object.fromEntries(series.map((name) => [name, of(name)])) };
  });
}

function main(): void {
  const text = { type: "string" } as const;
  const { values } = parseArgs({ options: { rows: text, nets: text, out: text } });
  const { rows: rowsPath, nets: netsPath, out } = values;
  if (rowsPath === undefined || netsPath === undefined || out === undefined) {
    throw new InvalidInputError("--rows, --nets and --out must each name a file");
  }
  const rows = readHeadRows(rowsPath);
  const { nets, seeds, shippedSeed } = netsSchema.parse(JSON.parse(readFileSync(netsPath, "utf8")));
  const walk = nets.filter(({ name }) => name !== "shipped");
  const shipped = nets.filter(({ name }) => name === "shipped");
  const windows = walk.filter(({ seed }) => seed === seeds[0]).map(({ from, until }) => ({ from, until }));
  const results = {
    task: "head",
    model: "spread-head",
    dataHash: `0x${createHash("sha256").update(readFileSync(rowsPath)).digest("hex")}`,
    seeds,
    windows,
    bySeed: scoresBySeed(walk, seeds, rows),
    shipped: { from: shipped[0]?.from, until: shipped[0]?.until, ...scoresBySeed(shipped, [shippedSeed], rows)[0] },
  };
  const short = (_: string, value: unknown) =>
    typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value;
  writeFileSync(out, `${JSON.stringify(results, short, 1)}\n`);
  console.log(`wrote ${out}: ${windows.length} windows, seeds ${seeds.join(", ")}`);
}

await runAsProgram(import.meta.filename, main);
