import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { computeFeatures, FEATURE_NAMES } from "../../../ml/features/index.ts";
import { openRangeRiskModel, openVolatilityModel, openYieldModel } from "../../../ml/models/onnx.ts";
import {
  ModelHashMismatchError,
  ModelInputError,
  ModelOutputError,
  ModelPackageError,
} from "../../../ml/runtime/errors.ts";
import { clampToDomain, outOfDomain } from "../../../ml/runtime/manifest.ts";
import { openModel } from "../../../ml/runtime/session.ts";
import { featureTensors } from "../../../ml/runtime/tensor.ts";
import { hourlyBars } from "../fixtures.ts";
import { FIELDS, writePackage } from "./package.ts";

const features = computeFeatures(hourlyBars(200));
const layer = { outputs: 4, weights: [1, 0, 0, 0, 0, 1, 0, 0], bias: [0, 0, 5, 7] };

describe("a model package", () => {
  let root: string;
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), "models-"));
  });
  afterAll(() => rmSync(root, { recursive: true }));

  it("answers with what its graph computes, field by field and missing as zero", async () => {
    const { run, manifest } = await openModel(writePackage(root, "volatility", layer));
    const known = featureTensors(features, manifest.featureSchema.fields, 2);
    const answer = await run({ ...known });
    const [rv, fee] = known.features.data;
    expect([...answer.data]).toEqual([rv, fee, 5, 7, rv, fee, 5, 7]);

    const values = Float64Array.from(features.values, () => Number.NaN);
    const missing = featureTensors({ ...features, values }, manifest.featureSchema.fields, 1);
    expect([...missing.mask.data]).toEqual([1, 1]);
    expect([...(await run({ ...missing })).data]).toEqual([0, 0, 5, 7]);
  });

  it("is refused when its bytes are not those of the manifest, before they are parsed", async () => {
    const folder = writePackage(root, "volatility", layer);
    const path = join(folder, "model.onnx");
    const bytes = readFileSync(path);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    writeFileSync(path, bytes);
    const failure = openModel(folder);
    await expect(failure).rejects.toThrow(ModelHashMismatchError);
    await expect(failure).rejects.toThrow(/model\.onnx must have sha256 0x[0-9a-f]{64}, but has 0x[0-9a-f]{64}/);
  });

  it.each([
    ["another schema version", { schemaVersion: 3 }, /schemaVersion/],
    ["a path as file", { file: "../model.onnx" }, /file must be a file name without folders/],
    ["features of another schema", { featureSchema: { id: "main@0", hash: "0".repeat(64), fields: FIELDS } }, /main@0/],
    [
      "a feature that does not exist",
      { featureSchema: { id: "main@1", hash: "0".repeat(64), fields: ["log_luck"] } },
      /"log_luck", but main@2 has no such feature/,
    ],
    [
      "a schema hash that is not its fields'",
      { featureSchema: { id: "main@1", hash: "0".repeat(64), fields: FIELDS } },
      /its fields hash to 0x/,
    ],
    [
      "inputs that its graph lacks",
      {
        inputs: [
          { name: "x", dtype: "float32", shape: [1] },
          { name: "y", dtype: "float32", shape: [1] },
        ],
      },
      /has inputs features, mask, but its manifest says x, y/,
    ],
  ])("is refused with %s", async (_, part, message) => {
    const folder = writePackage(root, "volatility", layer, (manifest) => ({ ...manifest, ...part }));
    await expect(openModel(folder)).rejects.toThrow(ModelPackageError);
    await expect(openModel(folder)).rejects.toThrow(message);
  });

  it("is refused when a file is missing or its manifest is cut off", async () => {
    await expect(openModel(join(root, "nowhere"))).rejects.toThrow(/nowhere\/manifest\.json cannot be read \(ENOENT\)/);
    const folder = writePackage(root, "volatility", layer);
    writeFileSync(join(folder, "manifest.json"), '{"schemaVersion": 1');
    await expect(openModel(folder)).rejects.toThrow(/manifest\.json is not JSON/);
  });

  it("raises an error instead of handing on NaN", async () => {
    // ln(features + 1): fine at zero, NaN at what the features hold.
    const folder = writePackage(root, "volatility", { ...layer, bias: [1, 1, 1, 1], log: true });
    const model = await openVolatilityModel(folder);
    await expect(model.predict(features, 86_400)).rejects.toThrow(ModelOutputError);
    await expect(model.predict(features, 86_400)).rejects.toThrow(/quantiles\[0\]\[0\] is NaN, but must be finite/);
  });

  it("is refused when it answers NaN to nothing at all", async () => {
    const folder = writePackage(root, "volatility", { ...layer, bias: [-1, 1, 1, 1], log: true });
    await expect(openModel(folder)).rejects.toThrow(ModelOutputError);
  });

  it("shares the runtime with others that load and answer at the same time", async () => {
    const folders = [1, 2, 3].map((bias) =>
      writePackage(root, "volatility", { ...layer, weights: Array(8).fill(0), bias: Array(4).fill(bias) }),
    );
    const sessions = await Promise.all(folders.map(openModel));
    const inputs = featureTensors(features, FIELDS, 50);
    const answers = await Promise.all(Array.from({ length: 30 }, (_, i) => sessions[i % 3]?.run({ ...inputs })));
    answers.forEach((answer, i) => {
      expect(new Set(answer?.data)).toEqual(new Set([(i % 3) + 1]));
    });
  });

  it("refuses tensors of another shape", async () => {
    const { run } = await openModel(writePackage(root, "volatility", layer));
    const narrow = { rows: 1, columns: 1, data: new Float32Array(1) };
    await expect(run({ features: narrow, mask: narrow })).rejects.toThrow(ModelInputError);
    await expect(run({ features: narrow, mask: narrow })).rejects.toThrow(/features is \[1, 1\], but must be \[1, 2\]/);
    await expect(run({ features: narrow })).rejects.toThrow(ModelInputError);
    const two = { rows: 2, columns: 2, data: new Float32Array(4) };
    const one = { rows: 1, columns: 2, data: new Float32Array(2) };
    await expect(run({ features: two, mask: one })).rejects.toThrow(/mask is \[1, 2\], but must be \[2, 2\]/);
  });

  it("refuses a package of another task or width", async () => {
    const folder = writePackage(root, "volatility", layer);
    await expect(openYieldModel(folder)).rejects.toThrow(/task is volatility, but must be yield/);
    const narrow = writePackage(root, "il", { ...layer, withRange: true });
    await expect(openRangeRiskModel(narrow)).rejects.toThrow(/4 columns, but il has 9/);
  });

  it("answers ranges in one batch and refuses horizons beyond its training", async () => {
    const model = await openYieldModel(writePackage(root, "yield", { ...layer, withRange: true }));
    const query = { lowerOffset: -0.1, upperOffset: 0.1, horizonSeconds: 86_400 };
    expect(await model.predict(features, [query, query, query])).toHaveLength(3);
    expect(await model.predict(features, [])).toEqual([]);
    await expect(model.predict(features, [{ ...query, horizonSeconds: 60 }])).rejects.toThrow(
      /horizonSeconds 60 must be/,
    );
    await expect(model.predict(features, [{ ...query, lowerOffset: 0.2 }])).rejects.toThrow(/must be below/);
  });

  it("scales a day's variance to other horizons", async () => {
    const folder = writePackage(
      root,
      "volatility",
      { ...layer, weights: Array(8).fill(0), bias: [1, 2, 3, 4] },
      (manifest) => ({
        ...manifest,
        horizonSeconds: 86_400,
      }),
    );
    const model = await openVolatilityModel(folder);
    expect(await model.predict(features, 43_200)).toEqual({ mean: 0.5, q10: 1, q50: 1.5, q90: 2 });
  });
});

