import { quantile } from "../sim/statistics.ts";
import { periodOf } from "./periods.ts";
import type { RunPoint } from "./types.ts";

const DAY = 86_400;
const WEEK = 7 * DAY;

/** One part of a run; fractions of the capital at the start, time as a fraction of the part. */
export interface Breakdown {
  readonly name: string;
  readonly hours: number;
  readonly headline: number;
  readonly fees: number;
  readonly lvr: number;
  readonly net: number;
  readonly inRange: number;
}

const REGIMES = ["calm", "normal", "wild"] as const;

/**
 * The stretches between points by tercile of the variance of the 24 hours that end with them (squared log returns of
 * the points). Stretches of the first day, which have no such past, count with the first full day. Terciles are of this
 * run: a description of it, not something a rule could have known.
 */
export function byVolatility(points: readonly RunPoint[], capital: number): Breakdown[] {
  const squares = points.map((point, index) =>
    index === 0 ? 0 : Math.log(point.price / (points[index - 1] as RunPoint).price) ** 2,
  );
  const trailing: number[] = [];
  let [sum, from] = [0, 1];
  for (let i = 0; i < points.length; i++) {
    sum += squares[i] as number;
    while (from < i && (points[from - 1] as RunPoint).atSeconds < (points[i] as RunPoint).atSeconds - DAY) {
      sum -= squares[from] as number;
      from++;
    }
    trailing.push(sum);
  }
  const firstFull = points.findIndex((point) => point.atSeconds - (points[0] as RunPoint).atSeconds >= DAY);
  if (firstFull < 0) return [];
  const known = trailing.map((value, index) => trailing[Math.max(index, firstFull)] ?? value);
  const cuts = [quantile(known.slice(1), 1 / 3), quantile(known.slice(1), 2 / 3)] as const;
  const regime = (index: number) => {
    const value = known[index] as number;
    return value <= cuts[0] ? "calm" : value <= cuts[1] ? "normal" : "wild";
  };
  return group(points, capital, REGIMES, (index) => regime(index));
}

/** By weeks from the start; the last may be short. */
export function byWeek(points: readonly RunPoint[], capital: number): Breakdown[] {
  const start = points[0]?.atSeconds ?? 0;
  const week = (index: number) => Math.floor(((points[index - 1] as RunPoint).atSeconds - start) / WEEK);
  const count = points.length > 1 ? week(points.length - 1) + 1 : 0;
  const day = (index: number) => new Date((start + index * WEEK) * 1000).toISOString().slice(0, 10);
  const names = Array.from({ length: count }, (_, index) => `week of ${day(index)}`);
  return group(points, capital, names, (index) => names[week(index)] ?? "");
}

const WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"] as const;

/** By UTC day of the week. */
export function byWeekday(points: readonly RunPoint[], capital: number): Breakdown[] {
  // 1970-01-01 was a Thursday.
  const name = (index: number) => WEEKDAYS[(Math.floor((points[index - 1] as RunPoint).atSeconds / DAY) + 3) % 7] ?? "";
  return group(points, capital, WEEKDAYS, name);
}

/** Sums the stretches (i − 1, i] under the name of each; names that never occur are left out. */
function group(
  points: readonly RunPoint[],
  capital: number,
  names: readonly string[],
  nameOf: (index: number) => string,
): Breakdown[] {
  const sums = new Map(names.map((name) => [name, { hours: 0, headline: 0, fees: 0, lvr: 0, net: 0, inRange: 0 }]));
  for (let i = 1; i < points.length; i++) {
    const sum = sums.get(nameOf(i));
    if (sum === undefined) continue;
    const stretch = periodOf([points[i - 1] as RunPoint, points[i] as RunPoint], capital);
    const hours = (stretch.toSeconds - stretch.fromSeconds) / 3600;
    sum.hours += hours;
    sum.headline += stretch.headline;
    sum.fees += stretch.fees;
    sum.lvr += stretch.lvr;
    sum.net += stretch.net;
    sum.inRange += stretch.inRange * hours;
  }
  return [...sums].flatMap(([name, sum]) =>
    sum.hours > 0 ? [{ name, ...sum, inRange: sum.inRange / sum.hours }] : [],
  );
}
