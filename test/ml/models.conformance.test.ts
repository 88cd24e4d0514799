import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { computeFeatures, FEATURE_NAMES } from "../../ml/features/index.ts";
import { loadModelSet, MODEL_SETS, MODELS } from "../../ml/models/index.ts";
import { ModelHashMismatchError } from "../../ml/runtime/errors.ts";
import { openModel } from "../../ml/runtime/session.ts";
import type { Matrix } from "../../ml/runtime/tensor.ts";
import type { Features, Quantiles, RangeQuery, RangeRiskModel, VolatilityModel, YieldModel } from "../../ml/types.ts";
import { hourlyBars } from "./fixtures.ts";

const DAY = 86_400;
const PACKAGES = join(import.meta.dirname, "../../ml/models");
const ordinary = computeFeatures(hourlyBars(200));

/** The ordinary features with some replaced. */
function withFeatures(change: Record<string, number>): Features {
  const values = ordinary.values.slice();
  for (const [name, value] of Object.entries(change)) values[FEATURE_NAMES.indexOf(name)] = value;
  return { ...ordinary, values };
}

/** Variance per day `times` that of the ordinary features, at every scale. */
function rougher(times: number): Features {
  const names = FEATURE_NAMES.filter((name) => /^log_(gk|rv|parkinson)/.test(name));
  const change = names.map((name) => [name, (ordinary.values[FEATURE_NAMES.indexOf(name)] ?? 0) + Math.log(times)]);
  return withFeatures(Object.fromEntries(change));
}

const EXTREMES: [string, Features][] = [
  ["a crash", rougher(1000)],
  [
    "a dead market",
    withFeatures(Object.fromEntries(FEATURE_NAMES.filter((n) => n.startsWith("log_")).map((n) => [n, -18.4]))),
  ],
  ["a fee boom", withFeatures({ log_fee_1h: -1, log_fee_6h: -1, log_fee_24h: -1, log_fee_168h: -1 })],
  [
    "nothing but the last day",
    withFeatures({ log_rv_72h: Number.NaN, log_rv_168h: Number.NaN, vol_of_vol: Number.NaN }),
  ],
  ["one-sided flow", withFeatures({ flow_1h: 1, flow_24h: 1, toxicity_24h: 1 })],
];

const RANGES: RangeQuery[] = [
  [-0.05, 0.05],
  [-0.2, 0.2],
  [-0.005, 0.005],
  [-0.7, 0.7],
  [0.05, 0.3],
  [-0.3, -0.02],
  [-0.01, 0.4],
].flatMap(([lowerOffset = 0, upperOffset = 0]) =>
  [21_600, DAY, 3 * DAY].map((horizonSeconds) => ({ lowerOffset, upperOffset, horizonSeconds })),
);

function expectQuantiles({ mean, q10, q50, q90 }: Quantiles, low: number, high: number): void {
  for (const value of [mean, q10, q50, q90]) {
    expect(value).toBeGreaterThanOrEqual(low);
    expect(value).toBeLessThanOrEqual(high);
  }
  expect(q10).toBeLessThanOrEqual(q50 + 1e-7);
  expect(q50).toBeLessThanOrEqual(q90 + 1e-7);
}

const SLACK = 1e-6;

it("the registry names every model once, and sets are made of registered models", () => {
  expect(new Set(MODELS.map((model) => model.id)).size).toBe(MODELS.length);
  for (const set of Object.values(MODEL_SETS)) {
    for (const model of Object.values(set)) expect(MODELS).toContain(model);
  }
});

it("an unknown set is refused by name with those that exist", async () => {
  await expect(loadModelSet("nope")).rejects.toThrow(/model set "nope" must be one of rangekeeper, rules/);
  await expect(loadModelSet("toString")).rejects.toThrow(/must be one of/);
});

for (const id of Object.keys(MODEL_SETS)) {
  it(`set ${id} answers many questions at once as it answers them one after another`, async () => {
    const [set, twin] = await Promise.all([loadModelSet(id), loadModelSet(id)]);
    const ask = [
      () => set.il.predict(ordinary, RANGES),
      () => set.yield.predict(ordinary, RANGES),
      () => twin.il.predict(ordinary, RANGES),
      () => set.volatility.predict(ordinary, DAY),
      () => twin.yield.predict(ordinary, RANGES),
    ];
    const together = await Promise.all(ask.map((question) => question()));
    for (const [i, question] of ask.entries()) expect(await question()).toEqual(together[i]);
  });
}

