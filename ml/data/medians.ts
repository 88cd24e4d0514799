import { parseCsv } from "./csv.ts";
import { readText } from "./file.ts";

/** What a model said of the day after a time: its median of realised variance; undefined where it said nothing. */
export type Medians = (series: string, atSeconds: number) => number | undefined;

/** Reads what ml/train/medians.py wrote: series, time, and the median that was said of the day from then on. */
export function readMedians(path: string): Medians {
  const { rows } = parseCsv(readText(path), path, ["series", "at", "median"]);
  const said = new Map<string, Map<number, number>>();
  for (const row of rows) {
    const median = row.number("median");
    if (median <= 0) row.fail("median", "must be above 0");
    const series = row.text("series");
    const times = said.get(series) ?? new Map<number, number>();
    said.set(series, times.set(row.integer("at"), median));
  }
  return (series, atSeconds) => said.get(series)?.get(atSeconds);
}
