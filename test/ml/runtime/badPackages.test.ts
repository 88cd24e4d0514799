import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FEATURE_SCHEMA } from "../../../ml/features/index.ts";
import {
  ModelFeatureError,
  ModelHashMismatchError,
  ModelOperatorError,
  ModelOverlapError,
  ModelPackageError,
  ModelSampleError,
  ModelTensorError,
  ModelWeightsError,
} from "../../../ml/runtime/errors.ts";
import { featureSchemaHash } from "../../../ml/runtime/manifest.ts";
import { openModel } from "../../../ml/runtime/session.ts";
import { exitCodeOf } from "../../../rebalancer/errors.ts";
import type { DenseLayer } from "./onnxFile.ts";
import { writeSecondPackage } from "./package.ts";

type Layer = Omit<DenseLayer, "fields">;
const good: Layer = { outputs: 4, weights: [1, 2, 3, 4, 0, 0, 0, 0], bias: [1, 1, 2, 3] };

/** A manifest whose fields these are, with the hash that fits them. */
const fields = (names: readonly string[]) => (manifest: object) => ({
  ...manifest,
  featureSchema: { id: FEATURE_SCHEMA, hash: featureSchemaHash(FEATURE_SCHEMA, names), fields: names },
});
const tensor = (name: string, width: number) => ({ name, dtype: "float32", shape: ["N", width] });

interface Fault {
  readonly layer?: Partial<Layer>;
  readonly manifest?: (manifest: Record<string, unknown>) => object;
  /** Done to the folder afterwards. */
  readonly after?: (folder: string) => void;
  readonly error: new (message: string) => Error;
  readonly says: RegExp;
}

const editSamples = (change: (text: { samples: { quantiles: number[] }[] }) => void) => (folder: string) => {
  const file = join(folder, "sample.json");
  const value = JSON.parse(readFileSync(file, "utf8"));
  change(value);
  writeFileSync(file, JSON.stringify(value));
};

