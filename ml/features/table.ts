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
  return {
    at(row) {
      const bar = bars[row];
      if (bar === undefined) throw new InvalidInputError(`row ${row} must be from 0 to ${bars.length - 1}`);
      return featureValues(viewAt(row + 1, bar.endSeconds));
    },
  };
}

/** Values of all features at the moment of a view. */
export function featureValues(view: FeatureView): Float64Array {
  const values = new Float64Array(FEATURES.length);
  for (let i = 0; i < FEATURES.length; i++) {
    const value = (FEATURES[i] as (typeof FEATURES)[number]).compute(view);
    // + 0 turns -0 into 0, which JSON cannot tell apart.
    values[i] = Number.isFinite(value) ? value + 0 : Number.NaN;
  }
  return values;
}
