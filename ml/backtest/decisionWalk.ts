import { InvalidInputError } from "../errors.ts";
import type { Outlook } from "../outlook.ts";
import type { CalibrationState } from "../risk/uncertainty/calibration.ts";
import type { Bounds, DecisionSettings, ModelSet } from "../types.ts";
import { bootstrapMean } from "./bootstrap.ts";
import {
  ASIDE,
  asideRecord,
  calmOf,
  chooseDecision,
  leaderOf,
  recordOf,
  standingAt,
  type TrainingRecord,
} from "./decisionChoice.ts";
import { type DecisionVariant, VARIANTS } from "./decisionVariants.ts";
import { followRecords } from "./followRecords.ts";
import type { BacktestMarket } from "./market.ts";
import { modelPolicy } from "./modelPolicy.ts";
import { headlineAt, timeMean } from "./periods.ts";
import { baselines, policies as registry } from "./policies/index.ts";
import { type PolicyRun, runPolicy } from "./run.ts";
import type { PolicyFactory, RunSettings } from "./types.ts";
import { type Choice, type Window, walkForwardPolicy } from "./walkForward.ts";

const HOUR = 3600;
/**
 * The greedy reset that moves are counted against: ±1 %, opened at once and put around spot as soon as spot has left it,
 * with no thought of cost (arXiv 2602.19419, whose agent rebalanced a third as often; its width is 1 % too). It is a
 * yardstick and no vault: no limit refuses it, as a vault's share of a small pool would.
 */
const GREEDY = { id: "greedy-reset", rule: "fixed-1-reset" } as const;
/** Of how a walk plays and chooses: what an earlier one kept is not taken for one of this. */
export const WALK_VERSION = 3;
const RESAMPLES = 2000;
/** Fewer hours than this get no interval. */
const LEAST_HOURS = 5;

type Span = Pick<RunSettings, "fromSeconds" | "toSeconds">;

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

export interface DecisionWalkParameters {
  readonly market: BacktestMarket;
  readonly models: ModelSet;
  readonly bounds: Bounds;
  readonly decision: Omit<DecisionSettings, "gasCost">;
  /** Of the whole span; windows are cut from it. */
  readonly settings: RunSettings;
  readonly rule: ShareRule;
  /** Hours that depend on each other: a day of evidence, and the mean length of a block of the bootstrap. */
  readonly blockHours: number;
  readonly level: number;
  readonly variants?: readonly DecisionVariant[];
  /** Ids of the baselines that compete; all that are no bound when left out. */
  readonly rules?: readonly string[];
  /** Keeps what each candidate did on the training data, so that a stopped walk goes on; absent = nothing is kept. */
  readonly memory?: TrainingMemory;
  /** Seconds, from any moment on: tells what the walk took, kept records included. */
  readonly now?: () => number;
  readonly onProgress?: (done: number) => void;
}

/** Training records of one walk, by id. */
export interface TrainingMemory {
  recall(id: string): TrainingRecord | null;
  keep(record: TrainingRecord): void;
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
  /** The best baseline of those that keep to the budget of moves, as ours does, and ours less that. */
  readonly calm: { readonly baseline: WalkedSide; readonly difference: WalkedDifference };
  readonly verdict: VerdictKey;
  /** What it took by the walk's clock, also before it was stopped. */
  readonly seconds: number;
}

/**
 * The decision as a vault that learns lives it: on each window what earned most on everything before it (see
 * `chooseDecision`), beside the baseline that earned most by itself. Both pay for changing over.
 */
