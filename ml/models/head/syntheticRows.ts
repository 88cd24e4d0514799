import { HEAD_CELLS, headInputs } from "../../features/headInputs.ts";
import { seededRandom } from "../../random.ts";

export interface SyntheticRowsParameters {
  readonly count: number;
  readonly seed: number;
  /** Deviations of a cell's change in ticks, drawn evenly on a log scale. */
  readonly calmestTicks?: number;
  readonly wildestTicks?: number;
}

/** Inputs of a head from random walks of all tempers, for calibrating where no recorded ones are at hand. */
export function syntheticRows(parameters: SyntheticRowsParameters): number[][] {
  const { count, seed, calmestTicks = 2, wildestTicks = 600 } = parameters;
  const random = seededRandom(seed);
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return Array.from({ length: count }, () => {
    let deviation = calmestTicks * (wildestTicks / calmestTicks) ** random();
    let tick = 0;
    const means = Array.from({ length: HEAD_CELLS }, () => {
      // Volatility wanders too.
      deviation *= Math.exp(0.3 * normal());
      tick += deviation * normal();
      return Math.trunc(tick * 256);
    });
    return headInputs(means);
  });
}
