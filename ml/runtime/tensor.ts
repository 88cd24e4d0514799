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

/** The named features of one moment, which all rows of a batch share; missing = 0 with mask 1. `rows` repeats them. */
export function featureTensors(features: Features, fields: readonly string[], rows = 1): FeatureTensors {
  const columns = fields.length;
  const values = new Float32Array(columns);
  const mask = new Float32Array(columns);
  fields.forEach((field, column) => {
    const index = FEATURE_NAMES.indexOf(field);
    if (index < 0) throw new ModelInputError(`field ${JSON.stringify(field)} must be a feature of ${features.schema}`);
    const value = features.values[index] ?? Number.NaN;
    values[column] = Number.isNaN(value) ? 0 : value;
    mask[column] = Number.isNaN(value) ? 1 : 0;
  });
  const whole = (data: Float32Array): Matrix => repeatRow({ rows: 1, columns, data }, rows);
  return { features: whole(values), mask: whole(mask) };
}

/** A matrix of one row as one of `rows` equal ones; any other as it is. */
export function repeatRow(matrix: Matrix, rows: number): Matrix {
  const { columns } = matrix;
  if (matrix.rows !== 1 || rows === 1) return matrix;
  const data = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) data.set(matrix.data, row * columns);
  return { rows, columns, data };
}

/** One row of a matrix. */
export const rowOf = ({ columns, data }: Matrix, row: number): Matrix => ({
  rows: 1,
  columns,
  data: data.subarray(row * columns, (row + 1) * columns),
});

const DAY_SECONDS = 86_400;

/** Ranges as models see them: (lower offset, upper offset, ln(horizon in days)). */
export function rangeTensor(queries: readonly RangeQuery[]): Matrix {
  const data = new Float32Array(queries.length * 3);
  let at = 0;
  let [known, logDays] = [DAY_SECONDS, 0];
  for (const { lowerOffset, upperOffset, horizonSeconds } of queries) {
    if (!(lowerOffset < upperOffset)) {
      throw new ModelInputError(`lowerOffset ${lowerOffset} must be below upperOffset ${upperOffset}`);
    }
    if (!(horizonSeconds > 0)) throw new ModelInputError(`horizonSeconds ${horizonSeconds} must be positive`);
    data[at++] = lowerOffset;
    data[at++] = upperOffset;
    // Ranges of a decision share their horizon.
    if (horizonSeconds !== known) [known, logDays] = [horizonSeconds, Math.log(horizonSeconds / DAY_SECONDS)];
    data[at++] = logDays;
  }
  return { rows: queries.length, columns: 3, data };
}
