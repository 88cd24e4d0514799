import type { PolicyContext } from "../../../ml/backtest/types.ts";
import type { Range } from "../../../ml/types.ts";
import { floorToSpacing } from "../../../ml/units.ts";

/** The range of this half width around spot, on the spacing. */
export function centredOn({ state, pool }: PolicyContext, halfWidthTicks: number): Range {
  const centre = floorToSpacing(state.referenceTick, pool.tickSpacing);
  return { lowerTick: centre - halfWidthTicks, upperTick: centre + halfWidthTicks };
}
