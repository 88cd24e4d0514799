import { InvalidInputError } from "../errors.ts";
import type { Bar } from "../types.ts";
import { columnsOf } from "./columns.ts";
import { FEATURES } from "./descriptors.ts";
import type { Outside } from "./outsideSeries.ts";
import { createView, type FeatureView, HOUR_SECONDS } from "./window.ts";

/** The features of a whole history, any row of which is cheap. */
export interface FeatureTable {
  /** Values at the end of bar `row`, in the order of `FEATURE_NAMES`; NaN = missing. They depend on no later bar. */
  at(row: number): Float64Array;
}

/** A table of features over hourly bars; its rows have the bits that `computeFeatures` gives for the bars up to each. */
export function featureTable(bars: readonly Bar[], outside: Outside = {}): FeatureTable {
  const odd = bars.find(({ startSeconds, endSeconds }) => endSeconds - startSeconds !== HOUR_SECONDS);
  if (odd !== undefined) {
    throw new InvalidInputError(
      `bars must be hourly (${HOUR_SECONDS} s) to compute features, not ${odd.endSeconds - odd.startSeconds} s`,
    );
  }
  const viewAt = createView(columnsOf(bars), outside);
  const nextRow = createRows();
  return {
    at(row) {
      const bar = bars[row];
      if (bar === undefined) throw new InvalidInputError(`row ${row} must be from 0 to ${bars.length - 1}`);
      return featureValues(viewAt(row + 1, bar.endSeconds), nextRow());
    },
  };
}

/** Rows are made so many at once: an array of its own for each costs as much as a third of its features. */
const MOST_AT_ONCE = 64;

/** Empty rows; the first is made alone, for who asks for one. */
function createRows(): () => Float64Array {
  let [size, next] = [1, 0];
  let block = new Float64Array(FEATURES.length);
  return () => {
    if (next === size) {
      size = Math.min(MOST_AT_ONCE, 2 * size);
      next = 0;
      block = new Float64Array(size * FEATURES.length);
    }
    const from = next++ * FEATURES.length;
    return block.subarray(from, from + FEATURES.length);
  };
}

/** Values of all features at the moment of a view, in `values`. */
export function featureValues(
  view: FeatureView,
  values: Float64Array = new Float64Array(FEATURES.length),
): Float64Array {
  for (let i = 0; i < FEATURES.length; i++) {
    const value = (FEATURES[i] as (typeof FEATURES)[number]).compute(view);
    // + 0 turns -0 into 0, which JSON cannot tell apart.
    values[i] = Number.isFinite(value) ? value + 0 : Number.NaN;
  }
  return values;
}
