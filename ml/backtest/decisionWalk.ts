import { InvalidInputError } from "../errors.ts";
import type { Outlook } from "../outlook.ts";
import type { Bounds, DecisionSettings, ModelSet } from "../types.ts";
import { bootstrapMean } from "./bootstrap.ts";
import type { BacktestMarket } from "./market.ts";
import { modelPolicy } from "./modelPolicy.ts";
import { headlineAt, timeMean } from "./periods.ts";
import { baselines, policies as registry } from "./policies/index.ts";
import { runBacktest } from "./run.ts";
import type { PolicyFactory, RunPoint, RunResult, RunSettings } from "./types.ts";
import { type Choice, type Window, walkForwardPolicy } from "./walkForward.ts";

const HOUR = 3600;
const ASIDE = "stand-aside";
const GREEDY = "greedy-reset";
const RESAMPLES = 2000;
/** Fewer hours than this get no interval. */
const LEAST_HOURS = 5;

/** How a market's own span is cut: a first part to learn from, then windows, each learnt from everything before it. */
export interface ShareRule {
  readonly firstShare: number;
  readonly windowShare: number;
  readonly embargoSeconds: number;
}

/** Windows of a span by shares of it, on whole hours; the last ends with the span. */
export function shareWindows(
  { fromSeconds, toSeconds }: Pick<RunSettings, "fromSeconds" | "toSeconds">,
  { firstShare, windowShare, embargoSeconds }: ShareRule,
): Window[] {
  const hours = Math.floor((toSeconds - fromSeconds) / HOUR);
  const at = (share: number): number => fromSeconds + Math.round(hours * share) * HOUR;
  const count = Math.floor((1 - firstShare) / windowShare + 1e-9);
  const windows = Array.from({ length: count }, (_, i): Window => {
    const testFromSeconds = at(firstShare + i * windowShare);
    return {
      trainFromSeconds: fromSeconds,
      trainToSeconds: testFromSeconds - embargoSeconds,
      testFromSeconds,
      testToSeconds: i === count - 1 ? toSeconds : at(firstShare + (i + 1) * windowShare),
    };
  });
  const empty = windows.find(
    (window) => window.testToSeconds - window.testFromSeconds < HOUR || window.trainToSeconds - fromSeconds < HOUR,
  );
  if (empty !== undefined || count < 1) {
    throw new InvalidInputError(
      `the span has ${hours} h, but shares of ${firstShare} and ${windowShare} must leave an hour or more to each window`,
    );
  }
  return windows;
}

/** Settings of the decision that compete on the training windows. */
export interface DecisionVariant {
  readonly id: string;
  readonly settings: Pick<
    DecisionSettings,
    "horizonSeconds" | "lvrWeight" | "riskAversion" | "breachWeightBps" | "hysteresisBps" | "waitWeight"
  >;
}

const RISKS = [
  { key: "bold", riskAversion: 0, breachWeightBps: 0 },
  { key: "even", riskAversion: 0.1, breachWeightBps: 20 },
  { key: "careful", riskAversion: 0.5, breachWeightBps: 100 },
] as const;
const HASTES = [
  { key: "soon", hysteresisBps: 2, waitWeight: 0.5 },
  { key: "late", hysteresisBps: 10, waitWeight: 1 },
] as const;

/** How much of the expected LVR is believed. */
const TRUSTS = [
  { key: "", lvrWeight: 1 },
  { key: "-half", lvrWeight: 0.5 },
] as const;

/** Every horizon with every attitude to forecasts, risk and haste. */
export const VARIANTS: readonly DecisionVariant[] = [24, 168].flatMap((hours) =>
  TRUSTS.flatMap(({ key: trust, lvrWeight }) =>
    RISKS.flatMap(({ key: risk, ...risks }) =>
      HASTES.map(({ key: haste, ...hastes }) => ({
        id: `decision-${hours}h-${risk}-${haste}${trust}`,
        settings: { horizonSeconds: hours * HOUR, lvrWeight, ...risks, ...hastes },
      })),
    ),
  ),
);

export interface DecisionWalkParameters {
  readonly market: BacktestMarket;
  readonly models: ModelSet;
  readonly bounds: Bounds;
  readonly decision: Omit<DecisionSettings, "gasCost">;
  /** Of the whole span; windows are cut from it. */
  readonly settings: RunSettings;
  readonly rule: ShareRule;
  /** Mean length of a block of the bootstrap. */
  readonly blockHours: number;
  readonly level: number;
  readonly variants?: readonly DecisionVariant[];
  /** Ids of the baselines that compete; all that are no bound when left out. */
  readonly rules?: readonly string[];
  readonly onProgress?: (done: number) => void;
}

