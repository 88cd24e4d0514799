import { type Drawdown, drawdownOf } from "./drawdown.ts";
import { type Period, periodSecondsOf, periodsOf, timeMean } from "./periods.ts";
import { sharpeOf } from "./sharpe.ts";
import type { RunMove, RunPoint, RunResult } from "./types.ts";

const DAY = 86_400;
const YEAR_DAYS = 365.25;
/** Shorter runs get no yearly figure: it would be an extrapolation that nobody should read. */
const LEAST_DAYS_FOR_YEAR = 30;
const LEAST_PERIODS_FOR_TAIL = 10;

/** What a run comes to. Fractions are of the capital at the start; null = too little to say it. */
export interface RunMetrics {
  readonly days: number;
  readonly periodSeconds: number;
  readonly headline: number;
  readonly headlinePerYear: number | null;
  readonly fees: number;
  readonly lvr: number;
  readonly costs: number;
  /** Change of value, and by how much that beats each alternative. */
  readonly net: number;
  readonly netPerYear: number | null;
  readonly versus: Alternatives;
  readonly drawdown: Drawdown | null;
  /** Mean of the worst tenth of the periods. */
  readonly cvar10Headline: number | null;
  readonly cvar10Net: number | null;
  readonly worst: { readonly fromSeconds: number; readonly headline: number; readonly net: number } | null;
  /** Per period, not annualised. */
  readonly sharpeHeadline: number | null;
  readonly sharpeNet: number | null;
  readonly sortinoNet: number | null;
  readonly volatilityPerYear: number | null;
  /** Value swapped over capital, in all and a day. */
  readonly turnover: number;
  readonly turnoverPerDay: number;
  readonly timeInRange: number;
  readonly deployed: number;
  readonly moves: number;
  readonly meanHoldSeconds: number | null;
  /** Part of the moves into ranges whose fees − LVR until the next one (or the end) exceeded what the move cost. */
  readonly winRate: number | null;
  readonly gasOverFees: number | null;
  readonly largestPoolShare: number;
  /** Value over capital that is still in the pool at the end, marked and not sold. */
  readonly leftOpen: number;
}

export interface Alternatives {
  readonly hodl: number;
  readonly fiftyFifty: number;
  readonly assetOnly: number;
  readonly fullRange: number;
}

/** Every metric of one run. */
export function metricsOf(run: RunResult): RunMetrics {
  const { points, moves, waterfall } = run;
  const { capital } = run.settings;
  const periodSeconds = periodSecondsOf(points);
  const periods = periodsOf(points, capital, periodSeconds);
  const last = points.at(-1);
  const days = ((last?.atSeconds ?? 0) - (points[0]?.atSeconds ?? 0)) / DAY;
  const perYear = (fraction: number) => (days >= LEAST_DAYS_FOR_YEAR ? (fraction * YEAR_DAYS) / days : null);
  const net = (waterfall.final - waterfall.start) / capital;
  const ahead = (of: keyof Alternatives) => (waterfall.final - (last?.[of] ?? Number.NaN)) / capital;
  const nets = periods.map((period) => period.net);
  const headlines = periods.map((period) => period.headline);
  const swapped = moves.reduce((sum, move) => sum + move.swapped, 0);
  const costs = waterfall.swapCost + waterfall.mev + waterfall.gas;
  const holds = holdsOf(moves);
  return {
    days,
    periodSeconds,
    headline: waterfall.headline / capital,
    headlinePerYear: perYear(waterfall.headline / capital),
    fees: waterfall.fees / capital,
    lvr: waterfall.lvr / capital,
    costs: costs / capital,
    net,
    netPerYear: days >= LEAST_DAYS_FOR_YEAR && net > -1 ? (1 + net) ** (YEAR_DAYS / days) - 1 : null,
    versus: {
      hodl: ahead("hodl"),
      fiftyFifty: ahead("fiftyFifty"),
      assetOnly: ahead("assetOnly"),
      fullRange: ahead("fullRange"),
    },
    drawdown: drawdownOf(points.map(({ atSeconds, nav }) => ({ atSeconds, value: nav }))),
    cvar10Headline: worstTenth(headlines),
    cvar10Net: worstTenth(nets),
    worst: worstPeriod(periods),
    sharpeHeadline: sharpeOf(headlines),
    sharpeNet: sharpeOf(nets),
    sortinoNet: sortinoOf(nets),
    volatilityPerYear: volatilityOf(nets, days, periodSeconds),
    turnover: swapped / capital,
    turnoverPerDay: days > 0 ? swapped / capital / days : 0,
    timeInRange: timeMean(points, (point) => point.inRange),
    deployed: timeMean(points, (point) => point.deployed),
    moves: moves.length,
    meanHoldSeconds: holds.length > 0 ? holds.reduce((a, b) => a + b, 0) / holds.length : null,
    winRate: winRateOf(points, moves),
    gasOverFees: waterfall.fees > 0 ? waterfall.gas / waterfall.fees : null,
    largestPoolShare: moves.reduce((most, { poolShare }) => Math.max(most, poolShare), 0),
    leftOpen: last ? (last.deployed * last.nav) / capital : 0,
  };
}

