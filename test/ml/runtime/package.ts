import { createHash } from "node:crypto";
import { mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FEATURE_SCHEMA } from "../../../ml/features/index.ts";
import { featureSchemaHash } from "../../../ml/runtime/manifest.ts";
import type { ModelTask } from "../../../ml/types.ts";
import { type DenseLayer, denseOnnx } from "./onnxFile.ts";

export const FIELDS = ["log_rv_24h", "log_fee_24h"];

/** A manifest that a package of this layer would have. */
export function manifestOf(task: ModelTask, layer: DenseLayer, sha256: string): Record<string, unknown> {
  const input = (name: string, width: number) => ({ name, dtype: "float32", shape: ["N", width] });
  return {
    schemaVersion: 1,
    id: `tiny-${task}`,
    version: "1.0.0",
    task,
    file: "model.onnx",
    sha256,
    featureSchema: { id: FEATURE_SCHEMA, hash: featureSchemaHash(FEATURE_SCHEMA, FIELDS), fields: FIELDS },
    inputs: [input("features", 2), input("mask", 2), ...(layer.withRange ? [input("range", 3)] : [])],
    outputs: [{ ...input("quantiles", layer.outputs), unit: "fraction" }],
    horizonSeconds: [21_600, 259_200],
    trainedOn: { sources: [{ file: "x.csv.gz", sha256: "0".repeat(64), licence: "permissive" }] },
    metrics: {},
    domain: { log_rv_24h: { p1: -10, p99: -4 } },
    samples: { relative: 1e-4, absolute: 1e-6 },
  };
}

/** Writes a package folder for one dense layer and returns it. */
export function writePackage(
  root: string,
  task: ModelTask,
  layer: Omit<DenseLayer, "fields">,
  change: (manifest: Record<string, unknown>) => object = (manifest) => manifest,
): string {
  const folder = mkdtempSync(join(root, `${task}-`));
  const whole = { ...layer, fields: 2 };
  const bytes = denseOnnx(whole);
  writeFileSync(join(folder, "model.onnx"), bytes);
  const manifest = manifestOf(task, whole, `0x${createHash("sha256").update(bytes).digest("hex")}`);
  writeFileSync(join(folder, "manifest.json"), JSON.stringify(change(manifest)));
  return folder;
}

/** As `writePackage`, of the second schema, with samples that the layer answers as they say. */
export function writeSecondPackage(
  root: string,
  layer: Omit<DenseLayer, "fields">,
  change: (manifest: Record<string, unknown>) => object = (manifest) => manifest,
): string {
  const folder = writePackage(root, "volatility", layer, (manifest) =>
    change({
      ...manifest,
      schemaVersion: 2,
      format: "onnx",
      trainedOn: {
        ...(manifest.trainedOn as object),
        ...{ from: 1_500_000_000, to: 1_600_000_000, dataHash: "", split: "time", purgeSeconds: 0, embargoSeconds: 0 },
      },
      testedOn: { from: 1_600_000_000, to: 1_700_000_000, by: "held-out" },
      runtime: { maxLatencyMs: 50 },
      onOutOfDomain: "hold",
    }),
  );
  const samples = Array.from({ length: 8 }, (_, i) => ({
    name: `row ${i}`,
    features: [i, null],
    mask: [0, 1],
    quantiles: Array.from(layer.bias, (bias, column) => bias + i * (layer.weights[column] ?? 0)),
  }));
  writeFileSync(
    join(folder, "sample.json"),
    JSON.stringify({ tolerance: { relative: 1e-5, absolute: 1e-6 }, samples }),
  );
  return folder;
}
