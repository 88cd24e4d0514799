import { InvalidInputError } from "../errors.ts";
import type { RunPoint } from "./types.ts";

const HOUR = 3600;
const DAY = 24 * HOUR;
/** Runs shorter than this are cut into six-hour periods: with fewer days than that no interval means anything. */
const LEAST_DAYS = 20;

/** What happened between two times; all but the times and the price as fractions of the capital at the start. */
export interface Period {
  readonly fromSeconds: number;
  readonly toSeconds: number;
  /** fees − lvr − swap cost − mev − gas. */
  readonly headline: number;
  readonly fees: number;
  readonly lvr: number;
  /** Change of value. */
  readonly net: number;
  /** Changes of value of the alternatives. */
  readonly hodl: number;
  readonly fiftyFifty: number;
  readonly assetOnly: number;
  readonly fullRange: number;
  /** Part of the period in range, and mean part of NAV in the pool. */
  readonly inRange: number;
  readonly deployed: number;
}

/** Days where a run is long enough for them, else six hours. */
export const periodSecondsOf = (points: readonly RunPoint[]): number => {
  const span = (points.at(-1)?.atSeconds ?? 0) - (points[0]?.atSeconds ?? 0);
  return span >= LEAST_DAYS * DAY ? DAY : 6 * HOUR;
};

type Earned = Pick<RunPoint, "fees" | "lvr" | "swapCost" | "mev" | "gas">;

export const headlineAt = ({ fees, lvr, swapCost, mev, gas }: Earned): number => fees - lvr - swapCost - mev - gas;

/**
 * A run cut at every `seconds` after its start, at the first point at or after each cut; a rest shorter than half a
 * period is left out, so that a truncated day does not pass for a calm one.
 */
export function periodsOf(points: readonly RunPoint[], capital: number, seconds: number): Period[] {
  if (!(seconds > 0)) throw new InvalidInputError(`seconds ${seconds} must be above 0 to cut a run into periods`);
  const [first] = points;
  if (first === undefined) return [];
  const periods: Period[] = [];
  let from = 0;
  for (let i = 1; i < points.length; i++) {
    const start = points[from] as RunPoint;
    const point = points[i] as RunPoint;
    const cut = first.atSeconds + (Math.floor((start.atSeconds - first.atSeconds) / seconds) + 1) * seconds;
    const isLast = i === points.length - 1;
    if (point.atSeconds < cut && !(isLast && point.atSeconds - start.atSeconds >= seconds / 2)) continue;
    periods.push(periodOf(points.slice(from, i + 1), capital));
    from = i;
  }
  return periods;
}

/** One period that runs from the first of these points to the last. */
export function periodOf(points: readonly RunPoint[], capital: number): Period {
  const [start, end] = [points[0] as RunPoint, points.at(-1) as RunPoint];
  const change = (of: (point: RunPoint) => number) => (of(end) - of(start)) / capital;
  return {
    fromSeconds: start.atSeconds,
    toSeconds: end.atSeconds,
    headline: change(headlineAt),
    fees: change((point) => point.fees),
    lvr: change((point) => point.lvr),
    net: change((point) => point.nav),
    hodl: change((point) => point.hodl),
    fiftyFifty: change((point) => point.fiftyFifty),
    assetOnly: change((point) => point.assetOnly),
    fullRange: change((point) => point.fullRange),
    inRange: timeMean(points, (point) => point.inRange),
    deployed: timeMean(points, (point) => point.deployed),
  };
}

/** Time-weighted mean of what each point says of the stretch that ends with it: a move acts within the stretch. */
export function timeMean<P extends Pick<RunPoint, "atSeconds">>(
  points: readonly P[],
  of: (point: P) => number,
): number {
  let [sum, time] = [0, 0];
  for (let i = 1; i < points.length; i++) {
    const weight = (points[i] as P).atSeconds - (points[i - 1] as P).atSeconds;
    sum += weight * of(points[i] as P);
    time += weight;
  }
  return time > 0 ? sum / time : 0;
}
