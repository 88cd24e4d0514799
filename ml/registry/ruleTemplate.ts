import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { InvalidInputError } from "../errors.ts";
import { FEATURE_SCHEMA } from "../features/index.ts";
import { featureSchemaHash, type Manifest, parseManifest } from "../runtime/manifest.ts";
import { openRule } from "../runtime/rule.ts";
import { FEWEST_SAMPLES } from "../runtime/samples.ts";
import type { Matrix } from "../runtime/tensor.ts";
import type { ModelTask } from "../types.ts";

const EXAMPLES = join(import.meta.dirname, "../models/examples");
/** A module whatever folder it lies in: beside a package.json without "type", a .ts file would not be one. */
const FILE = "model.mts";
const DAY = 86_400;

const FIELDS: Readonly<Record<ModelTask, Readonly<Record<string, { readonly p1: number; readonly p99: number }>>>> = {
  volatility: { log_rv_24h: { p1: -11, p99: -4 }, log_rv_168h: { p1: -10, p99: -4.5 } },
  il: { log_rv_24h: { p1: -11, p99: -4 }, log_rv_168h: { p1: -10, p99: -4.5 } },
  yield: { log_rv_24h: { p1: -11, p99: -4 }, log_fee_24h: { p1: -13, p99: -4 } },
};
const UNITS: Readonly<Record<ModelTask, string>> = {
  volatility: "sum of squared log returns over 24 h",
  il: "fraction of starting value; the last column a share of the horizon",
  yield: "fraction of starting value over the horizon",
};
const QUANTILES = ["mean", "q10", "q50", "q90"];
const COLUMNS: Readonly<Record<ModelTask, readonly string[]>> = {
  volatility: QUANTILES,
  il: [...QUANTILES.map((one) => `il.${one}`), ...QUANTILES.map((one) => `lvr.${one}`), "inRange"],
  yield: QUANTILES,
};

export interface WriteRuleParameters {
  readonly folder: string;
  readonly name: string;
  readonly task: ModelTask;
  /** Day of the manifest, as 2026-01-31. */
  readonly createdAt: string;
}

