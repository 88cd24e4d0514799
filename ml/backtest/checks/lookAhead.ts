import type { BacktestMarket } from "../market.ts";
import type { PolicyFactory, RunSettings } from "../types.ts";
import { needDecisions, type RecordedDecision, recordDecisions } from "./record.ts";

export interface LookAheadParameters {
  readonly market: BacktestMarket;
  readonly policy: PolicyFactory;
  readonly settings: RunSettings;
  /** Unix seconds at which the data are cut; decisions before each are compared. See `cutPoints`. */
  readonly cuts: readonly number[];
  readonly onProgress?: (done: number) => void;
}

/** The first thing that was different before a cut. */
export interface LookAheadDifference {
  readonly atSeconds: number;
  /** A feature's name, what was shown, or "decision". */
  readonly field: string;
  readonly withFuture: string;
  readonly withoutFuture: string;
}

export interface LookAheadCut {
  readonly atSeconds: number;
  /** Decisions before the cut that were compared. */
  readonly decisions: number;
  readonly differences: number;
  readonly first: LookAheadDifference | null;
}

export interface LookAheadReport {
  readonly decisions: number;
  readonly cuts: readonly LookAheadCut[];
  readonly passes: boolean;
}

/**
 * Decides over a market, then again over the same market whose data end at each cut: every decision before a cut, and
 * every feature and everything else it was shown, must be the same. What differs came from after the decision.
 */
export async function lookAheadCheck(parameters: LookAheadParameters): Promise<LookAheadReport> {
  const { market, policy, settings, cuts, onProgress } = parameters;
  const steps = cuts.length + 1;
  const whole = await recordDecisions({ market, policy, settings, onProgress: (done) => onProgress?.(done / steps) });
  needDecisions(whole, settings);
  const compared: LookAheadCut[] = [];
  for (const [i, atSeconds] of cuts.entries()) {
    const cut = await recordDecisions({
      market: market.until(atSeconds),
      policy,
      settings: { ...settings, toSeconds: Math.min(settings.toSeconds, atSeconds) },
      onProgress: (done) => onProgress?.((i + 1 + done) / steps),
    });
    compared.push(compareAt(atSeconds, whole, cut));
  }
  return { decisions: whole.length, cuts: compared, passes: compared.every(({ differences }) => differences === 0) };
}

/**
 * Cuts spread over the span, each a part of a decision interval after a decision, so that the last decision before a cut
 * has an unfinished interval ahead of it; the last cut is just after a decision.
 */
export function cutPoints({ fromSeconds, toSeconds, decisionSeconds }: RunSettings, count: number): number[] {
  const decisions = Math.floor((toSeconds - fromSeconds) / decisionSeconds);
  return Array.from({ length: count }, (_, i) => {
    const last = Math.max(1, Math.floor((decisions * (i + 1)) / (count + 1)));
    const part = i === count - 1 ? 1 : Math.max(1, Math.floor((decisionSeconds * (i + 1)) / (count + 1)));
    return fromSeconds + last * decisionSeconds + part;
  });
}

function compareAt(
  atSeconds: number,
  whole: readonly RecordedDecision[],
  cut: readonly RecordedDecision[],
): LookAheadCut {
  const byTime = new Map(whole.map((one) => [one.atSeconds, one]));
  let first: LookAheadDifference | null = null;
  let differences = 0;
  for (const without of cut) {
    const difference = differenceOf(byTime.get(without.atSeconds), without);
    if (difference === null) continue;
    differences++;
    first ??= difference;
  }
  return { atSeconds, decisions: cut.length, differences, first };
}

/** Features before what they were made of before the decision: the most telling difference first. */
function differenceOf(whole: RecordedDecision | undefined, cut: RecordedDecision): LookAheadDifference | null {
  const { atSeconds } = cut;
  if (whole === undefined) return { atSeconds, field: "time", withFuture: "no decision", withoutFuture: cut.answer };
  for (const [field, value] of Object.entries(cut.features)) {
    const before = whole.features[field] ?? Number.NaN;
    if (!Object.is(before, value)) {
      return { atSeconds, field, withFuture: String(before), withoutFuture: String(value) };
    }
  }
  for (const [field, value] of Object.entries(cut.shown)) {
    const before = whole.shown[field] ?? "";
    if (before !== value) return { atSeconds, field, withFuture: before, withoutFuture: value };
  }
  if (whole.answer === cut.answer) return null;
  return { atSeconds, field: "decision", withFuture: whole.answer, withoutFuture: cut.answer };
}
