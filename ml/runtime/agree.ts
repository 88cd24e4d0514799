import { seededRandom } from "../random.ts";
import type { Manifest } from "./manifest.ts";
import type { Matrix } from "./tensor.ts";

/** Computes checked inputs; row-major answers. */
export type Compute = (
  inputs: Readonly<Record<string, Matrix>>,
  rows: number,
) => Promise<{ data: Float32Array; dims: readonly number[] }>;

const MOMENTS = 6;
const ROWS = 16;
const SEED = 4;

/**
 * Whether two ways of running a package answer alike, within the tolerance of its samples: at seeded moments inside the
 * domain, at its edges and beyond, with and without missing features, for narrow and wide ranges.
 */
export async function agree(one: Compute, other: Compute, manifest: Manifest): Promise<boolean> {
  const random = seededRandom(SEED);
  for (let moment = 0; moment < MOMENTS; moment++) {
    const { inputs, rows } = drawInputs(manifest, random, moment);
    const [found, wanted] = await Promise.all([one(inputs, rows), other(inputs, rows)]);
    if (!alike(found.data, wanted.data, manifest.samples)) return false;
  }
  return true;
}

function drawInputs(manifest: Manifest, random: () => number, moment: number) {
  const { fields } = manifest.featureSchema;
  const ranged = manifest.inputs.some(({ name }) => name === "range");
  const rows = ranged ? ROWS : 1;
  const missing = fields.map(() => (random() < moment / 10 ? 1 : 0));
  const values = fields.map((field, i) => {
    const { p1, p99 } = manifest.domain[field] ?? { p1: -1, p99: 1 };
    // From half the domain's width below it to half of it above.
    return missing[i] === 1 ? 0 : p1 + (2 * random() - 0.5) * (p99 - p1);
  });
  const row = (data: readonly number[]): Matrix => ({ rows: 1, columns: data.length, data: Float32Array.from(data) });
  const inputs: Record<string, Matrix> = { features: row(values), mask: row(missing) };
  if (manifest.inputs.some(({ name }) => name === "horizon")) {
    // ln(horizon / 1 day), from an hour to a week.
    inputs.horizon = row([Math.log(7 * (1 / 168) ** random())]);
  }
  if (ranged) {
    const data = Float32Array.from(
      Array.from({ length: rows }, () => {
        const lower = 0.6 * (random() - 0.6);
        return [lower, lower + 0.001 + 0.8 * random() ** 3, Math.log(0.25 + 2.75 * random())];
      }).flat(),
    );
    inputs.range = { rows, columns: 3, data };
  }
  return { rows, inputs: Object.fromEntries(manifest.inputs.map(({ name }) => [name, inputs[name] as Matrix])) };
}

function alike(found: Float32Array, wanted: Float32Array, tolerance: { relative: number; absolute: number }): boolean {
  return (
    found.length === wanted.length &&
    wanted.every((value, i) => {
      const other = found[i] as number;
      if (Number.isNaN(value) || Number.isNaN(other)) return Number.isNaN(value) && Number.isNaN(other);
      return value === other || Math.abs(other - value) <= tolerance.absolute + tolerance.relative * Math.abs(value);
    })
  );
}
