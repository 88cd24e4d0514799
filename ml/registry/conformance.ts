import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { BaseError } from "../errors.ts";
import { FEATURE_NAMES, FEATURE_SCHEMA } from "../features/index.ts";
import { openRangeRiskModel, openVolatilityModel, openYieldModel } from "../models/onnx.ts";
import {
  ModelFeatureError,
  ModelHashMismatchError,
  ModelOperatorError,
  ModelOverlapError,
  ModelSampleError,
  ModelTensorError,
  ModelWeightsError,
} from "../runtime/errors.ts";
import { type Manifest, outOfDomain } from "../runtime/manifest.ts";
import { checkSamples } from "../runtime/samples.ts";
import { type ModelSession, openModel } from "../runtime/session.ts";
import type { Matrix } from "../runtime/tensor.ts";
import type { Features } from "../types.ts";

/** One rule that every package is held to. */
export interface ConformanceRow {
  readonly check: string;
  /** Null: could not be tried, because an earlier one failed. */
  readonly passes: boolean | null;
  /** What was found; where it fails, one sentence that says what to fix. */
  readonly detail: string;
}

const DAY = 86_400;
const LATENCY_RUNS = 40;
/** float32 answers of a batch and of one row may part by this much. */
const BATCH_RELATIVE = 1e-5;
const BATCH_ABSOLUTE = 1e-7;

/** Checks in the order in which they are shown; those of the loader first. */
const LOADING = ["manifest", "hash", "look-ahead", "names and shapes", "operators", "weights", "samples"] as const;
const RUNNING = [
  "extremes",
  "missing values",
  "determinism",
  "batch = single",
  "latency",
  "sanity",
  "domain",
  "card",
] as const;

const CHECK_OF: readonly (readonly [new (message: string) => Error, (typeof LOADING)[number], fix: string])[] = [
  [ModelHashMismatchError, "hash", "export the package anew, so that manifest.json names the bytes of its file"],
  [ModelFeatureError, "look-ahead", "train on features that rangekeeper features show lists, in that version"],
  [ModelOverlapError, "look-ahead", "end the training span, with its purge, before the tested one begins"],
  [ModelTensorError, "names and shapes", "let the graph take and answer what its manifest and task say"],
  [ModelOperatorError, "operators", "export with ai.onnx opset 21 or ai.onnx.ml opset 3 at most"],
  [ModelWeightsError, "weights", "train again: a loss that is not finite leaves such weights"],
  [ModelSampleError, "samples", "write sample.json from the graph itself, at least eight inputs"],
];

export interface CheckPackageParameters {
  readonly folder: string;
  /** Milliseconds from any start. */
  readonly clock: () => number;
}

/** Runs the conformance suite over a package folder. Nothing of it is a matter of taste: a failed row is not loaded. */
export async function checkPackage({ folder, clock }: CheckPackageParameters): Promise<readonly ConformanceRow[]> {
  let session: ModelSession;
  let samples: number;
  try {
    session = await openModel(folder);
    samples = await checkSamples(session.run, session.manifest, folder);
    await openTyped(folder, session.manifest);
  } catch (error) {
    if (!(error instanceof BaseError)) throw error;
    return failedToLoad(error);
  }
  const { manifest } = session;
  const found: Record<(typeof LOADING)[number], string> = {
    manifest: `schema ${manifest.schemaVersion}, ${manifest.task}, ${manifest.format}`,
    hash: manifest.sha256.slice(0, 18),
    "look-ahead": spansOf(manifest),
    "names and shapes": manifest.inputs.map(({ name, shape }) => `${name} [${shape.join(", ")}]`).join(", "),
    operators: `runs in ${session.engine}`,
    weights: manifest.format === "typescript" ? "a rule has none" : "all finite",
    samples: `${samples} answered within ${manifest.samples.relative} of their size`,
  };
  const rows: ConformanceRow[] = LOADING.map((check) => ({ check, passes: true, detail: found[check] }));
  const ask: Asked = { folder, session, ordinary: ordinaryOf(manifest), clock };
  for (const check of RUNNING) rows.push(await tried(check, () => CHECKS[check](ask)));
  return rows;
}