for (const definition of MODELS) {
  describe(`model ${definition.id}`, () => {
    it("names itself as the registry does, with the sha256 of what it is", async () => {
      const model = await definition.load({});
      expect(model).toMatchObject({ id: definition.id, task: definition.task });
      expect(model.sha256).toMatch(/^0x[0-9a-f]{64}$/);
      if (definition.folder === null) return;
      const bytes = readFileSync(join(PACKAGES, definition.folder, "model.onnx"));
      expect(model.sha256).toBe(`0x${createHash("sha256").update(bytes).digest("hex")}`);
    });

    if (definition.task === "volatility") {
      const load = definition.load as (options: object) => Promise<VolatilityModel>;

      it("answers ordered positive quantiles, also at extremes", async () => {
        const model = await load({});
        for (const [, features] of [["ordinary", ordinary] as const, ...EXTREMES]) {
          expectQuantiles(await model.predict(features, DAY), 0, 1e4);
        }
      });

      it("gives the same answer twice", async () => {
        const model = await load({});
        expect(await model.predict(ordinary, DAY)).toEqual(await model.predict(ordinary, DAY));
      });

      it("expects more after a rougher week and over a longer time", async () => {
        const model = await load({});
        const { mean } = await model.predict(ordinary, DAY);
        expect((await model.predict(rougher(4), DAY)).mean).toBeGreaterThan(mean);
        expect((await model.predict(rougher(0.25), DAY)).mean).toBeLessThan(mean);
        expect((await model.predict(ordinary, 2 * DAY)).mean).toBeGreaterThan(mean);
      });
    }

    if (definition.task === "il") {
      const load = definition.load as (options: object) => Promise<RangeRiskModel>;

      it("answers losses of the right sign for every range, also at extremes", async () => {
        const model = await load({});
        for (const [, features] of [["ordinary", ordinary] as const, ...EXTREMES]) {
          for (const { il, lvr, inRange } of await model.predict(features, RANGES)) {
            expectQuantiles(il, -10, SLACK);
            expectQuantiles(lvr, -SLACK, 1e4);
            expect(inRange).toBeGreaterThanOrEqual(0);
            expect(inRange).toBeLessThanOrEqual(1);
          }
        }
      });

      it("gives a batch what it gives one by one, and the same twice", async () => {
        const model = await load({});
        const batch = await model.predict(ordinary, RANGES);
        expect(await model.predict(ordinary, RANGES)).toEqual(batch);
        const columns = await model.predictColumns?.(ordinary, RANGES);
        if (columns !== undefined) {
          expect([...Array.from(columns.ilMean), ...Array.from(columns.ilQ10)]).toEqual([
            ...batch.map(({ il }) => il.mean),
            ...batch.map(({ il }) => il.q10),
          ]);
          expect(Array.from(columns.lvrMean)).toEqual(batch.map(({ lvr }) => lvr.mean));
          expect(Array.from(columns.inRange)).toEqual(batch.map(({ inRange }) => inRange));
        }
        for (const [i, range] of RANGES.entries()) {
          const [alone] = await model.predict(ordinary, [range]);
          expect(alone?.lvr.mean).toBeCloseTo(batch[i]?.lvr.mean ?? Number.NaN, 6);
          expect(alone?.il.q10).toBeCloseTo(batch[i]?.il.q10 ?? Number.NaN, 6);
        }
      });

      it("expects a narrow range to lose more and to be left sooner", async () => {
        const model = await load({});
        const around = (half: number) => ({ lowerOffset: -half, upperOffset: half, horizonSeconds: DAY });
        const [narrow, wide] = await model.predict(ordinary, [around(0.02), around(0.3)]);
        expect(narrow?.lvr.mean).toBeGreaterThan(wide?.lvr.mean ?? Number.NaN);
        expect(narrow?.il.q10).toBeLessThan(wide?.il.q10 ?? Number.NaN);
        expect(narrow?.inRange).toBeLessThan(wide?.inRange ?? Number.NaN);
        const [rough] = await model.predict(rougher(4), [around(0.3)]);
        expect(rough?.lvr.mean).toBeGreaterThan(wide?.lvr.mean ?? Number.NaN);
      });
    }

    if (definition.task === "yield") {
      const load = definition.load as (options: object) => Promise<YieldModel>;

      it("answers ordered fees that are never negative, also at extremes", async () => {
        const model = await load({});
        for (const [, features] of [["ordinary", ordinary] as const, ...EXTREMES]) {
          for (const fees of await model.predict(features, RANGES)) expectQuantiles(fees, -SLACK, 1e4);
        }
      });

      it("gives a batch what it gives one by one, and the same twice", async () => {
        const model = await load({});
        const batch = await model.predict(ordinary, RANGES);
        expect(await model.predict(ordinary, RANGES)).toEqual(batch);
        const means = await model.predictMeans?.(ordinary, RANGES);
        if (means !== undefined) expect(Array.from(means)).toEqual(batch.map(({ mean }) => mean));
        for (const [i, range] of RANGES.entries()) {
          const [alone] = await model.predict(ordinary, [range]);
          expect(alone?.mean).toBeCloseTo(batch[i]?.mean ?? Number.NaN, 6);
        }
      });

      it("expects more from more fees, from a narrower range and over a longer time", async () => {
        const model = await load({});
        const query = { lowerOffset: -0.2, upperOffset: 0.2, horizonSeconds: DAY };
        const [base, longer, narrower] = await model.predict(ordinary, [
          query,
          { ...query, horizonSeconds: 3 * DAY },
          { ...query, lowerOffset: -0.1, upperOffset: 0.1 },
        ]);
        expect(longer?.mean).toBeGreaterThan(base?.mean ?? Number.NaN);
        expect(narrower?.mean).toBeGreaterThan(base?.mean ?? Number.NaN);
        const names = FEATURE_NAMES.filter((name) => name.startsWith("log_fee"));
        const richer = withFeatures(
          Object.fromEntries(
            names.map((name) => [name, (ordinary.values[FEATURE_NAMES.indexOf(name)] ?? 0) + Math.log(3)]),
          ),
        );
        expect((await model.predict(richer, [query]))[0]?.mean).toBeGreaterThan(base?.mean ?? Number.NaN);
      });
    }

    if (definition.folder !== null) {
      const folder = join(PACKAGES, definition.folder);

      it("reproduces the samples of its package", async () => {
        const session = await openModel(folder);
        const { samples, tolerance } = JSON.parse(readFileSync(join(folder, "sample.json"), "utf8"));
        expect(samples.length).toBeGreaterThanOrEqual(8);
        for (const sample of samples) {
          const inputs: Record<string, Matrix> = {};
          for (const { name } of session.manifest.inputs) {
            const data = Float32Array.from(sample[name] as (number | null)[], (value) => value ?? 0);
            inputs[name] = { rows: 1, columns: data.length, data };
          }
          const { data } = await session.run(inputs);
          (sample.quantiles as number[]).forEach((expected, i) => {
            const allowed = tolerance.absolute + tolerance.relative * Math.abs(expected);
            expect(Math.abs((data[i] ?? Number.NaN) - expected), `${sample.name} [${i}]`).toBeLessThanOrEqual(allowed);
          });
        }
      });

      it("is not loaded when one bit of its file differs", async () => {
        const packages = mkdtempSync(join(tmpdir(), "packages-"));
        cpSync(folder, join(packages, definition.id), { recursive: true });
        const path = join(packages, definition.id, "model.onnx");
        const bytes = readFileSync(path);
        bytes[100] = (bytes[100] ?? 0) ^ 1;
        writeFileSync(path, bytes);
        await expect(definition.load({ packages })).rejects.toThrow(ModelHashMismatchError);
        rmSync(packages, { recursive: true });
      });

      it("carries a card", () => {
        expect(existsSync(join(folder, "README.md"))).toBe(true);
      });
    }
  });
}