/** Writes a package whose model is one TypeScript file, ready to be checked and then edited. */
export async function writeRule({ folder, name, task, createdAt }: WriteRuleParameters): Promise<void> {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, FILE), readFileSync(join(EXAMPLES, `${task}.ts`)));
  const domain = FIELDS[task];
  const fields = Object.keys(domain).map((field) => `${field}@1`);
  const tensor = (of: string, width: number) => ({ name: of, dtype: "float32", shape: ["N", width] });
  const ranged = task === "volatility" ? [] : [tensor("range", 3)];
  const manifest = {
    schemaVersion: 2,
    id: name,
    name,
    version: "0.1.0",
    task,
    format: "typescript",
    file: FILE,
    sha256: `0x${"0".repeat(64)}`,
    license: "MIT",
    authors: [],
    createdAt,
    framework: "typescript",
    featureSchema: { id: FEATURE_SCHEMA, hash: featureSchemaHash(FEATURE_SCHEMA, fields), fields },
    inputs: [tensor("features", fields.length), tensor("mask", fields.length), ...ranged],
    outputs: [{ ...tensor("quantiles", COLUMNS[task].length), unit: UNITS[task], columns: COLUMNS[task] }],
    horizonSeconds: task === "volatility" ? [DAY] : [3600, 7 * DAY],
    barSeconds: 3600,
    trainedOn: null,
    testedOn: null,
    metrics: {},
    runtime: { maxLatencyMs: 50, threads: 1 },
    domain,
    onOutOfDomain: "hold",
    samples: { relative: 1e-6, absolute: 1e-9 },
    limits: { maxWeight: 1 },
    compat: { minSuite: "0.1.0" },
  };
  writeFileSync(join(folder, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  writeFileSync(join(folder, "metrics.json"), "{}\n");
  writeFileSync(join(folder, "README.md"), card(name, task));
  await sealRule(folder);
}

/** Brings hash, schema hash and samples of a rule up to date with its code, after an edit by its author. */
export async function sealRule(folder: string): Promise<void> {
  const path = join(folder, "manifest.json");
  const raw = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown> & {
    file: string;
    format: string;
    featureSchema: { id: string; fields: string[]; hash: string };
  };
  if (raw.format !== "typescript") {
    throw new InvalidInputError(
      `${path}: format is ${JSON.stringify(raw.format)}, but only rules (typescript) are sealed`,
    );
  }
  const file = join(folder, raw.file);
  raw.sha256 = `0x${createHash("sha256").update(readFileSync(file)).digest("hex")}`;
  raw.featureSchema.hash = featureSchemaHash(raw.featureSchema.id, raw.featureSchema.fields);
  const text = `${JSON.stringify(raw, null, 2)}\n`;
  const manifest = parseManifest(text, path);
  const compute = await openRule(file, manifest);
  const cases = questions(manifest);
  const samples = [];
  for (const { name, features, mask, range } of cases) {
    const row = (data: readonly number[]): Matrix => ({ rows: 1, columns: data.length, data: Float32Array.from(data) });
    const ranged = manifest.inputs.some((input) => input.name === "range");
    const inputs = { features: row(features), mask: row(mask), ...(ranged ? { range: row(range) } : {}) };
    const { data } = await compute(inputs, 1);
    samples.push({
      name,
      features: features.map((value, i) => (mask[i] === 1 ? null : value)),
      mask,
      ...(ranged ? { range } : {}),
      quantiles: [...data],
    });
  }
  writeFileSync(path, text);
  const tolerance = { relative: manifest.samples.relative, absolute: manifest.samples.absolute };
  writeFileSync(join(folder, "sample.json"), `${JSON.stringify({ tolerance, samples }, null, 2)}\n`);
}

function questions({ featureSchema, domain }: Manifest) {
  const at = (share: number) => (field: string) => {
    const { p1, p99 } = domain[field] ?? { p1: -1, p99: 1 };
    return p1 + share * (p99 - p1);
  };
  const { fields } = featureSchema;
  const none = fields.map(() => 0);
  const middle = fields.map(at(0.5));
  const lost = fields.map((_, i) => (i % 2 === 0 ? 1 : 0));
  const cases: [string, readonly number[], readonly number[]][] = [
    ["the middle of the domain", middle, none],
    ["its lower edge", fields.map(at(0)), none],
    ["its upper edge", fields.map(at(1)), none],
    ["every second value missing", middle.map((value, i) => (lost[i] === 1 ? 0 : value)), lost],
    ["nothing known", none, fields.map(() => 1)],
    ["every value huge", fields.map(() => 1e6), none],
    ["every value hugely negative", fields.map(() => -1e6), none],
    ["every value zero", none, none],
  ];
  if (cases.length < FEWEST_SAMPLES) throw new Error("a rule must get as many samples as the loader asks for");
  const ranges = [
    [-0.05, 0.05, 0],
    [-0.3, 0.2, 0],
    [0.02, 0.3, 0.7],
    [-0.01, 0.01, -1],
  ];
  return cases.map(([name, features, mask], i) => ({ name, features, mask, range: ranges[i % ranges.length] ?? [] }));
}

const card = (name: string, task: ModelTask): string => `---
id: ${name}
version: 0.1.0
task: ${task}
license: mit
features: ${FEATURE_SCHEMA}
---

# ${name}

## Intended use

One input of \`decide\`: ${UNITS[task]}. Say here for which pools and horizons it is meant.

## Data

None: a rule, fitted to nothing. If you fit a number of it, say on what, and fill in \`trainedOn\` of manifest.json.

## Limits

Say what it cannot see.

## Reproduce

After an edit of \`${FILE}\`: \`rangekeeper model check FOLDER --seal\`.
`;