interface Asked {
  readonly folder: string;
  readonly session: ModelSession;
  readonly ordinary: Row;
  readonly clock: () => number;
}

/** Thrown inside a check: the sentence that says what to fix. */
class Finding extends BaseError {}

async function tried(check: string, work: () => Promise<string> | string): Promise<ConformanceRow> {
  try {
    return { check, passes: true, detail: await work() };
  } catch (error) {
    if (!(error instanceof BaseError)) throw error;
    return { check, passes: false, detail: error.message };
  }
}

function failedToLoad(error: BaseError): ConformanceRow[] {
  const [, check, fix] = CHECK_OF.find(([kind]) => error instanceof kind) ?? [
    null,
    "manifest" as const,
    "mend manifest.json",
  ];
  return [...LOADING, ...RUNNING].map((one) =>
    one === check
      ? {
          check: one,
          passes: false,
          detail: `${error.message.replace(/0x[0-9a-f]{64}/g, (hash) => `${hash.slice(0, 10)}…`)}: ${fix}`,
        }
      : { check: one, passes: null, detail: "not tried" },
  );
}

function openTyped(folder: string, { task }: Manifest): Promise<unknown> {
  if (task === "volatility") return openVolatilityModel(folder);
  return task === "il" ? openRangeRiskModel(folder) : openYieldModel(folder);
}

const day = (seconds: unknown): string => new Date(Number(seconds) * 1000).toISOString().slice(0, 10);

function spansOf({ trainedOn, testedOn }: Manifest): string {
  if (trainedOn === null) return "fitted to nothing";
  const tested = testedOn === null ? "" : `, tested ${day(testedOn.from)} to ${day(testedOn.to)} (${testedOn.by})`;
  return `trained ${day(trainedOn.from)} to ${day(trainedOn.to)}${tested}`;
}

/** One question: the manifest's fields in order, NaN = missing, with a range and a horizon where they are asked for. */
interface Row {
  readonly values: readonly number[];
  readonly range: readonly [lower: number, upper: number];
  readonly horizonSeconds: number;
}

/** A market in the middle of what the model knows. */
function ordinaryOf({ featureSchema, domain, horizonSeconds }: Manifest): Row {
  const values = featureSchema.fields.map((field) => {
    const edges = domain[field];
    return edges === undefined ? (field.startsWith("log_fee") ? -8 : 0) : (edges.p1 + edges.p99) / 2;
  });
  const [least, most] = [Math.min(...horizonSeconds), Math.max(...horizonSeconds)];
  return { values, range: [-0.1, 0.1], horizonSeconds: Math.min(most, Math.max(least, DAY)) };
}

/** Asks the graph itself, several rows at once. */
async function answers({ session }: Asked, rows: readonly Row[]): Promise<number[][]> {
  const { manifest } = session;
  const matrix = (of: (row: Row) => readonly number[]): Matrix => {
    const lists = rows.map(of);
    return { rows: rows.length, columns: lists[0]?.length ?? 0, data: Float32Array.from(lists.flat()) };
  };
  const ln = ({ horizonSeconds }: Row) => Math.log(horizonSeconds / DAY);
  const all: Record<string, Matrix> = {
    features: matrix(({ values }) => values.map((value) => (Number.isNaN(value) ? 0 : value))),
    mask: matrix(({ values }) => values.map((value) => (Number.isNaN(value) ? 1 : 0))),
    range: matrix((row) => [...row.range, ln(row)]),
    horizon: matrix((row) => [ln(row)]),
  };
  const inputs = Object.fromEntries(manifest.inputs.map(({ name }) => [name, all[name] as Matrix]));
  const { data, columns } = await session.run(inputs);
  return rows.map((_, row) => [...data.subarray(row * columns, (row + 1) * columns)]);
}

const RANGES = [
  [-0.05, 0.05],
  [-0.005, 0.005],
  [-0.7, 0.7],
  [0.05, 0.3],
  [-0.3, -0.02],
  [-0.01, 0.4],
] as const;

const byName = (row: Row, fields: readonly string[], change: (name: string, value: number) => number): Row => ({
  ...row,
  values: fields.map((field, i) => change(field, row.values[i] ?? Number.NaN)),
});
const isVariance = (name: string): boolean => /^log_(gk|rv|parkinson)_/.test(name);
const rougher = (row: Row, fields: readonly string[], times: number): Row =>
  byName(row, fields, (name, value) => (isVariance(name) ? value + Math.log(times) : value));

