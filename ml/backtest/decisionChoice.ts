import type { Range } from "../types.ts";
import { headlineAt } from "./periods.ts";
import { studentQuantile } from "./studentQuantile.ts";
import type { RunMove, RunPoint } from "./types.ts";
import type { Window } from "./walkForward.ts";

/** Chance that a normal number is at most one standard error above its mean. */
const WITHIN_STANDARD_ERROR = 0.8413;
/** Part of the greedy reset's moves that a choice may have needed. */
const GREEDY_PART = 1 / 3;

export const ASIDE = "stand-aside";

/** Where a candidate stood when a training window ended. */
export interface Standing {
  /** Hours of its record that were over. */
  readonly hours: number;
  /** Headline so far, a fraction of the capital. */
  readonly headline: number;
  readonly moves: number;
  readonly ranges: readonly Range[];
  /** Part of its value that was in the pool. */
  readonly deployed: number;
}

/** What a candidate did on the training data, which all begin at the same time. */
export interface TrainingRecord {
  readonly id: string;
  /** Headline of each hour, a fraction of the capital. */
  readonly hourly: readonly number[];
  /** At the end of each window's training. */
  readonly standings: readonly Standing[];
  /** What playing it took, by the walk's clock. */
  readonly seconds?: number;
}

/** What a run to the last window's training tells of all of them. */
export function recordOf(
  id: string,
  { points, moves }: { readonly points: readonly Omit<RunPoint, "fullRange">[]; readonly moves: readonly RunMove[] },
  windows: readonly Window[],
  capital: number,
): TrainingRecord {
  const headlines = points.map((point) => headlineAt(point) / capital);
  return {
    id,
    hourly: headlines.slice(1).map((headline, i) => headline - (headlines[i] ?? 0)),
    standings: windows.map(({ trainToSeconds }) => {
      const last = points.findLastIndex((point) => point.atSeconds <= trainToSeconds);
      const point = points[last];
      return {
        hours: Math.max(0, last),
        headline: headlines[last] ?? 0,
        moves: moves.filter(({ kind, actedAt }) => kind === "move" && actedAt <= trainToSeconds).length,
        ranges: point?.ranges ?? [],
        deployed: point?.deployed ?? 0,
      };
    }),
  };
}

/** A candidate that never does anything. */
export const asideRecord = (windows: readonly Window[]): TrainingRecord => ({
  id: ASIDE,
  hourly: [],
  standings: windows.map(() => ({ hours: 0, headline: 0, moves: 0, ranges: [], deployed: 0 })),
});

export interface ChooseParameters {
  /** Which window's training has just ended. */
  readonly window: number;
  /** The decision with each of its settings, and rules that it may fall back on. */
  readonly own: readonly TrainingRecord[];
  readonly rules: readonly TrainingRecord[];
  readonly greedy: TrainingRecord;
  /** Hours that depend on each other: evidence is counted in spans of so many. */
  readonly blockHours: number;
}

/**
 * Whom the decision follows on the next window: a ladder from the bottom, on which every step up needs evidence. At first
 * nobody; then the rule that earned most on the training span, if that is more than a standard error above nothing; then
 * those of its own settings that earned most, if they are more than a standard error ahead of whoever was followed so
 * far, hour by hour. Who moved more than a third as often as the greedy reset did is no candidate.
 */
export function chooseDecision(parameters: ChooseParameters): TrainingRecord | null {
  const { window, own, rules, greedy } = parameters;
  return [rules, own].reduce<TrainingRecord | null>((followed, records) => {
    const leader = leaderOf(calmOf(records, greedy, window), window);
    return leader !== null && clearlyAhead(leader, followed, parameters) ? leader : followed;
  }, null);
}

/** Those that moved at most a third as often as the greedy reset; once is always allowed: nothing is earned without it. */
export function calmOf(records: readonly TrainingRecord[], greedy: TrainingRecord, window: number): TrainingRecord[] {
  const most = Math.max(1, Math.floor(standingAt(greedy, window).moves * GREEDY_PART));
  return records.filter((record) => standingAt(record, window).moves <= most);
}

/** The record that earned most on a window's training, the first of equals; null where none earned anything. */
export const leaderOf = (records: readonly TrainingRecord[], window: number): TrainingRecord | null =>
  records.reduce<TrainingRecord | null>((leader, record) => {
    const least = leader === null ? 0 : standingAt(leader, window).headline;
    return standingAt(record, window).headline > least ? record : leader;
  }, null);

export const standingAt = ({ standings }: TrainingRecord, window: number): Standing => standings[window] as Standing;

/**
 * Whether one record is more than a standard error ahead of another, or of nothing: Student's test over blocks, at the
 * level that a standard error is of a normal mean. Fewer than two blocks are no evidence. A bootstrap would not do: of
 * four blocks it finds a standard error that every fourth record without an edge, or third, is above.
 */
function clearlyAhead(
  one: TrainingRecord,
  other: TrainingRecord | null,
  { window, blockHours }: ChooseParameters,
): boolean {
  const { hours } = standingAt(one, window);
  const blocks = Math.floor(hours / blockHours);
  if (blocks < 2) return false;
  const sums = new Array<number>(blocks).fill(0);
  for (let hour = 0; hour < hours; hour++) {
    const block = Math.floor((hour * blocks) / hours);
    sums[block] = (sums[block] as number) + (one.hourly[hour] ?? 0) - (other?.hourly[hour] ?? 0);
  }
  const mean = sums.reduce((total, sum) => total + sum, 0) / blocks;
  const squares = sums.reduce((total, sum) => total + (sum - mean) ** 2, 0);
  const error = Math.sqrt(squares / (blocks - 1) / blocks);
  return mean > studentQuantile(WITHIN_STANDARD_ERROR, blocks - 1) * error;
}
