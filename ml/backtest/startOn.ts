import type { BacktestMarket } from "./market.ts";

const MINUTE = 60;

/** The first time from `seconds` on at which a run may begin: where a bar does, on whole minutes where there are none. */
export function startOn(
  { description: { fromSeconds }, stepSeconds }: Pick<BacktestMarket, "description" | "stepSeconds">,
  seconds: number,
): number {
  const [origin, step] = stepSeconds === 0 ? [0, MINUTE] : [fromSeconds, stepSeconds];
  return origin + Math.ceil((seconds - origin) / step) * step;
}
