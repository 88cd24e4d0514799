import type { Bar } from "../../types.ts";
import { fillGaps, joinBars } from "../bars.ts";
import { type BarStream, HOLE_SECONDS } from "./label.ts";

const HOUR = 3600;

/** A span of a market whole in memory: for markets of which that is little. */
export interface CollectedSeries {
  readonly name: string;
  /** Regular hourly bars. */
  readonly hourly: readonly Bar[];
  /** The same span at the source's own resolution, which divides an hour. */
  readonly fine: readonly Bar[];
}

/** The spans of a market between holes of a day, of whole hours, named as their labels are. */
export async function collectSeries({
  name,
  barSeconds,
  numbered,
  bars,
}: Pick<BarStream, "name" | "barSeconds" | "numbered" | "bars">): Promise<CollectedSeries[]> {
  const spans: Bar[][] = [];
  let known = Number.NEGATIVE_INFINITY;
  for await (const bar of bars()) {
    if (bar.startSeconds - known >= HOLE_SECONDS) {
      if (Number.isNaN(bar.close)) continue;
      spans.push([]);
    }
    spans.at(-1)?.push(bar);
    if (!Number.isNaN(bar.close)) known = bar.endSeconds;
  }
  const perHour = HOUR / barSeconds;
  return spans.map((span, i) => {
    const regular = fillGaps(span, barSeconds);
    const first = regular.findIndex(({ startSeconds }) => startSeconds % HOUR === 0);
    const whole = regular.slice(first, first + Math.floor((regular.length - first) / perHour) * perHour);
    return { name: numbered || i > 0 ? `${name}-${i + 1}` : name, hourly: joinBars(whole, perHour), fine: whole };
  });
}
