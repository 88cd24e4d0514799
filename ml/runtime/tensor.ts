import { FEATURE_NAMES } from "../features/index.ts";
import type { Features, RangeQuery } from "../types.ts";
import { ModelInputError } from "./errors.ts";

/** A row-major float32 matrix. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float32Array;
}

export interface FeatureTensors {
  readonly features: Matrix;
  /** 1 = missing. */
  readonly mask: Matrix;
}

/** The named features of one moment, repeated for each row of a batch; missing = 0 with mask 1. */
export function featureTensors(features: Features, fields: readonly string[], rows: number): FeatureTensors {
  const columns = fields.length;
  const values = new Float32Array(rows * columns);
  const mask = new Float32Array(rows * columns);
  fields.forEach((field, column) => {
    const index = FEATURE_NAMES.indexOf(field);
    if (index < 0) throw new ModelInputError(`field ${JSON.stringify(field)} must be a feature of ${features.schema}`);
    const value = features.values[index] ?? Number.NaN;
    values[column] = Number.isNaN(value) ? 0 : value;
    mask[column] = Number.isNaN(value) ? 1 : 0;
  });
  for (let row = 1; row < rows; row++) {
    values.copyWithin(row * columns, 0, columns);
    mask.copyWithin(row * columns, 0, columns);
  }
  return { features: { rows, columns, data: values }, mask: { rows, columns, data: mask } };
}

const DAY_SECONDS = 86_400;

/** Ranges as models see them: (lower offset, upper offset, ln(horizon in days)). */
export function rangeTensor(queries: readonly RangeQuery[]): Matrix {
  const data = new Float32Array(queries.length * 3);
  queries.forEach(({ lowerOffset, upperOffset, horizonSeconds }, i) => {
    if (!(lowerOffset < upperOffset)) {
      throw new ModelInputError(`lowerOffset ${lowerOffset} must be below upperOffset ${upperOffset}`);
    }
    if (!(horizonSeconds > 0)) throw new ModelInputError(`horizonSeconds ${horizonSeconds} must be positive`);
    data.set([lowerOffset, upperOffset, Math.log(horizonSeconds / DAY_SECONDS)], 3 * i);
  });
  return { rows: queries.length, columns: 3, data };
}