/** What one vault that follows the choices came to over all test windows; parts are basis points of its capital. */
export interface WalkedSide {
  readonly headlineBps: number;
  readonly feesBps: number;
  readonly lvrBps: number;
  readonly costsBps: number;
  readonly moves: number;
  /** Part of the time with nothing in the pool. */
  readonly aside: number;
}

export interface WalkedWindow extends Window {
  readonly decision: string;
  readonly decisionTrainBps: number;
  readonly baseline: string;
  readonly baselineTrainBps: number;
}

export interface WalkedDifference {
  /** Ours less the baseline's, over all test windows. */
  readonly totalBps: number;
  /** Null where there are too few hours. */
  readonly lowBps: number | null;
  readonly highBps: number | null;
  readonly hours: number;
  readonly blockHours: number;
}

export type VerdictKey = "better" | "stood-aside" | "ahead" | "within-costs" | "worse";

export interface DecisionWalk {
  readonly market: string;
  readonly feeModel: string;
  readonly dataSha256: string;
  readonly models: string;
  readonly fromSeconds: number;
  readonly testFromSeconds: number;
  readonly toSeconds: number;
  readonly capital: number;
  readonly asset: string;
  readonly windows: readonly WalkedWindow[];
  readonly ours: WalkedSide;
  readonly baseline: WalkedSide;
  readonly greedyMoves: number;
  readonly difference: WalkedDifference;
  readonly verdict: VerdictKey;
}

/**
 * The decision as a vault that learns lives it: on each window the settings that earned most on everything before it, or
 * none where none earned, beside the baseline that was best by the same rule. Both pay for changing over.
 */
export async function walkDecision(parameters: DecisionWalkParameters): Promise<DecisionWalk> {
  const { market, models, bounds, decision, settings, rule, variants = VARIANTS, onProgress } = parameters;
  const windows = shareWindows(settings, rule);
  const [first] = windows as [Window, ...Window[]];
  const outlooks = new Map<number, Outlook>();
  const own = Object.fromEntries(
    variants.map((variant): [string, PolicyFactory] => [
      variant.id,
      modelPolicy({ models, bounds, settings: { ...decision, ...variant.settings }, outlooks }),
    ]),
  );
  const { rules = baselines.filter(({ clairvoyant }) => !clairvoyant).map(({ id }) => id) } = parameters;
  const runs = variants.length + rules.length + 3;
  let done = 0;
  const run = async (policy: PolicyFactory, fromSeconds: number, toSeconds: number): Promise<RunResult> => {
    const result = await runBacktest({
      market,
      policy,
      settings: { ...settings, fromSeconds, toSeconds },
      onProgress: (part) => onProgress?.((done + part) / runs),
    });
    done++;
    return result;
  };
  // Every training window begins where the data do, so one run to the last of them tells how each would have ended.
  const trained = async (id: string, policy: PolicyFactory): Promise<Trained> => {
    const { points } = await run(policy, settings.fromSeconds, (windows.at(-1) as Window).trainToSeconds);
    return { id, scores: windows.map(({ trainToSeconds }) => headlineBy(points, trainToSeconds, settings.capital)) };
  };
  // Standing aside comes first: it wins where nothing earned anything.
  const nothing: Trained = { id: ASIDE, scores: windows.map(() => 0) };
  const mine = [nothing];
  for (const { id } of variants) mine.push(await trained(id, own[id] as PolicyFactory));
  const theirs = [nothing];
  for (const id of rules) if (id !== ASIDE) theirs.push(await trained(id, registry[id] as PolicyFactory));
  done++;
  const [chosen, beaten] = [choicesOf(windows, mine), choicesOf(windows, theirs)];
  const test = (policy: PolicyFactory) => run(policy, first.testFromSeconds, settings.toSeconds);
  const ours = await test(walkForwardPolicy("decision", chosen, { ...own, [ASIDE]: registry[ASIDE] as PolicyFactory }));
  const baseline = await test(walkForwardPolicy("baseline", beaten, registry));
  const greedy = await test(registry[GREEDY] as PolicyFactory);

  const sides = { ours: sideOf(ours), baseline: sideOf(baseline) };
  const difference = differenceOf(ours, baseline, parameters);
  const { pool, name, feeModel, dataSha256 } = market.description;
  return {
    market: name,
    feeModel,
    dataSha256,
    models: models.id,
    fromSeconds: settings.fromSeconds,
    testFromSeconds: first.testFromSeconds,
    toSeconds: settings.toSeconds,
    capital: settings.capital,
    asset: (settings.numeraire === 0 ? pool.token0 : pool.token1).symbol,
    windows: windows.map((window, i) => ({
      ...window,
      ...named("decision", chosen[i]),
      ...named("baseline", beaten[i]),
    })),
    ...sides,
    greedyMoves: greedy.moves.length,
    difference,
    verdict: verdictOf({ ...sides, difference }),
  };
}

