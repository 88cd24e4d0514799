import { ModelInputError, ModelPackageError } from "../runtime/errors.ts";
import { clampToDomain, outOfDomain } from "../runtime/manifest.ts";
import { type ModelSession, openModel } from "../runtime/session.ts";
import { featureTensors, type Matrix, rangeTensor } from "../runtime/tensor.ts";
import type {
  Features,
  ModelTask,
  Quantiles,
  RangeQuery,
  RangeRiskModel,
  VolatilityModel,
  YieldModel,
} from "../types.ts";

const DAY_SECONDS = 86_400;

function quantilesAt({ data, columns }: Matrix, row: number, offset: number): Quantiles {
  const at = row * columns + offset;
  return {
    mean: data[at] as number,
    q10: data[at + 1] as number,
    q50: data[at + 2] as number,
    q90: data[at + 3] as number,
  };
}

function columnOf({ data, rows, columns }: Matrix, column: number): Float32Array {
  const values = new Float32Array(rows);
  for (let row = 0; row < rows; row++) values[row] = data[row * columns + column] as number;
  return values;
}

/** `atLeast`: further columns may follow the ones that every package of the task answers. */
async function open(folder: string, task: ModelTask, outputs: number, atLeast = false): Promise<ModelSession> {
  const session = await openModel(folder);
  const { manifest } = session;
  if (manifest.task !== task) {
    throw new ModelPackageError(`${folder}: task is ${manifest.task}, but must be ${task}`, { details: { folder } });
  }
  const columns = manifest.outputs.find((output) => output.name === "quantiles")?.shape.at(-1);
  if (columns !== outputs && !(atLeast && typeof columns === "number" && columns > outputs)) {
    const wanted = atLeast ? `at least ${outputs}` : outputs;
    throw new ModelPackageError(`${folder}: quantiles has ${columns} columns, but ${task} has ${wanted}`, {
      details: { folder },
    });
  }
  return session;
}

const identity = <T extends ModelTask>({ manifest }: ModelSession, task: T) => ({
  id: manifest.id,
  version: manifest.version,
  task,
  sha256: manifest.sha256,
  outOfDomain: (features: Features) => outOfDomain(features, manifest),
  domain: manifest.domain,
});

/**
 * A volatility package. One that takes `horizon` forecasts any time ahead by itself; one that does not forecasts the
 * horizon it was trained at, and others scale with time, as variance does.
 */
export async function openVolatilityModel(folder: string): Promise<VolatilityModel> {
  const session = await open(folder, "volatility", 4, true);
  const { manifest } = session;
  const anyHorizon = manifest.inputs.some(({ name }) => name === "horizon");
  const trained = manifest.horizonSeconds[0] ?? DAY_SECONDS;
  return {
    ...identity(session, "volatility"),
    async predict(features, horizonSeconds) {
      if (!(horizonSeconds > 0 && Number.isFinite(horizonSeconds))) {
        throw new ModelInputError(`${manifest.id}: horizonSeconds ${horizonSeconds} must be a number above 0`);
      }
      const market = featureTensors(clampToDomain(features, manifest), manifest.featureSchema.fields);
      if (anyHorizon) {
        const horizon = { rows: 1, columns: 1, data: Float32Array.of(Math.log(horizonSeconds / DAY_SECONDS)) };
        return quantilesAt(await session.run({ ...market, horizon }), 0, 0);
      }
      const { mean, q10, q50, q90 } = quantilesAt(await session.run({ ...market }), 0, 0);
      const scale = horizonSeconds / trained;
      return { mean: mean * scale, q10: q10 * scale, q50: q50 * scale, q90: q90 * scale };
    },
  };
}

async function runRanges(
  session: ModelSession,
  features: Features,
  queries: readonly RangeQuery[],
  only?: readonly number[],
): Promise<Matrix> {
  const { id, horizonSeconds, featureSchema } = session.manifest;
  const [least, greatest] = [Math.min(...horizonSeconds), Math.max(...horizonSeconds)];
  for (const query of queries) {
    if (query.horizonSeconds < least || query.horizonSeconds > greatest) {
      throw new ModelInputError(`${id}: horizonSeconds ${query.horizonSeconds} must be from ${least} to ${greatest}`);
    }
  }
  const range = rangeTensor(queries);
  const market = featureTensors(clampToDomain(features, session.manifest), featureSchema.fields);
  return session.run({ ...market, range }, only);
}

/** What scoring takes of a range-risk answer: means and tail of IL, mean of LVR, time in range. */
const SCORED = [0, 1, 4, 8];

/** A range-risk package: IL and LVR quantiles and the share of time in range. */
export async function openRangeRiskModel(folder: string): Promise<RangeRiskModel> {
  const session = await open(folder, "il", 9);
  return {
    ...identity(session, "il"),
    async predict(features, queries) {
      if (queries.length === 0) return [];
      const answer = await runRanges(session, features, queries);
      return queries.map((_, row) => ({
        il: quantilesAt(answer, row, 0),
        lvr: quantilesAt(answer, row, 4),
        inRange: answer.data[row * answer.columns + 8] as number,
      }));
    },
    async predictColumns(features, queries) {
      if (queries.length === 0) return { ilMean: [], ilQ10: [], lvrMean: [], inRange: [] };
      const answer = await runRanges(session, features, queries, SCORED);
      return {
        ilMean: columnOf(answer, 0),
        ilQ10: columnOf(answer, 1),
        lvrMean: columnOf(answer, 2),
        inRange: columnOf(answer, 3),
      };
    },
  };
}

/** A fee-yield package. */
export async function openYieldModel(folder: string): Promise<YieldModel> {
  const session = await open(folder, "yield", 4);
  return {
    ...identity(session, "yield"),
    async predict(features, queries) {
      if (queries.length === 0) return [];
      const answer = await runRanges(session, features, queries);
      return queries.map((_, row) => quantilesAt(answer, row, 0));
    },
    async predictMeans(features, queries) {
      return queries.length === 0 ? [] : columnOf(await runRanges(session, features, queries, [0]), 0);
    },
  };
}