describe("the domain of a model", () => {
  const domain = { log_rv_24h: { p1: -10, p99: -4 }, log_fee_24h: { p1: -10, p99: -4 } };
  const at = (value: number) => ({ ...features, values: Float64Array.from(features.values, () => value) });

  it("names a rougher market than it knows, but not a calmer or a richer one", () => {
    expect(outOfDomain(at(-5), { domain })).toEqual([]);
    expect(outOfDomain(at(-1.5), { domain })).toEqual([]);
    expect(outOfDomain(at(-0.5), { domain })).toEqual(["log_rv_24h"]);
    expect(outOfDomain(at(-20), { domain })).toEqual([]);
  });

  it("names what is so far out that it must be of another kind", () => {
    expect(outOfDomain(at(9), { domain })).toEqual(["log_rv_24h", "log_fee_24h"]);
    expect(outOfDomain(at(-23), { domain })).toEqual(["log_rv_24h", "log_fee_24h"]);
  });

  it("draws values to the edge of what is known, and leaves missing ones missing", () => {
    const index = FEATURE_NAMES.indexOf("log_rv_24h");
    const other = FEATURE_NAMES.indexOf("hour_sin");
    expect(clampToDomain(at(-20), { domain }).values[index]).toBe(-13);
    expect(clampToDomain(at(9), { domain }).values[index]).toBe(-1);
    expect(clampToDomain(at(-5), { domain }).values[index]).toBe(-5);
    expect(clampToDomain(at(-20), { domain }).values[other]).toBe(-20);
    expect(clampToDomain(at(Number.NaN), { domain }).values[index]).toBeNaN();
    expect(outOfDomain(at(Number.NaN), { domain })).toEqual([]);
  });

  it("is kept by the model itself", async () => {
    const root = mkdtempSync(join(tmpdir(), "models-"));
    const model = await openVolatilityModel(writePackage(root, "volatility", layer));
    // log_rv_24h is known from -10 to -4, so the graph sees at most -1.
    expect((await model.predict(at(9), 21_600)).mean).toBe(-1);
    expect(model.outOfDomain?.(at(9))).toEqual(["log_rv_24h"]);
    rmSync(root, { recursive: true });
  });
});
