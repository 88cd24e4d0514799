import { blockLength, bootstrapMean } from "../../ml/backtest/bootstrap.ts";
import type { Address, Decision } from "../../ml/types.ts";
import { settledOutcomes } from "../performance.ts";
import { coverOf, type Look } from "../report/stated.ts";

/** One decision of the champion with what a challenger said to it; outcomes null until their horizon has passed. */
export interface Duel {
  readonly vault: Address;
  readonly atSeconds: number;
  /** What both saw. */
  readonly seen: Pick<Decision, "sqrtPriceX96" | "numeraire">;
  readonly champion: Side;
  /** Null when the challenger gave no answer. */
  readonly challenger: Side | null;
}

export interface Side {
  readonly decision: Pick<Decision, "action" | "chosen" | "candidates" | "stated">;
  readonly outcome: unknown;
}

export interface Standing {
  readonly modelSet: string;
  readonly vaults: number;
  /** Decisions of the champion that the challenger was offered. */
  readonly decisions: number;
  readonly answered: number;
  /** Part of the answers with the same action and the same range. */
  readonly agreement: number | null;
  readonly moves: Both<number>;
  /** What each stated of the days ahead in what was answered, and how it held; null where nothing was stated. */
  readonly stated: Both<StatedDays | null>;
  /** Mean of fees − LVR − cost of the move, basis points of NAV over the horizon, of what was answered and settled. */
  readonly settled: number;
  readonly predictedBps: Both<number> | null;
  readonly realisedBps: Both<number> | null;
  /** Challenger less champion, realised, with a 95 % interval by block bootstrap; null = nothing is settled. */
  readonly difference: { readonly mean: number; readonly low: number; readonly high: number } | null;
  /** From the first settled decision to the last one. */
  readonly days: number;
  readonly verdict: "challenger" | "champion" | "undecided" | "too-little";
}

export interface StatedDays {
  /** Mean half-width of the 95 % interval, in ln of the price. */
  readonly halfWidth: number;
  /** Stated days that have ended, and those at whose end the price was inside. */
  readonly ended: number;
  readonly inside: number;
}

export interface Both<T> {
  readonly champion: T;
  readonly challenger: T;
}

const DAY = 86_400;
/** Horizons that do not overlap: with fewer, an interval is a guess about a guess. */
const LEAST_HORIZONS = 14;
const EVERY_SECONDS = 3_600;
const RESAMPLES = 2_000;
const SEED = 1;

/** How a challenger stands against the champion, on the same inputs. */
export function standingOf(modelSet: string, duels: readonly Duel[], everySeconds = EVERY_SECONDS): Standing {
  const answered = duels.flatMap(({ challenger, ...duel }) => (challenger === null ? [] : [{ ...duel, challenger }]));
  const same = answered.filter(({ champion, challenger }) => choiceOf(champion) === choiceOf(challenger));
  const moved = (side: "champion" | "challenger") =>
    answered.filter((duel) => duel[side].decision.action === "move").length;
  const settled = answered.flatMap((duel) => {
    const [champion, challenger] = [resultOf(duel.champion), resultOf(duel.challenger)];
    return champion === null || challenger === null ? [] : [{ atSeconds: duel.atSeconds, champion, challenger }];
  });
  const mean = (of: (one: (typeof settled)[number]) => number) =>
    settled.reduce((sum, one) => sum + of(one), 0) / settled.length;
  const horizonSeconds = settled[0]?.champion.horizonSeconds ?? DAY;
  // Vaults of one time saw one market: their mean is one observation.
  const differences = meanByTime(
    settled.map(({ atSeconds, champion, challenger }) => [atSeconds, challenger.realised - champion.realised]),
  );
  const seconds = (differences.at(-1)?.[0] ?? 0) - (differences[0]?.[0] ?? 0);
  const difference = settled.length === 0 ? null : intervalOf(differences, seconds, horizonSeconds);
  return {
    modelSet,
    vaults: new Set(duels.map(({ vault }) => vault)).size,
    decisions: duels.length,
    answered: answered.length,
    agreement: answered.length === 0 ? null : same.length / answered.length,
    moves: { champion: moved("champion"), challenger: moved("challenger") },
    stated: {
      champion: statedIn(duels, answered, "champion", everySeconds),
      challenger: statedIn(duels, answered, "challenger", everySeconds),
    },
    settled: settled.length,
    predictedBps:
      settled.length === 0
        ? null
        : { champion: mean((one) => one.champion.predicted), challenger: mean((one) => one.challenger.predicted) },
    realisedBps:
      settled.length === 0
        ? null
        : { champion: mean((one) => one.champion.realised), challenger: mean((one) => one.challenger.realised) },
    difference,
    days: seconds / DAY,
    verdict: verdictOf(difference, seconds / horizonSeconds),
  };
}

