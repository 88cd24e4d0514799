import { createColumns, dropRows, setBar } from "../../features/columns.ts";
import { LOOKBACK_BARS } from "../../features/index.ts";
import type { Outside } from "../../features/outsideSeries.ts";
import { featureValues } from "../../features/table.ts";
import { createView } from "../../features/window.ts";
import type { Bar } from "../../types.ts";

const CAPACITY = 4 * LOOKBACK_BARS;

/** The hourly bars that features look back on, and no more. */
export interface History {
  readonly last: Bar | undefined;
  add(bar: Bar): void;
  /** At the end of the last bar, the bits of `computeFeatures`. */
  features(): Float64Array;
}

/** An empty history: each bar's part in features is worked out once, as it comes. */
export function createHistory(outside: Outside = {}): History {
  const columns = createColumns(CAPACITY);
  const viewAt = createView(columns, outside);
  let bars: Bar[] = [];
  return {
    get last() {
      return bars.at(-1);
    },
    add(bar) {
      if (bars.length === CAPACITY) {
        bars = bars.slice(-LOOKBACK_BARS);
        dropRows(columns, CAPACITY - LOOKBACK_BARS, CAPACITY);
      }
      setBar(columns, bars.length, bar);
      bars.push(bar);
    },
    features: () => featureValues(viewAt(bars.length, bars.at(-1)?.endSeconds ?? Number.NaN)),
  };
}
