import type { PoolMeta, Range } from "../types.ts";
import { tickToLnPrice } from "../units.ts";
import { compare } from "./compare.ts";
import { forecastsOf } from "./forecasts.ts";
import { metricsOf, moveOutcomes, type RunMetrics } from "./metrics.ts";
import { headlineAt } from "./periods.ts";
import { byVolatility, byWeek, byWeekday } from "./regimes.ts";
import type { BacktestReport, ReportMove, ReportSweepCell } from "./reportSchema.ts";
import type { RunPoint, RunResult, SweepCell, WalkForwardFold } from "./types.ts";
import { reportWarnings } from "./warnings.ts";

const DAY = 86_400;
/** More points than this make a page heavy and a chart no finer. */
const MOST_POINTS = 600;

export interface ReportModel {
  readonly id: string;
  readonly version: string;
  readonly task: string;
  readonly sha256: string;
  /** Words for people, e.g. "2021-05 to 2022-06". */
  readonly trainedOn: string;
  /** Whether the run overlaps what the model was trained on. */
  readonly inSample: boolean;
}

export interface BuildReportParameters {
  /** All runs over the same market, span and settings, in the order of tables. */
  readonly results: readonly [RunResult, ...RunResult[]];
  /** Id of the run that the report is about; the first when absent. */
  readonly subject?: string;
  readonly sweep?: readonly SweepCell[];
  readonly walkForward?: readonly WalkForwardFold[];
  readonly models?: readonly ReportModel[];
  readonly configSha256: string;
  /** Version of the program, with the commit where it is known. */
  readonly codeVersion: string;
  /** Horizon of a model policy's forecasts. */
  readonly horizonSeconds?: number;
}

/** Puts runs together into what every rendering shows. */
export function buildReport(parameters: BuildReportParameters): BacktestReport {
  const { results, sweep = [], walkForward = [], models = [] } = parameters;
  const subject = results.find(({ policy }) => policy.id === parameters.subject) ?? results[0];
  const { points, moves, journal, settings } = subject;
  const { capital } = settings;
  const runs = results.map((result) => ({
    ...result.policy,
    waterfall: result.waterfall,
    metrics: finite(metricsOf(result)),
    decisions: result.decisions.taken,
    reasons: result.decisions.byReason,
  }));
  return {
    version: 1,
    header: headerOf(subject, parameters),
    warnings: reportWarnings({ subject, results, models }),
    subject: subject.policy.id,
    runs,
    series: seriesOf(subject),
    moves: movesOf(subject),
    comparisons: compare(subject, results),
    breakdowns: {
      volatility: byVolatility(points, capital),
      weeks: byWeek(points, capital),
      weekdays: byWeekday(points, capital),
    },
    forecasts:
      journal.length === 0
        ? null
        : forecastsOf({ journal, points, moves, horizonSeconds: parameters.horizonSeconds ?? DAY }),
    sweep: sweep.map(cellOf),
    walkForward: walkForward.map((fold) => ({ ...fold, candidates: fold.candidates.map((one) => ({ ...one })) })),
  };
}

function headerOf(subject: RunResult, { models = [], configSha256, codeVersion }: BuildReportParameters) {
  const { market, settings, points } = subject;
  const { pool } = market;
  const { asset, other } = tokensOf(pool, settings.numeraire);
  return {
    market: market.name,
    chainId: pool.chainId,
    pool: pool.address,
    feePips: pool.feePips,
    asset: asset.symbol,
    other: other.symbol,
    fromSeconds: points[0]?.atSeconds ?? settings.fromSeconds,
    toSeconds: points.at(-1)?.atSeconds ?? settings.toSeconds,
    dataFromSeconds: market.fromSeconds,
    dataToSeconds: market.toSeconds,
    fromBlock: points[0]?.block ?? 0,
    toBlock: points.at(-1)?.block ?? 0,
    events: market.events,
    feeModel: market.feeModel,
    capital: settings.capital,
    decisionSeconds: settings.decisionSeconds,
    latencyBlocks: settings.latencyBlocks,
    gasModel: gasModelOf(subject),
    mevBps: settings.costs.mevBps,
    feeHaircutBps: settings.costs.feeHaircutBps,
    seed: settings.seed,
    dataSha256: market.dataSha256,
    configSha256,
    codeVersion,
    models: models.map((model) => ({ ...model })),
  };
}

