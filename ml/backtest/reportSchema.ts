import { z } from "zod";
import { InvalidInputError } from "../errors.ts";

/**
 * The shape of report.json: everything that console, page and CSVs show of a backtest. Money is in whole asset units,
 * fractions are of the capital, times are unix seconds, null = not known or too little to say it.
 */
const maybe = z.number().nullable();
const text = z.string();
const range = z.strictObject({ lowerTick: z.int(), upperTick: z.int() });
const band = z.strictObject({ lower: z.number(), upper: z.number() });

const model = z.strictObject({
  id: text,
  version: text,
  task: text,
  sha256: text,
  trainedOn: text,
  inSample: z.boolean(),
});

const header = z.strictObject({
  market: text,
  chainId: z.int(),
  pool: text,
  feePips: z.number(),
  asset: text,
  other: text,
  fromSeconds: z.number(),
  toSeconds: z.number(),
  dataFromSeconds: z.number(),
  dataToSeconds: z.number(),
  fromBlock: z.number(),
  toBlock: z.number(),
  /** Events or bars played. */
  events: z.number(),
  feeModel: z.enum(["exact", "approximate"]),
  capital: z.number(),
  decisionSeconds: z.number(),
  latencyBlocks: z.number(),
  gasModel: text,
  mevBps: z.number(),
  feeHaircutBps: z.number(),
  seed: z.number(),
  dataSha256: text,
  configSha256: text,
  codeVersion: text,
  models: z.array(model),
});

const waterfall = z.strictObject({
  start: z.number(),
  fees: z.number(),
  lvr: z.number(),
  swapCost: z.number(),
  mev: z.number(),
  gas: z.number(),
  exposure: z.number(),
  final: z.number(),
  headline: z.number(),
  residual: z.number(),
});

const drawdown = z.strictObject({
  depth: z.number(),
  peakAt: z.number(),
  troughAt: z.number(),
  recoveredAt: maybe,
  underwaterSeconds: z.number(),
});

const metrics = z.strictObject({
  days: z.number(),
  periodSeconds: z.number(),
  headline: z.number(),
  headlinePerYear: maybe,
  fees: z.number(),
  lvr: z.number(),
  costs: z.number(),
  net: z.number(),
  netPerYear: maybe,
  versus: z.strictObject({ hodl: maybe, fiftyFifty: maybe, assetOnly: maybe, fullRange: maybe }),
  drawdown: drawdown.nullable(),
  cvar10Headline: maybe,
  cvar10Net: maybe,
  worst: z.strictObject({ fromSeconds: z.number(), headline: z.number(), net: z.number() }).nullable(),
  sharpeHeadline: maybe,
  sharpeNet: maybe,
  sortinoNet: maybe,
  volatilityPerYear: maybe,
  turnover: z.number(),
  turnoverPerDay: z.number(),
  timeInRange: z.number(),
  deployed: z.number(),
  moves: z.number(),
  meanHoldSeconds: maybe,
  winRate: maybe,
  gasOverFees: maybe,
  largestPoolShare: z.number(),
  leftOpen: z.number(),
});

const run = z.strictObject({
  id: text,
  label: text,
  family: text,
  clairvoyant: z.boolean(),
  waterfall,
  metrics,
  decisions: z.number(),
  reasons: z.record(text, z.number()),
});

/** Of the subject, thinned to at most a few hundred points. */
const series = z.strictObject({
  at: z.array(z.number()),
  price: z.array(z.number()),
  bands: z.array(z.array(band)),
  nav: z.array(z.number()),
  hodl: z.array(maybe),
  fiftyFifty: z.array(maybe),
  assetOnly: z.array(maybe),
  fullRange: z.array(maybe),
  fees: z.array(z.number()),
  lvr: z.array(z.number()),
  costs: z.array(z.number()),
  headline: z.array(z.number()),
  inRange: z.array(z.number()),
  deployed: z.array(z.number()),
});

