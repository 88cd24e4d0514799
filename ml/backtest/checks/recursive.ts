import type { BacktestMarket } from "../market.ts";
import type { PolicyContext, PolicyFactory, RunSettings } from "../types.ts";
import { needDecisions, type RecordedDecision, recordDecisions } from "./record.ts";

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
 * decided with less and less history before it. It measures; how much is too much is for the strategist to say.
 */
export async function recursiveCheck(parameters: RecursiveParameters): Promise<RecursiveReport> {
  const { market, policy, settings, onProgress } = parameters;
  const warmUps = [...new Set(parameters.warmUpSeconds)].sort((a, b) => a - b);
  const runs: (readonly RecordedDecision[])[] = [];
  for (const [i, warmUp] of warmUps.entries()) {
    runs.push(
      await recordDecisions({
        market,
        policy,
        settings,
        view: (context) => since(context, settings.fromSeconds - warmUp),
        onProgress: (done) => onProgress?.((i + done) / warmUps.length),
      }),
    );
  }
  const reference = runs.at(-1) ?? [];
  needDecisions(reference, settings);
  return {
    decisions: reference.length,
    longestSeconds: warmUps.at(-1) ?? 0,
    warmUps: runs.slice(0, -1).map((run, i) => compareWith(reference, run, warmUps[i] ?? 0)),
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

function compareWith(
  reference: readonly RecordedDecision[],
  run: readonly RecordedDecision[],
  warmUpSeconds: number,
): WarmUpResult {
  const pairs = reference.flatMap((full, i) => {
    const short = run[i];
    return short === undefined ? [] : [{ full, short }];
  });
  const differs = pairs.map(({ full, short }) => full.answer !== short.answer);
  const last = differs.lastIndexOf(true);
  const features = Object.keys(reference[0]?.features ?? {}).map((name): FeatureDrift => {
    const drifts = pairs.map(({ full, short }) => drift(full.features[name], short.features[name]));
    return {
      name,
      atFirst: drifts[0] ?? 0,
      atLast: drifts.at(-1) ?? 0,
      decisions: drifts.filter((value) => value > 0).length,
    };
  });
  return {
    warmUpSeconds,
    otherKind: pairs.filter(({ full, short }) => full.kind !== short.kind).length,
    otherAnswer: differs.filter(Boolean).length,
    agreesFrom: last < 0 ? null : (pairs[last + 1]?.full.atSeconds ?? Number.POSITIVE_INFINITY),
    features: features.filter(({ decisions }) => decisions > 0).sort((a, b) => b.atFirst - a.atFirst),
  };
}

function drift(full = Number.NaN, short = Number.NaN): number {
  if (Object.is(full, short)) return 0;
  if (Number.isNaN(full) || Number.isNaN(short)) return Number.POSITIVE_INFINITY;
  return Math.abs(short - full) / Math.max(1, Math.abs(full));
}
