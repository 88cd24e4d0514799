import { AT_BAR_END, type FeatureDescriptor } from "./descriptor.ts";
import { closeVariance } from "./volatility.ts";
import { clamp, enoughBars, type FeatureView, HOUR_SECONDS, shared, windowStart } from "./window.ts";

const DAY = 24;
const WEEK = 168;

/** Log return over the last `hours` in units of what a week's volatility makes normal for that time. */
function sigmas(view: FeatureView, hours: number): number {
  const { first, end, bars } = view;
  if (end - 1 - hours < first) return Number.NaN;
  const variance = (closeVariance(view, WEEK) * hours) / DAY;
  const move = (bars.close[end - 1] as number) - (bars.close[end - 1 - hours] as number);
  return clamp(move / Math.sqrt(Math.max(variance, 1e-12)), -20, 20);
}

/** The last day's squared returns: their sum, the part of it that fell, the largest, and how many are known. */
const squares = shared((view) => {
  let total = 0;
  let fallen = 0;
  let largest = 0;
  let known = 0;
  for (let i = windowStart(view, DAY); i < view.end; i++) {
    const back = view.bars.barReturn[i] as number;
    if (Number.isNaN(back)) continue;
    const square = back ** 2;
    known++;
    total += square;
    if (back < 0) fallen += square;
    if (square > largest) largest = square;
  }
  return { total, fallen, largest, known };
});

/** Share of the last day's squared returns that fell. A day without any move counts as half. */
function downside(view: FeatureView): number {
  const { total, fallen, known } = squares(view);
  if (known < enoughBars(DAY)) return Number.NaN;
  return total === 0 ? 0.5 : fallen / total;
}

/** Share of the last day's squared returns that its largest hour made. */
function jump(view: FeatureView): number {
  const { total, largest, known } = squares(view);
  if (known < enoughBars(DAY)) return Number.NaN;
  return total === 0 ? 1 / known : largest / total;
}

const price = { version: 1, needs: "price", knowable: AT_BAR_END } as const;

const returnOver = (hours: number, since: number): FeatureDescriptor => ({
  ...price,
  name: `return_${hours}h`,
  since,
  unit: "standard deviations",
  windowSeconds: WEEK * HOUR_SECONDS,
  describe: `log return of ${hours} h in units of what the week's volatility makes normal for it, within ±20`,
  compute: (view) => sigmas(view, hours),
});

const shape = (name: string, describe: string, compute: FeatureDescriptor["compute"]): FeatureDescriptor => ({
  ...price,
  name,
  since: 1,
  unit: "share, 0..1",
  windowSeconds: DAY * HOUR_SECONDS,
  describe,
  compute,
});

/** Returns in units of their own volatility, and their shape over a day. */
export const returnFeatures: readonly FeatureDescriptor[] = [
  ...[1, 6, 24].map((hours) => returnOver(hours, 1)),
  shape("downside_24h", "share of the day's squared hourly returns that fell; half where nothing moved", downside),
  shape("jump_24h", "share of the day's squared hourly returns that its largest hour made", jump),
  returnOver(WEEK, 2),
];
