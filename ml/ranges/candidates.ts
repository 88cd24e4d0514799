import type { Bounds, Range } from "../types.ts";
import { ceilToSpacing, floorToSpacing, MAX_TICK, MIN_TICK } from "../units.ts";

/** How fine the grid is: widths × centres ranges, fewer after snapping to the tick spacing. */
export interface GridSize {
  readonly widths: number;
  readonly centres: number;
}

export const DEFAULT_GRID: GridSize = { widths: 24, centres: 9 };

/** The market may move the reference before a proposal is mined: this part of the allowed distance is not used. */
const CENTRE_RESERVE = 0.1;

export interface CandidateParameters {
  readonly bounds: Bounds;
  /** From the declared spread; at least the bounds' own minimum. */
  readonly minWidthTicks: number;
  readonly referenceTick: number;
  readonly tickSpacing: number;
  readonly grid?: GridSize;
}

/**
 * Ranges around the reference tick that the bounds allow: widths spaced evenly in logs, centres from one side of the
 * reference to the other, both snapped to the tick spacing. Sorted, without repetition; may be empty.
 */
export function candidateRanges(parameters: CandidateParameters): Range[] {
  const { bounds, referenceTick, tickSpacing, grid = DEFAULT_GRID } = parameters;
  const least = ceilToSpacing(Math.max(parameters.minWidthTicks, bounds.minWidthTicks), tickSpacing);
  const greatest = floorToSpacing(bounds.maxWidthTicks, tickSpacing);
  if (least > greatest) return [];
  const reach = bounds.maxCentreDistanceTicks * (1 - CENTRE_RESERVE);
  const found = new Float64Array(grid.widths * (grid.centres + 1));
  let count = 0;
  for (let w = 0; w < grid.widths; w++) {
    const part = grid.widths === 1 ? 0 : w / (grid.widths - 1);
    const width = Math.round((least * (greatest / least) ** part) / tickSpacing) * tickSpacing;
    for (let c = 0; c < grid.centres; c++) {
      const side = grid.centres === 1 ? 0 : (2 * c) / (grid.centres - 1) - 1;
      // Up to just outside of the range on either side: the outermost need no swap.
      const centre = referenceTick + side * Math.min(reach, 0.5 * width + tickSpacing);
      const lower = (centre - width / 2) / tickSpacing;
      // From the middle of two steps towards the reference, around it both ways: a mirrored market has mirrored ranges.
      const [up, down] = [Math.round(lower), -Math.round(-lower)];
      for (const step of side < 0 ? [up] : side > 0 ? [down] : [up, down]) {
        const lowerTick = step * tickSpacing;
        const upperTick = lowerTick + width;
        const distance = Math.abs((lowerTick + upperTick) / 2 - referenceTick);
        if (lowerTick < MIN_TICK || upperTick > MAX_TICK) continue;
        if (distance > reach) continue;
        found[count++] = (lowerTick - MIN_TICK) * TICKS + (upperTick - MIN_TICK);
      }
    }
  }
  // One number for each range sorts many times faster than objects do.
  const sorted = found.subarray(0, count).sort();
  const ranges: Range[] = [];
  let before = -1;
  for (let i = 0; i < count; i++) {
    const key = sorted[i] as number;
    if (key === before) continue;
    before = key;
    const lower = Math.floor(key / TICKS);
    ranges.push({ lowerTick: lower + MIN_TICK, upperTick: key - lower * TICKS + MIN_TICK });
  }
  return ranges;
}

/** More than there are ticks. */
const TICKS = 2 ** 21;
