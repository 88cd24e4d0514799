import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { agree, type Compute } from "../../../ml/runtime/agree.ts";
import { parseManifest } from "../../../ml/runtime/manifest.ts";
import { openModel } from "../../../ml/runtime/session.ts";

const FOLDER = join(import.meta.dirname, "../../../ml/models");

describe.each(["il-quantiles", "volatility-har-net", "yield-har"])("%s", (name) => {
  const manifest = parseManifest(readFileSync(join(FOLDER, name, "manifest.json"), "utf8"), name);

  it("is computed by the engine that onnxruntime agrees with", async () => {
    const model = await openModel(join(FOLDER, name));
    expect(model.engine).toBe("graph");
    const compute: Compute = async (inputs) => {
      const { data, rows, columns } = await model.run(inputs);
      return { data, dims: [rows, columns] };
    };
    const changed =
      (change: (value: number, i: number) => number): Compute =>
      async (inputs, rows) => {
        const { data, dims } = await compute(inputs, rows);
        return { data: data.map(change), dims };
      };
    expect(await agree(compute, compute, manifest)).toBe(true);
    const factor = 1 + 3 * manifest.samples.relative;
    const shift = 3 * manifest.samples.absolute;
    expect(
      await agree(
        changed((value) => value * factor + shift),
        compute,
        manifest,
      ),
    ).toBe(false);
    expect(
      await agree(
        changed((value, i) => (i === 2 ? Number.NaN : value)),
        compute,
        manifest,
      ),
    ).toBe(false);
  });
});
