/** Windows of equal length that the contract's `VolatilityLib` cuts its time into. */
export const HEAD_CELLS = 8;
/** What a head is given: the seven changes and their root sum of squares. */
export const HEAD_INPUTS = 8;

/** From 1/256 tick to 1/16. */
const SHIFT = 4;

/**
 * What a model's on-chain head is given, from the mean ticks of the eight cells, oldest first, in 1/256 tick: the sizes
 * of the seven changes, newest first, then their root sum of squares, in 1/16 tick. As `VolatilityLib.headInputs`.
 */
export function headInputs(meanTicksX8: readonly number[]): number[] {
  const changes = meanTicksX8
    .slice(1)
    .map((mean, i) => Math.abs(mean - (meanTicksX8[i] as number)))
    .toReversed();
  const root = Math.floor(Math.sqrt(changes.reduce((sum, change) => sum + change * change, 0)));
  return [...changes, root].map((value) => value >> SHIFT);
}