/** Quantiles in order and of the sign that the task has. */
function orderly(task: Manifest["task"], answer: readonly number[], where: string): void {
  const quantiles = (from: number, low: number, high: number, what: string): void => {
    const [mean = 0, q10 = 0, q50 = 0, q90 = 0] = answer.slice(from, from + 4);
    const slack = 1e-6 + 1e-5 * Math.abs(q50);
    for (const [name, value] of Object.entries({ mean, q10, q50, q90 })) {
      if (value < low - slack || value > high + slack) {
        throw new Finding(`${what}.${name} is ${value} for ${where}: clip it to ${low}..${high} inside the model`);
      }
    }
    if (q10 > q50 + slack || q50 > q90 + slack) {
      throw new Finding(`${what}: q10 ${q10}, q50 ${q50}, q90 ${q90} for ${where}: put the quantiles in order`);
    }
  };
  if (task !== "il") {
    quantiles(0, 0, 1e4, task);
    return;
  }
  quantiles(0, -10, 0, "il");
  quantiles(4, 0, 1e4, "lvr");
  const inRange = answer[8] ?? Number.NaN;
  if (!(inRange >= -1e-6 && inRange <= 1 + 1e-6)) {
    throw new Finding(`inRange is ${inRange} for ${where}: clip it to 0..1 inside the model`);
  }
}