interface Trained {
  readonly id: string;
  /** Headline at the end of each training window, a fraction of capital. */
  readonly scores: readonly number[];
}

function headlineBy(points: readonly RunPoint[], atSeconds: number, capital: number): number {
  const last = points.findLast((point) => point.atSeconds <= atSeconds);
  return last === undefined ? 0 : headlineAt(last) / capital;
}

/** On each window who earned most on its training span; the first of equals. */
function choicesOf(windows: readonly Window[], trained: readonly Trained[]): Choice[] {
  return windows.map((window, i) => {
    const candidates = trained.map(({ id, scores }) => ({ policy: id, trainHeadline: scores[i] ?? 0 }));
    const best = candidates.reduce((a, b) => (b.trainHeadline > a.trainHeadline ? b : a));
    return { window, chosen: best.policy, candidates };
  });
}

function named<K extends "decision" | "baseline">(key: K, choice: Choice | undefined) {
  const headline = choice?.candidates.find(({ policy }) => policy === choice.chosen)?.trainHeadline ?? 0;
  return { [key]: choice?.chosen ?? ASIDE, [`${key}TrainBps`]: 1e4 * headline } as Record<K, string> &
    Record<`${K}TrainBps`, number>;
}

function sideOf({ waterfall, points, moves, settings }: RunResult): WalkedSide {
  const bps = (amount: number): number => (1e4 * amount) / settings.capital;
  return {
    headlineBps: bps(waterfall.headline),
    feesBps: bps(waterfall.fees),
    lvrBps: bps(waterfall.lvr),
    costsBps: bps(waterfall.swapCost + waterfall.mev + waterfall.gas),
    moves: moves.filter(({ kind }) => kind === "move").length,
    aside: timeMean(points, ({ ranges }) => (ranges.length === 0 ? 1 : 0)),
  };
}

/** Of hours that begin at the same time in both runs. */
function differenceOf(
  ours: RunResult,
  baseline: RunResult,
  { blockHours, level, settings }: DecisionWalkParameters,
): WalkedDifference {
  const hourly = ({ points }: RunResult): number[] =>
    points.slice(1).map((point, i) => headlineAt(point) - headlineAt(points[i] as RunPoint));
  const theirs = hourly(baseline);
  const values = hourly(ours).map((value, i) => (1e4 * (value - (theirs[i] ?? 0))) / settings.capital);
  const hours = values.length;
  const totalBps = values.reduce((sum, value) => sum + value, 0);
  // In a span of few days no block may be longer than a quarter of it.
  const block = Math.max(1, Math.min(blockHours, Math.floor(hours / 4)));
  if (hours < LEAST_HOURS) return { totalBps, lowBps: null, highBps: null, hours, blockHours: block };
  const interval = bootstrapMean({ values, meanBlock: block, resamples: RESAMPLES, level, seed: settings.seed });
  return { totalBps, lowBps: interval.low * hours, highBps: interval.high * hours, hours, blockHours: block };
}

/** Better = the interval is above zero; stood aside = it held nothing and the baseline earned nothing. */
export function verdictOf({
  ours,
  baseline,
  difference: { totalBps, lowBps },
}: Pick<DecisionWalk, "ours" | "baseline" | "difference">): VerdictKey {
  if (lowBps !== null && lowBps > 0) return "better";
  if (ours.aside === 1 && baseline.headlineBps <= 0) return "stood-aside";
  if (totalBps > 0) return "ahead";
  return totalBps >= -ours.costsBps ? "within-costs" : "worse";
}