const move = z.strictObject({
  decidedAt: z.number(),
  actedAt: z.number(),
  block: z.number(),
  kind: z.enum(["move", "idle"]),
  reason: text,
  ranges: z.array(range),
  bands: z.array(band),
  price: z.number(),
  swapped: z.number(),
  cost: z.number(),
  gas: z.number(),
  poolShare: z.number(),
  /** Fees − LVR until the next move or the end; null for moves to idle. */
  earned: maybe,
});

const breakdown = z.strictObject({
  name: text,
  hours: z.number(),
  headline: z.number(),
  fees: z.number(),
  lvr: z.number(),
  net: z.number(),
  inRange: z.number(),
});

const comparisons = z.strictObject({
  periodSeconds: z.number(),
  meanBlock: z.number(),
  resamples: z.number(),
  level: z.number(),
  rows: z
    .array(
      z.strictObject({
        against: text,
        measure: z.enum(["headline", "net"]),
        periods: z.number(),
        total: z.number(),
        mean: z.number(),
        low: z.number(),
        high: z.number(),
        p: z.number(),
        q: z.number(),
      }),
    )
    .readonly(),
  deflatedSharpe: z.strictObject({ probability: z.number(), trials: z.number(), sharpe: z.number() }).nullable(),
});

const forecasts = z.strictObject({
  pairs: z
    .array(
      z.strictObject({
        atSeconds: z.number(),
        predictedFeesBps: z.number(),
        predictedLvrBps: z.number(),
        realisedFeesBps: z.number(),
        realisedLvrBps: z.number(),
      }),
    )
    .readonly(),
  meanAbsoluteErrorBps: maybe,
  biasBps: maybe,
  calibration: z.array(z.strictObject({ count: z.number(), predicted: z.number(), realised: z.number() })).readonly(),
  variance: z.strictObject({ count: z.number(), qlike: z.number(), within80: z.number() }).nullable(),
  interval: z
    .strictObject({ count: z.number(), inside: z.number(), meanHalfWidth: z.number() })
    .nullable()
    .default(null),
});

const sweepCell = z.strictObject({
  policy: text,
  label: text,
  capital: z.number(),
  latencyBlocks: z.number(),
  gasScale: z.number(),
  feeHaircutBps: z.number(),
  mevBps: z.number(),
  seed: z.number(),
  headline: z.number(),
  net: z.number(),
});

const fold = z.strictObject({
  family: text,
  trainFromSeconds: z.number(),
  trainToSeconds: z.number(),
  testFromSeconds: z.number(),
  testToSeconds: z.number(),
  candidates: z.array(z.strictObject({ policy: text, trainHeadline: z.number() })),
  chosen: text,
  trainHeadline: z.number(),
  testHeadline: z.number(),
});

export const reportSchema = z.strictObject({
  version: z.literal(1),
  header,
  warnings: z.array(z.strictObject({ severity: z.enum(["danger", "warning"]), text })),
  /** Id of the run that the report is about. */
  subject: text,
  runs: z.array(run).min(1),
  series,
  moves: z.array(move),
  comparisons,
  breakdowns: z.strictObject({
    volatility: z.array(breakdown),
    weeks: z.array(breakdown),
    weekdays: z.array(breakdown),
  }),
  forecasts: forecasts.nullable(),
  sweep: z.array(sweepCell),
  walkForward: z.array(fold),
});

export type BacktestReport = z.output<typeof reportSchema>;
export type ReportRun = z.output<typeof run>;
export type ReportMove = z.output<typeof move>;
export type ReportSweepCell = z.output<typeof sweepCell>;
export type ReportBreakdown = z.output<typeof breakdown>;

/** The text of report.json. */
export const serialiseReport = (report: BacktestReport): string => `${JSON.stringify(report, null, 1)}\n`;

/** Parses report.json; errors name the file, the field and the rule. */
export function parseReport(json: string, file: string): BacktestReport {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new InvalidInputError(`${file}: it must be the JSON of a backtest report`, { cause });
  }
  const version = (value as { version?: unknown } | null)?.version;
  if (version !== 1) throw new InvalidInputError(`${file}: version ${String(version)} must be 1, the only one known`);
  const parsed = reportSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new InvalidInputError(`${file}: ${issue?.path.join(".") || "report"}: ${issue?.message ?? "is not valid"}`);
}