export async function walkDecision(parameters: DecisionWalkParameters): Promise<DecisionWalk> {
  const { market, models, bounds, decision, settings, rule, blockHours, memory, onProgress } = parameters;
  const { variants = VARIANTS, now = () => 0 } = parameters;
  const windows = shareWindows(settings, rule);
  const [first] = windows as [Window, ...Window[]];
  const shared = { outlooks: new Map<number, Outlook>(), calibrations: new Map<number, CalibrationState>() };
  const own = Object.fromEntries(
    variants.map((variant): [string, PolicyFactory] => [
      variant.id,
      modelPolicy({ models, bounds, settings: { ...decision, ...variant.settings }, ...shared }),
    ]),
  );
  const { rules = baselines.filter(({ clairvoyant }) => !clairvoyant).map(({ id }) => id) } = parameters;
  const competitors = rules.filter((id) => id !== ASIDE);
  const runs = variants.length + competitors.length + 6;
  let [done, remembered] = [0, 0];
  const begun = now();
  const run = async (policy: PolicyFactory, span: Span, limits = settings.limits ?? null): Promise<PolicyRun> => {
    const result = await runPolicy({
      market,
      policy,
      settings: { ...settings, ...span, limits },
      onProgress: (part) => onProgress?.((done + part) / runs),
    });
    done++;
    return result;
  };
  // Every training window begins where the data do, so one run to the last of them tells how each would have ended.
  const training = { fromSeconds: settings.fromSeconds, toSeconds: (windows.at(-1) as Window).trainToSeconds };
  const trained = async (id: string, policy: PolicyFactory, limits = settings.limits): Promise<TrainingRecord> => {
    const known = memory?.recall(id);
    if (known) {
      done++;
      remembered += known.seconds ?? 0;
      return known;
    }
    const from = now();
    const played = await run(policy, training, limits);
    const record = { ...recordOf(id, played, windows, settings.capital), seconds: now() - from };
    memory?.keep(record);
    return record;
  };
  const mine: TrainingRecord[] = [];
  for (const { id } of variants) mine.push(await trained(id, own[id] as PolicyFactory));
  const theirs: TrainingRecord[] = [];
  for (const id of competitors) theirs.push(await trained(id, registry[id] as PolicyFactory));
  const greedyReset = registry[GREEDY.rule] as PolicyFactory;
  const reset = await trained(GREEDY.id, greedyReset, null);
  const nothing = asideRecord(windows);
  const chosen = windows.map(
    (_, window) => chooseDecision({ window, own: mine, rules: theirs, greedy: reset, blockHours }) ?? nothing,
  );
  const beaten = windows.map((_, window) => leaderOf(theirs, window) ?? nothing);
  const tested = { fromSeconds: first.testFromSeconds, toSeconds: settings.toSeconds };
  const test = (policy: PolicyFactory) => run(policy, tested);
  const factories = { ...registry, ...own };
  // Rules open their ranges by themselves.
  const held = chosen.map((record, window) => (own[record.id] === undefined ? null : standingAt(record, window)));
  const ours = await test(
    followRecords(walkForwardPolicy("decision", choicesOf(windows, chosen), factories), windows, held),
  );
  const rulesOf = (records: readonly TrainingRecord[]) =>
    test(walkForwardPolicy("baseline", choicesOf(windows, records), registry));
  const baseline = await rulesOf(beaten);
  const calm = windows.map((_, window) => leaderOf(calmOf(theirs, reset, window), window) ?? nothing);
  const calmBaseline = calm.every((record, window) => record === beaten[window]) ? baseline : await rulesOf(calm);
  const greedy = await run(greedyReset, tested, null);

  const sides = { ours: sideOf(ours, settings), baseline: sideOf(baseline, settings) };
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
    windows: windows.map((window, i) => {
      const [taken, other] = [chosen[i] as TrainingRecord, beaten[i] as TrainingRecord];
      return {
        ...window,
        decision: taken.id,
        decisionTrainBps: 1e4 * standingAt(taken, i).headline,
        baseline: other.id,
        baselineTrainBps: 1e4 * standingAt(other, i).headline,
      };
    }),
    ...sides,
    greedyMoves: greedy.moves.filter(({ kind }) => kind === "move").length,
    difference,
    calm: { baseline: sideOf(calmBaseline, settings), difference: differenceOf(ours, calmBaseline, parameters) },
    verdict: verdictOf({ ...sides, difference }),
    seconds: remembered + now() - begun,
  };
}

const choicesOf = (windows: readonly Window[], chosen: readonly TrainingRecord[]): Choice[] =>
  windows.map((window, i) => ({ window, chosen: (chosen[i] as TrainingRecord).id, candidates: [] }));

function sideOf({ waterfall, points, moves }: PolicyRun, { capital }: RunSettings): WalkedSide {
  const bps = (amount: number): number => (1e4 * amount) / capital;
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
  ours: PolicyRun,
  baseline: PolicyRun,
  { blockHours, level, settings }: DecisionWalkParameters,
): WalkedDifference {
  const hourly = ({ points }: PolicyRun): number[] =>
    points.slice(1).map((point, i) => headlineAt(point) - headlineAt(points[i] as (typeof points)[number]));
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