const CHECKS: Readonly<Record<(typeof RUNNING)[number], (asked: Asked) => Promise<string> | string>> = {
  async extremes(asked) {
    const { fields } = asked.session.manifest.featureSchema;
    const { ordinary } = asked;
    const log = (name: string) => name.startsWith("log_");
    const cases: [string, Row][] = [
      ["a crash", rougher(ordinary, fields, 1000)],
      ["a dead market", byName(ordinary, fields, (name, value) => (log(name) ? -18.4 : value))],
      ["every value 1e6", byName(ordinary, fields, () => 1e6)],
      ["every value -1e6", byName(ordinary, fields, () => -1e6)],
      ["every value 0", byName(ordinary, fields, () => 0)],
      ...RANGES.map((range): [string, Row] => [`the range ${range.join(" to ")}`, { ...ordinary, range }]),
    ];
    for (const [name, row] of cases) {
      const [answer = []] = await answers(asked, [row]);
      orderly(asked.session.manifest.task, answer, name);
    }
    return `${cases.length} answered, finite and in order`;
  },
  async "missing values"(asked) {
    const { manifest } = asked.session;
    const { fields } = manifest.featureSchema;
    const without = [null, ...fields];
    for (const lost of without) {
      const row = byName(asked.ordinary, fields, (name, value) =>
        lost === null || name === lost ? Number.NaN : value,
      );
      const [answer = []] = await answers(asked, [row]);
      orderly(manifest.task, answer, lost === null ? "no feature known" : `${lost} missing`);
    }
    return `${without.length} answered`;
  },
  async determinism(asked) {
    const again = { ...asked, session: await openModel(asked.folder) };
    const [first, second, third] = await Promise.all([
      answers(asked, [asked.ordinary]),
      answers(asked, [asked.ordinary]),
      answers(again, [asked.ordinary]),
    ]);
    for (const other of [second, third]) {
      if (other.flat().some((value, i) => !Object.is(value, first.flat()[i]))) {
        throw new Finding("the same question was answered twice in two ways: take time and chance out of the model");
      }
    }
    return "three answers alike, bit for bit";
  },
  async "batch = single"(asked) {
    const { fields } = asked.session.manifest.featureSchema;
    const rows = RANGES.map((range, i) => ({ ...rougher(asked.ordinary, fields, 1 + i / 4), range }));
    const batch = await answers(asked, rows);
    for (const [i, row] of rows.entries()) {
      const [alone = []] = await answers(asked, [row]);
      alone.forEach((value, column) => {
        const other = batch[i]?.[column] ?? Number.NaN;
        if (Math.abs(value - other) <= BATCH_ABSOLUTE + BATCH_RELATIVE * Math.abs(value)) return;
        throw new Finding(
          `row ${i} answers ${other} in a batch, but ${value} alone: let no operator reach from row to row`,
        );
      });
    }
    return `${rows.length} rows alike`;
  },
  async latency(asked) {
    const { maxLatencyMs } = asked.session.manifest.runtime;
    const times: number[] = [];
    for (let i = 0; i < LATENCY_RUNS; i++) {
      const began = asked.clock();
      await answers(asked, [asked.ordinary]);
      times.push(asked.clock() - began);
    }
    const middle = times.sort((a, b) => a - b)[LATENCY_RUNS / 2] ?? 0;
    if (middle > maxLatencyMs) {
      throw new Finding(
        `one answer takes ${middle.toFixed(3)} ms, but runtime.maxLatencyMs is ${maxLatencyMs}: make it smaller`,
      );
    }
    return `${middle.toFixed(3)} ms for one answer, at most ${maxLatencyMs}`;
  },
  sanity,
  domain({ session: { manifest } }) {
    const names = Object.keys(manifest.domain);
    if (names.length === 0) {
      throw new Finding("domain is empty: name the 1st and 99th percentile of the features in training");
    }
    for (const name of names) {
      const { p1, p99 } = manifest.domain[name] ?? { p1: 0, p99: 0 };
      if (!(p1 < p99)) throw new Finding(`domain.${name} is ${p1} to ${p99}: leave out a feature that never varies`);
      const values = new Float64Array(FEATURE_NAMES.length).fill(Number.NaN);
      values[FEATURE_NAMES.indexOf(name)] = p99 + 4 * (p99 - p1);
      const features: Features = { schema: FEATURE_SCHEMA, atSeconds: 0, values };
      if (!outOfDomain(features, manifest).includes(name)) {
        throw new Finding(`domain.${name} is never left: give its percentiles as numbers`);
      }
    }
    return `${names.length} features; far outside the decision is to hold`;
  },
  card({ folder }) {
    const file = join(folder, "README.md");
    if (!existsSync(file)) throw new Finding("README.md is missing: say what the model is for and what it cannot do");
    const headings: readonly string[] = readFileSync(file, "utf8").match(/^## .+$/gm) ?? [];
    for (const wanted of ["Intended use", "Limits", "Reproduce"]) {
      if (!headings.includes(`## ${wanted}`)) throw new Finding(`README.md has no heading "${wanted}": add it`);
    }
    return `${headings.length} headings`;
  },
};

/** What any market knows: rough weeks are followed by rough days, and a narrow range earns and loses more while in it. */
async function sanity(asked: Asked): Promise<string> {
  const { ordinary, session, folder } = asked;
  const { fields } = session.manifest.featureSchema;
  const first = async (row: Row): Promise<number[]> => (await answers(asked, [row]))[0] ?? [];
  if (session.manifest.task === "volatility") {
    const [calm, rough] = [await first(ordinary), await first(rougher(ordinary, fields, 3))];
    if (!((rough[0] ?? 0) > (calm[0] ?? 0))) {
      throw new Finding(
        `three times the variance in every window is answered with ${rough[0]} after ${calm[0]}: it must rise`,
      );
    }
    return "more variance after rougher weeks";
  }
  const around = (half: number): Row => ({ ...ordinary, range: [-half, half] });
  const [narrow, wide] = [await first(around(0.02)), await first(around(0.3))];
  const [mean, wider] = session.manifest.task === "il" ? [narrow[4], wide[4]] : [narrow[0], wide[0]];
  if (!((mean ?? 0) > (wider ?? 0))) {
    const what = session.manifest.task === "il" ? "LVR" : "fees";
    throw new Finding(`${what} of ±2 % are ${mean}, of ±30 % ${wider}: a narrow range must have more (${folder})`);
  }
  if (session.manifest.task === "il" && !((narrow[8] ?? 1) < (wide[8] ?? 0))) {
    throw new Finding(`time in ±2 % is ${narrow[8]}, in ±30 % ${wide[8]}: a narrow range must be left sooner`);
  }
  return session.manifest.task === "il" ? "narrow ranges lose more, and are left sooner" : "narrow ranges earn more";
}
