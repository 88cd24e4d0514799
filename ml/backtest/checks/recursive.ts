import type { BacktestMarket } from "../market.ts";
import type { PolicyContext, PolicyFactory, RunSettings } from "../types.ts";
import { featuresOf, needDecisions, type RecordedDecision, recordDecisions } from "./record.ts";

export interface RecursiveParameters {
  readonly market: BacktestMarket;
  readonly policy: PolicyFactory;
  readonly settings: RunSettings;
  /** How much history before the first decision the policy gets; the longest is what the others are compared with. */
  readonly warmUpSeconds: readonly number[];
  readonly onProgress?: (done: number) => void;
}

/** How far one feature was off for want of history. Relative to its value, or to 1 where that is smaller. */
export interface FeatureDrift {
  readonly name: string;
  /** At the first decision; Infinity = only one of them had a value. */
  readonly atFirst: number;
  readonly atLast: number;
  /** Decisions at which it differed. */
  readonly decisions: number;
}

export interface WarmUpResult {
  readonly warmUpSeconds: number;
  /** Decisions whose kind (hold, move, idle) was another. */
  readonly otherKind: number;
  /** Decisions that were not the same to the last digit. */
  readonly otherAnswer: number;
  /** After this time all decisions agree; null = they agree from the start; Infinity = never. */
  readonly agreesFrom: number | null;
  /** Features that differed at any decision, the farthest off at the first decision first. */
  readonly features: readonly FeatureDrift[];
}

export interface RecursiveReport {
  readonly decisions: number;
  readonly longestSeconds: number;
  /** Shortest warm-up first, without the longest. */
  readonly warmUps: readonly WarmUpResult[];
}

/**
 * How much decisions and features depend on where history begins (the recursive analysis of freqtrade): the same span is
 * decided with less and less history before it. Features are compared on the same market; decisions live with their own
 * consequences, as a position once taken is not taken again. It measures; how much is too much is for the strategist.
 */
export async function recursiveCheck(parameters: RecursiveParameters): Promise<RecursiveReport> {
  const { market, policy, settings, onProgress } = parameters;
  const warmUps = [...new Set(parameters.warmUpSeconds)].sort((a, b) => a - b);
  const startOf = (warmUp: number) => settings.fromSeconds - warmUp;
  const runs: (readonly RecordedDecision[])[] = [];
  const features = warmUps.map((): Readonly<Record<string, number>>[] => []);
  for (const [i, warmUp] of warmUps.entries()) {
    const view = (context: PolicyContext) => {
      if (i === warmUps.length - 1) {
        for (const [k, other] of warmUps.entries())
          features[k]?.push(featuresOf(since(context, startOf(other)), market.outside));
      }
      return since(context, startOf(warmUp));
    };
    const progress = (done: number) => onProgress?.((i + done) / warmUps.length);
    runs.push(await recordDecisions({ market, policy, settings, view, onProgress: progress }));
  }
  const reference = runs.at(-1) ?? [];
  needDecisions(reference, settings);
  const full = features.at(-1) ?? [];
  return {
    decisions: reference.length,
    longestSeconds: warmUps.at(-1) ?? 0,
    warmUps: runs.slice(0, -1).map((run, i) => ({
      warmUpSeconds: warmUps[i] ?? 0,
      ...decisionsBeside(reference, run),
      features: featuresBeside(full, features[i] ?? []),
    })),
  };
}

/** A context whose bars and swaps begin at a time. */
function since(context: PolicyContext, fromSeconds: number): PolicyContext {
  const bars = context.bars.filter(({ startSeconds }) => startSeconds >= fromSeconds);
  const { history } = context;
  if (history === null) return { ...context, bars };
  return {
    ...context,
    bars,
    history: {
      ...history,
      fromTimestamp: Math.max(history.fromTimestamp, fromSeconds),
      swaps: history.swaps.filter(({ timestamp }) => timestamp >= fromSeconds),
    },
  };
}

function decisionsBeside(reference: readonly RecordedDecision[], run: readonly RecordedDecision[]) {
  const differs = reference.map(({ answer }, i) => answer !== run[i]?.answer);
  const last = differs.lastIndexOf(true);
  return {
    otherKind: reference.filter(({ kind }, i) => kind !== run[i]?.kind).length,
    otherAnswer: differs.filter(Boolean).length,
    agreesFrom: last < 0 ? null : (reference[last + 1]?.atSeconds ?? Number.POSITIVE_INFINITY),
  };
}

type Values = Readonly<Record<string, number>>;

const featuresBeside = (full: readonly Values[], short: readonly Values[]): FeatureDrift[] =>
  Object.keys(full[0] ?? {})
    .map((name): FeatureDrift => {
      const drifts = full.map((values, i) => drift(values[name], short[i]?.[name]));
      return {
        name,
        atFirst: drifts[0] ?? 0,
        atLast: drifts.at(-1) ?? 0,
        decisions: drifts.filter((value) => value > 0).length,
      };
    })
    .filter(({ decisions }) => decisions > 0)
    .sort((a, b) => b.atFirst - a.atFirst);

function drift(full = Number.NaN, short = Number.NaN): number {
  if (Object.is(full, short)) return 0;
  if (Number.isNaN(full) || Number.isNaN(short)) return Number.POSITIVE_INFINITY;
  return Math.abs(short - full) / Math.max(1, Math.abs(full));
}