/** Mean of the worst tenth, at least one value; null below ten values. */
export function worstTenth(values: readonly number[]): number | null {
  if (values.length < LEAST_PERIODS_FOR_TAIL) return null;
  const worst = [...values].sort((a, b) => a - b).slice(0, Math.ceil(values.length / 10));
  return worst.reduce((a, b) => a + b, 0) / worst.length;
}

function worstPeriod(periods: readonly Period[]): RunMetrics["worst"] {
  const [first, ...rest] = periods;
  if (first === undefined) return null;
  const { fromSeconds, headline, net } = rest.reduce((a, b) => (b.headline < a.headline ? b : a), first);
  return { fromSeconds, headline, net };
}

/** Mean over the root mean square of the losses; null without a loss. */
function sortinoOf(values: readonly number[]): number | null {
  const losses = Math.sqrt(values.reduce((sum, value) => sum + Math.min(0, value) ** 2, 0) / values.length);
  return losses > 0 ? values.reduce((a, b) => a + b, 0) / values.length / losses : null;
}

function volatilityOf(values: readonly number[], days: number, periodSeconds: number): number | null {
  if (days < LEAST_DAYS_FOR_YEAR) return null;
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  return Math.sqrt((variance * YEAR_DAYS * DAY) / periodSeconds);
}

/** Seconds from each move into ranges to the move that ended it. */
const holdsOf = (moves: readonly RunMove[]): number[] =>
  moves.flatMap((move, index) => {
    const next = moves[index + 1];
    return move.kind === "move" && next ? [next.actedAt - move.actedAt] : [];
  });

function winRateOf(points: readonly RunPoint[], moves: readonly RunMove[]): number | null {
  const outcomes = moveOutcomes(points, moves);
  if (outcomes.length === 0) return null;
  return outcomes.filter(({ earned, cost }) => earned > cost).length / outcomes.length;
}

export interface MoveOutcome {
  readonly move: RunMove;
  readonly untilSeconds: number;
  /** Fees − LVR until the next move or the end, whole asset units; linear between the run's points. */
  readonly earned: number;
  readonly cost: number;
}

/** What each move into ranges brought, against what it cost. */
export function moveOutcomes(points: readonly RunPoint[], moves: readonly RunMove[]): MoveOutcome[] {
  const end = points.at(-1)?.atSeconds ?? 0;
  return moves.flatMap((move, index) => {
    if (move.kind !== "move") return [];
    const untilSeconds = moves[index + 1]?.actedAt ?? end;
    const earned = earnedUntil(points, untilSeconds) - earnedUntil(points, move.actedAt);
    return [{ move, untilSeconds, earned, cost: move.swapFee + move.swapImpact + move.mev + move.gas }];
  });
}

/** Fees − LVR from the start to a time, interpolated between points. */
export function earnedUntil(points: readonly RunPoint[], atSeconds: number): number {
  let [low, high] = [0, points.length - 1];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if ((points[middle] as RunPoint).atSeconds < atSeconds) low = middle + 1;
    else high = middle;
  }
  const after = points[low];
  const before = points[low - 1] ?? after;
  if (after === undefined || before === undefined) return 0;
  const span = after.atSeconds - before.atSeconds;
  const part = span > 0 ? Math.min(1, Math.max(0, (atSeconds - before.atSeconds) / span)) : 1;
  return before.fees - before.lvr + part * (after.fees - after.lvr - (before.fees - before.lvr));
}
