import { partialMoment } from "./lognormal.ts";
import { integrate } from "./quadrature.ts";
import type { PriceRange } from "./range.ts";

/** A price path known only by its two ends; between them the log price is a Brownian bridge. */
export interface Bridge {
  readonly from: number;
  readonly to: number;
  readonly sigma: number;
  readonly years: number;
}

/**
 * Expected ∫ P_t^power · 1(inside) dt over a bridge: at time t the log price is normal with mean on the straight line and
 * variance σ²t(T−t)/T, whatever the drift. Power 0 gives the time in range, power 1/2 what fees and LVR accrue with.
 */
export function expectedInside({ lowerPrice, upperPrice }: PriceRange, bridge: Bridge, power: number): number {
  const { sigma, years } = bridge;
  const [start, end] = [Math.log(bridge.from), Math.log(bridge.to)];
  // t = T sin²θ makes both ends smooth, where the spread grows and shrinks like a square root.
  const inner = (angle: number) => {
    const share = Math.sin(angle) ** 2;
    const at = { mean: start + (end - start) * share, variance: sigma * sigma * years * share * (1 - share) };
    return years * Math.sin(2 * angle) * partialMoment(at, power, lowerPrice, upperPrice);
  };
  const panels = 24;
  let sum = 0;
  for (let i = 0; i < panels; i++) {
    sum += integrate(inner, ((Math.PI / 2) * i) / panels, ((Math.PI / 2) * (i + 1)) / panels);
  }
  return sum;
}
