import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FEATURE_SCHEMA } from "../../ml/features/index.ts";
import { featureSchemaHash } from "../../ml/runtime/manifest.ts";
import { logLinearOnnx } from "../ml/runtime/onnxFile.ts";

const FIELDS = ["log_rv_24h@1", "log_rv_6h@1"];
const DAY = 86_400;
/** Logarithms of a day's variance. */
const [LEAST, MOST] = [-20, 4];
/** Of mean, q10, q50 and q90: how far their logarithms are from that of the variance per day, as the features have it. */
const BIAS = [0, -1.2, -0.2, 0.6];
const [LONG, SHORT, UNKNOWN] = [0.7, 0.3, -7];

export interface StrangersModel {
  readonly folder: string;
  readonly name: string;
  readonly version?: string;
  /** Added to the logarithm of every answer: below 0 it takes markets for calmer than they are. */
  readonly shift?: number;
  readonly domain?: { readonly p1: number; readonly p99: number };
  readonly trainedOn?: { readonly from: number; readonly to: number };
}

/**
 * Writes what a stranger's exporter would: a package of his own ONNX graph, a weighed mean of two windows' log variances,
 * with everything that the suite asks for.
 */
export function writeStrangersModel(given: StrangersModel): string {
  const { folder, name, version = "1.0.0", shift = 0, domain = { p1: -20, p99: 0 } } = given;
  const { from, to } = given.trainedOn ?? { from: 1_500_000_000, to: 1_600_000_000 };
  mkdirSync(join(folder, "train"), { recursive: true });
  const bias = BIAS.map((one) => one + shift);
  const weights = [...BIAS.map(() => LONG), ...BIAS.map(() => SHORT)];
  const missing = weights.map((weight) => weight * UNKNOWN);
  const onnx = logLinearOnnx({ weights, bias, missing, least: LEAST, most: MOST });
  writeFileSync(join(folder, "model.onnx"), onnx);
  const tensor = (of: string, width: number) => ({ name: of, dtype: "float32", shape: ["N", width] });
  const json = (file: string, value: unknown) =>
    writeFileSync(join(folder, file), `${JSON.stringify(value, null, 2)}\n`);
  json("manifest.json", {
    schemaVersion: 2,
    id: name,
    name,
    version,
    task: "volatility",
    format: "onnx",
    file: "model.onnx",
    sha256: `0x${createHash("sha256").update(onnx).digest("hex")}`,
    opset: 13,
    license: "MIT",
    authors: ["a stranger"],
    createdAt: "2026-01-01",
    framework: "by hand",
    featureSchema: { id: FEATURE_SCHEMA, hash: featureSchemaHash(FEATURE_SCHEMA, FIELDS), fields: FIELDS },
    inputs: [tensor("features", FIELDS.length), tensor("mask", FIELDS.length)],
    outputs: [{ ...tensor("quantiles", BIAS.length), unit: "sum of squared log returns over 24 h" }],
    horizonSeconds: [DAY],
    barSeconds: 3600,
    trainedOn: {
      sources: [{ file: "mine.csv.gz", sha256: "0".repeat(64), licence: "MIT" }],
      ...{ from, to, dataHash: "", split: "time", purgeSeconds: 0, embargoSeconds: 0 },
    },
    testedOn: null,
    metrics: { oos: { qlike: 0.3 } },
    runtime: { maxLatencyMs: 50, threads: 1 },
    domain: { log_rv_24h: domain, log_rv_6h: domain },
    onOutOfDomain: "hold",
    samples: { relative: 1e-4, absolute: 1e-9 },
    limits: { maxWeight: 1 },
    compat: { minSuite: "0.1.0" },
  });
  const samples = Array.from({ length: 8 }, (_, i) => {
    const values = [-10 + i, i % 3 === 0 ? null : -9 + i];
    const level = LONG * (values[0] as number) + SHORT * (values[1] ?? UNKNOWN);
    const held = (log: number) => Math.exp(Math.min(MOST, Math.max(LEAST, log)));
    return {
      name: `sample ${i}`,
      features: values,
      mask: values.map((value) => (value === null ? 1 : 0)),
      quantiles: bias.map((one) => held(level + one)),
    };
  });
  json("sample.json", { tolerance: { relative: 1e-4, absolute: 1e-9 }, samples });
  json("metrics.json", { oos: { qlike: 0.3 } });
  writeFileSync(
    join(folder, "README.md"),
    `# ${name}\n\n## Intended use\n\nA day's variance.\n\n## Limits\n\nTwo windows.\n\n## Reproduce\n\nBy hand.\n`,
  );
  return folder;
}