function gasModelOf({ settings: { costs } }: RunResult): string {
  const { gasGwei, gasScale, gasPerMove, gasPerPosition } = costs;
  const price = gasGwei === "recorded" ? "recorded gas price" : `${gasGwei} gwei`;
  const scale = gasScale === 1 ? "" : ` × ${gasScale}`;
  const units = (gas: number) => gas.toLocaleString("en-US");
  return `${units(gasPerMove)} + ${units(gasPerPosition)} per position at ${price}${scale}`;
}

const tokensOf = ({ token0, token1 }: PoolMeta, numeraire: 0 | 1) =>
  numeraire === 0 ? { asset: token0, other: token1 } : { asset: token1, other: token0 };

/** Edges of a range as whole asset units per whole unit of the other token. */
export function bandOf({ lowerTick, upperTick }: Range, pool: PoolMeta, numeraire: 0 | 1) {
  const { asset, other } = tokensOf(pool, numeraire);
  const price = (tick: number) => Math.exp(tickToLnPrice(tick, numeraire)) * 10 ** (other.decimals - asset.decimals);
  const [a, b] = [price(lowerTick), price(upperTick)];
  return { lower: Math.min(a, b), upper: Math.max(a, b) };
}

function seriesOf({ points, market, settings }: RunResult): BacktestReport["series"] {
  const kept = thinned(points);
  const of = (pick: (point: RunPoint) => number) => kept.map(pick);
  const known = (pick: (point: RunPoint) => number) => of(pick).map((value) => (Number.isFinite(value) ? value : null));
  return {
    at: of((point) => point.atSeconds),
    price: of((point) => point.price),
    bands: kept.map((point) => point.ranges.map((range) => bandOf(range, market.pool, settings.numeraire))),
    nav: of((point) => point.nav),
    hodl: known((point) => point.hodl),
    fiftyFifty: known((point) => point.fiftyFifty),
    assetOnly: known((point) => point.assetOnly),
    fullRange: known((point) => point.fullRange),
    fees: of((point) => point.fees),
    lvr: of((point) => point.lvr),
    costs: of((point) => point.swapCost + point.mev + point.gas),
    headline: of(headlineAt),
    inRange: of((point) => point.inRange),
    deployed: of((point) => point.deployed),
  };
}

/** At most so many points, evenly spaced, the first and the last among them. */
function thinned(points: readonly RunPoint[]): RunPoint[] {
  const step = Math.ceil(points.length / MOST_POINTS);
  return points.filter((_, index) => index % step === 0 || index === points.length - 1);
}

function movesOf({ points, moves, market, settings }: RunResult): ReportMove[] {
  const earned = new Map(moveOutcomes(points, moves).map((outcome) => [outcome.move, outcome.earned]));
  return moves.map((move) => ({
    decidedAt: move.decidedAt,
    actedAt: move.actedAt,
    block: move.block,
    kind: move.kind,
    reason: move.reason,
    ranges: move.ranges.map(({ lowerTick, upperTick }) => ({ lowerTick, upperTick })),
    bands: move.ranges.map((range) => bandOf(range, market.pool, settings.numeraire)),
    price: move.price,
    swapped: move.swapped,
    cost: move.swapFee + move.swapImpact + move.mev + move.gas,
    gas: move.gas,
    poolShare: move.poolShare,
    earned: earned.get(move) ?? null,
  }));
}

const cellOf = ({ policy, settings, waterfall }: SweepCell): ReportSweepCell => ({
  policy: policy.id,
  label: policy.label,
  capital: settings.capital,
  latencyBlocks: settings.latencyBlocks,
  gasScale: settings.costs.gasScale,
  feeHaircutBps: settings.costs.feeHaircutBps,
  mevBps: settings.costs.mevBps,
  seed: settings.seed,
  headline: waterfall.headline / settings.capital,
  net: (waterfall.final - waterfall.start) / settings.capital,
});

/** Alternatives that a market cannot carry are NaN in a run and null in a report. */
function finite(metrics: RunMetrics) {
  const known = (value: number) => (Number.isFinite(value) ? value : null);
  const { hodl, fiftyFifty, assetOnly, fullRange } = metrics.versus;
  const versus = {
    hodl: known(hodl),
    fiftyFifty: known(fiftyFifty),
    assetOnly: known(assetOnly),
    fullRange: known(fullRange),
  };
  return { ...metrics, versus };
}
