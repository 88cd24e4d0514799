import { derivedSeed } from "../random.ts";
import { blockLength, bootstrapMean } from "./bootstrap.ts";
import { type Period, periodSecondsOf, periodsOf } from "./periods.ts";
import { deflatedSharpe, momentsOf, sharpeOf } from "./sharpe.ts";
import { benjaminiHochberg, wilcoxonSignedRank } from "./significance.ts";
import type { RunResult } from "./types.ts";

const RESAMPLES = 2000;
const LEVEL = 0.95;
/** Fewer pairs than this get no interval. */
const LEAST_PERIODS = 5;

/** The subject against one other, per period; fractions of capital. */
export interface Comparison {
  readonly against: string;
  /** What is compared: the headline of both policies, or the change of value against an alternative. */
  readonly measure: "headline" | "net";
  readonly periods: number;
  /** Sum of the differences over the run; positive = the subject did better. */
  readonly total: number;
  readonly mean: number;
  readonly low: number;
  readonly high: number;
  /** Wilcoxon's two-sided p-value, and adjusted over all comparisons of this report (Benjamini–Hochberg). */
  readonly p: number;
  readonly q: number;
}

export interface Comparisons {
  readonly periodSeconds: number;
  readonly meanBlock: number;
  readonly resamples: number;
  readonly level: number;
  readonly rows: readonly Comparison[];
  /** Probability that the subject's Sharpe ratio of headlines is better than luck among this many tries; null if too short. */
  readonly deflatedSharpe: { readonly probability: number; readonly trials: number; readonly sharpe: number } | null;
}

const ALTERNATIVES = [
  { key: "hodl", name: "HODL" },
  { key: "fiftyFifty", name: "50/50 rebalanced" },
  { key: "assetOnly", name: "asset only" },
  { key: "fullRange", name: "full range, net" },
] as const;

/** Differences of the subject against every other policy and alternative of the same run. Bounds are not compared with. */
export function compare(subject: RunResult, others: readonly RunResult[]): Comparisons {
  const periodSeconds = periodSecondsOf(subject.points);
  const own = periodsOf(subject.points, subject.settings.capital, periodSeconds);
  const competitors = others.filter(({ policy }) => policy.id !== subject.policy.id && !policy.clairvoyant);
  const meanBlock = blockLength(own.length);
  const base = { periodSeconds, meanBlock, resamples: RESAMPLES, level: LEVEL };
  if (own.length < LEAST_PERIODS) return { ...base, rows: [], deflatedSharpe: null };
  const row = (against: string, measure: "headline" | "net", differences: readonly number[]) => {
    const interval = bootstrapMean({
      values: differences,
      meanBlock,
      resamples: RESAMPLES,
      level: LEVEL,
      seed: derivedSeed(subject.settings.seed, against),
    });
    const { p } = wilcoxonSignedRank(differences);
    return { against, measure, periods: differences.length, total: interval.mean * differences.length, ...interval, p };
  };
  const rows = [
    ...competitors.map((other) =>
      row(
        other.policy.label,
        "headline",
        pairedDifferences(own, periodsOf(other.points, other.settings.capital, periodSeconds)),
      ),
    ),
    ...ALTERNATIVES.map(({ key, name }) =>
      row(
        name,
        "net",
        own.map((period) => period.net - period[key]),
      ),
    ),
  ];
  const adjusted = benjaminiHochberg(rows.map(({ p }) => p));
  return {
    ...base,
    rows: rows.map((one, index) => ({ ...one, q: adjusted[index] ?? 1 })),
    deflatedSharpe: deflate(own, [subject, ...competitors], periodSeconds),
  };
}

/** Headline differences of periods that begin at the same time. */
function pairedDifferences(own: readonly Period[], other: readonly Period[]): number[] {
  const byStart = new Map(other.map((period) => [period.fromSeconds, period]));
  return own.map((period) => period.headline - (byStart.get(period.fromSeconds)?.headline ?? 0));
}

function deflate(own: readonly Period[], tried: readonly RunResult[], periodSeconds: number) {
  const headlines = own.map((period) => period.headline);
  const sharpe = sharpeOf(headlines);
  const ratios = tried.flatMap(({ points, settings }) => {
    const ratio = sharpeOf(periodsOf(points, settings.capital, periodSeconds).map((period) => period.headline));
    return ratio === null ? [] : [ratio];
  });
  if (sharpe === null || ratios.length < 2) return null;
  const { skew, kurtosis } = momentsOf(headlines);
  const probability = deflatedSharpe({
    sharpe,
    periods: headlines.length,
    skew,
    kurtosis,
    trials: ratios.length,
    varianceOfTrials: momentsOf(ratios).deviation ** 2,
  });
  return Number.isFinite(probability) ? { probability, trials: ratios.length, sharpe } : null;
}