/** What one side stated where both did, held against the prices that all duels of the same vault saw. */
function statedIn(
  duels: readonly Duel[],
  answered: readonly (Duel & { readonly challenger: Side })[],
  side: "champion" | "challenger",
  everySeconds: number,
): StatedDays | null {
  const look = ({ atSeconds, seen }: Duel): Look => ({ atSeconds, ...seen });
  const both = answered.filter(({ champion, challenger }) => champion.decision.stated && challenger.decision.stated);
  let [width, ended, inside] = [0, 0, 0];
  for (const one of new Set(both.map(({ vault }) => vault))) {
    const said = both.flatMap((duel) => {
      const { stated } = duel[side].decision;
      return duel.vault !== one || stated === undefined ? [] : [{ ...look(duel), stated }];
    });
    for (const { stated } of said) width += stated.halfWidth;
    const looks = duels.filter(({ vault }) => vault === one).map(look);
    const found = coverOf(said, looks, everySeconds);
    ended += found.ended;
    inside += found.inside;
  }
  return both.length === 0 ? null : { halfWidth: width / both.length, ended, inside };
}

function verdictOf(difference: Standing["difference"], horizons: number): Standing["verdict"] {
  if (difference === null || horizons < LEAST_HORIZONS) return "too-little";
  if (difference.low > 0) return "challenger";
  return difference.high < 0 ? "champion" : "undecided";
}

/** What was chosen: staying in a range that is held is the same choice whoever makes it. */
function choiceOf({ decision: { action, chosen, candidates } }: Side): string {
  const range = action === "move" ? candidates[chosen]?.range : null;
  return range ? `${action} ${range.lowerTick} ${range.upperTick}` : action;
}

interface Result {
  readonly predicted: number;
  readonly realised: number;
  readonly horizonSeconds: number;
}

/** Net of what a move was expected to cost, which is measured only when it happens. */
function resultOf({ decision, outcome }: Side): Result | null {
  const [settled] = settledOutcomes([outcome]);
  if (settled === undefined) return null;
  const { predicted, netBps, fromSeconds, toSeconds } = settled;
  const cost = decision.action === "move" ? (predicted?.costBps ?? 0) : 0;
  return {
    predicted: (predicted === null ? 0 : predicted.feesBps - predicted.lvrBps) - cost,
    realised: netBps - cost,
    horizonSeconds: toSeconds - fromSeconds,
  };
}

function meanByTime(values: readonly (readonly [atSeconds: number, value: number])[]): [number, number][] {
  const byTime = new Map<number, { sum: number; count: number }>();
  for (const [at, value] of values) {
    const { sum, count } = byTime.get(at) ?? { sum: 0, count: 0 };
    byTime.set(at, { sum: sum + value, count: count + 1 });
  }
  return [...byTime].map(([at, { sum, count }]): [number, number] => [at, sum / count]).sort(([a], [b]) => a - b);
}

/** Blocks at least as long as the horizons overlap. */
function intervalOf(differences: readonly (readonly [number, number])[], seconds: number, horizonSeconds: number) {
  const count = differences.length;
  const spacing = count > 1 ? seconds / (count - 1) : horizonSeconds;
  const overlap = spacing > 0 ? Math.ceil(horizonSeconds / spacing) : 1;
  return bootstrapMean({
    values: differences.map(([, value]) => value),
    meanBlock: Math.min(count, Math.max(blockLength(count), overlap)),
    resamples: RESAMPLES,
    seed: SEED,
    level: 0.95,
  });
}
