import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { ModelSampleError } from "./errors.ts";
import type { Manifest } from "./manifest.ts";
import type { Matrix } from "./tensor.ts";

export const FEWEST_SAMPLES = 8;

const row = z.array(z.number().nullable());
const samplesSchema = z.looseObject({
  tolerance: z.looseObject({ relative: z.number().nonnegative(), absolute: z.number().positive() }),
  samples: z
    .array(z.looseObject({ name: z.string(), quantiles: z.array(z.number()) }).catchall(z.union([row, z.string()])))
    .min(FEWEST_SAMPLES, `must be at least ${FEWEST_SAMPLES}`),
});

export type Samples = z.infer<typeof samplesSchema>;

/** Reads a package's sample.json. Throws ModelSampleError where it is missing, broken or brings too few. */
export function readSamples(folder: string): Samples {
  const file = join(folder, "sample.json");
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? (cause as Error).message;
    throw new ModelSampleError(`${file} cannot be read (${why}), but a package must bring its samples`, {
      cause,
      details: { file },
    });
  }
  const parsed = samplesSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new ModelSampleError(`${file}: ${issue?.path.join(".") || "samples"} ${issue?.message}`, { details: { file } });
}

/** The inputs of one sample, each a row. */
export function sampleInputs(sample: Samples["samples"][number], manifest: Manifest, folder: string) {
  const inputs: Record<string, Matrix> = {};
  for (const { name } of manifest.inputs) {
    const values = sample[name];
    if (!Array.isArray(values)) {
      throw new ModelSampleError(`${folder}: sample ${JSON.stringify(sample.name)} has no input ${name}`);
    }
    const data = Float32Array.from(values, (value) => Number(value ?? 0));
    inputs[name] = { rows: 1, columns: data.length, data };
  }
  return inputs;
}

/** Throws ModelSampleError at the first answer that is further from the package's own than it allows. */
export async function checkSamples(
  run: (inputs: Readonly<Record<string, Matrix>>) => Promise<Matrix>,
  manifest: Manifest,
  folder: string,
): Promise<number> {
  const { samples, tolerance } = readSamples(folder);
  for (const sample of samples) {
    const { data } = await run(sampleInputs(sample, manifest, folder));
    if (data.length !== sample.quantiles.length) {
      throw new ModelSampleError(
        `${folder}: sample ${JSON.stringify(sample.name)} has ${sample.quantiles.length} quantiles, but the model answers ${data.length}`,
      );
    }
    sample.quantiles.forEach((wanted, i) => {
      const found = data[i] as number;
      if (Math.abs(found - wanted) <= tolerance.absolute + tolerance.relative * Math.abs(wanted)) return;
      throw new ModelSampleError(
        `${folder}: sample ${JSON.stringify(sample.name)} says ${wanted} in column ${i}, but the model answers ${found}`,
        { details: { folder, sample: sample.name, column: i } },
      );
    });
  }
  return samples.length;
}