const FAULTS: Readonly<Record<string, Fault>> = {
  "a wrong hash": {
    manifest: (manifest) => ({ ...manifest, sha256: "1".repeat(64) }),
    error: ModelHashMismatchError,
    says: /model\.onnx must have sha256 0x1{64}, but has 0x/,
  },
  "a renamed input": {
    manifest: (manifest) => ({ ...manifest, inputs: [tensor("x", 2), tensor("mask", 2)] }),
    error: ModelTensorError,
    says: /has inputs features, mask, but its manifest says x, mask/,
  },
  "a renamed output": {
    manifest: (manifest) => ({ ...manifest, outputs: [{ ...tensor("answers", 4), unit: "1" }] }),
    error: ModelTensorError,
    says: /has outputs quantiles, but its manifest says answers/,
  },
  "an input of another shape than its manifest says": {
    manifest: (manifest) => ({ ...manifest, inputs: [tensor("features", 3), tensor("mask", 2)] }),
    error: ModelTensorError,
    says: /has features of shape \[N, 2\], but its manifest says \[N, 3\]/,
  },
  "inputs for fewer fields than it names": {
    manifest: fields(["log_rv_24h", "log_rv_72h", "log_fee_24h"]),
    error: ModelTensorError,
    says: /input features has 2 columns, but must have 3/,
  },
  "an output of another shape": {
    manifest: (manifest) => ({ ...manifest, outputs: [{ ...tensor("quantiles", 5), unit: "1" }] }),
    error: ModelTensorError,
    says: /has quantiles of shape \[N, 4\], but its manifest says \[N, 5\]/,
  },
  "no samples": {
    after: (folder) => rmSync(join(folder, "sample.json")),
    error: ModelSampleError,
    says: /sample\.json cannot be read \(ENOENT\), but a package must bring its samples/,
  },
  "too few samples": {
    after: editSamples((text) => text.samples.pop()),
    error: ModelSampleError,
    says: /samples must be at least 8/,
  },
  "a sample that it does not answer so": {
    after: editSamples(({ samples }) => {
      if (samples[5]) samples[5].quantiles[2] = 99;
    }),
    error: ModelSampleError,
    says: /sample "row 5" says 99 in column 2, but the model answers 17/,
  },
  "weights that are NaN": {
    layer: { weights: [1, 2, Number.NaN, 4, 0, 0, 0, 0] },
    error: ModelWeightsError,
    says: /W holds a number that is not finite/,
  },
  "weights that are infinite": {
    layer: { bias: [1, 1, Number.POSITIVE_INFINITY, 3] },
    error: ModelWeightsError,
    says: /B holds a number that is not finite/,
  },
  "a training span that overlaps the tested one": {
    manifest: (manifest) => ({ ...manifest, testedOn: { from: 1_599_999_999, to: 1_700_000_000, by: "held-out" } }),
    error: ModelOverlapError,
    says: /testedOn\.from is 1599999999, but must not be before training ended with its purge, 1600000000/,
  },
  "a training span whose purge reaches into the tested one": {
    manifest: (manifest) => ({ ...manifest, trainedOn: { ...(manifest.trainedOn as object), purgeSeconds: 1 } }),
    error: ModelOverlapError,
    says: /1600000001/,
  },
  "an unknown opset": {
    layer: { opset: 99 },
    error: ModelOperatorError,
    says: /has opset 99 of ai\.onnx, but must have at most 21/,
  },
  "another opset than its manifest says": {
    manifest: (manifest) => ({ ...manifest, opset: 17 }),
    error: ModelOperatorError,
    says: /has opset 13, but its manifest says 17/,
  },
  "operators of an unknown set": {
    layer: { imports: "com.example" },
    error: ModelOperatorError,
    says: /uses operators of com\.example, but only ai\.onnx, ai\.onnx\.ml are known/,
  },
  "an unknown operator": {
    layer: { operator: "Divine" },
    error: ModelOperatorError,
    says: /Divine/,
  },
  "a feature that is not computed here": {
    manifest: fields(["log_rv_24h", "tomorrows_price"]),
    error: ModelFeatureError,
    says: /"tomorrows_price", but main@\d+ has no such feature/,
  },
  "another version of a feature": {
    manifest: fields(["log_rv_24h@7", "log_fee_24h"]),
    error: ModelFeatureError,
    says: /"log_rv_24h@7", but log_rv_24h@1 is what is computed here/,
  },
  "features of a later set": {
    manifest: (manifest) => ({ ...manifest, featureSchema: { id: "main@99", hash: "0".repeat(64), fields: ["x"] } }),
    error: ModelFeatureError,
    says: /"main@99"/,
  },
  "no word on what to do out of domain": {
    manifest: ({ onOutOfDomain: _, ...manifest }) => manifest,
    error: ModelPackageError,
    says: /onOutOfDomain/,
  },
};

describe("a package with", () => {
  let root: string;
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), "bad-packages-"));
  });
  afterAll(() => rmSync(root, { recursive: true }));

  it("no fault is loaded, with bare and with versioned names of features", async () => {
    for (const names of [
      ["log_rv_24h", "log_fee_24h"],
      ["log_rv_24h@1", "log_fee_24h@1"],
    ]) {
      const { manifest, run } = await openModel(writeSecondPackage(root, good, fields(names)));
      expect(manifest.featureSchema.fields).toEqual(["log_rv_24h", "log_fee_24h"]);
      const row = (data: number[]) => ({ rows: 1, columns: 2, data: Float32Array.from(data) });
      expect([...(await run({ features: row([2, 5]), mask: row([0, 0]) })).data]).toEqual([3, 5, 8, 11]);
    }
  });

  for (const [name, { layer, manifest, after, error, says }] of Object.entries(FAULTS))
    it(`${name} is refused by name, and ends a command with status 2`, async () => {
      const folder = writeSecondPackage(root, { ...good, ...layer }, manifest);
      after?.(folder);
      const failure = await openModel(folder).catch((thrown: unknown) => thrown);
      expect(failure).toBeInstanceOf(error);
      expect((failure as Error).name).toBe(error.name);
      expect((failure as Error).message).toMatch(says);
      expect(exitCodeOf(failure)).toBe(2);
    });
});
