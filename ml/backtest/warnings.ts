import type { ReportModel } from "./report.ts";
import type { BacktestReport } from "./reportSchema.ts";
import type { RunResult } from "./types.ts";

/** Above this own share of the pool the market would have answered in ways that no replay knows. */
const UNRELIABLE_POOL_SHARE = 0.05;
const SHORT_DAYS = 30;
const LEAST_RESIDUAL = 1e-9;

export interface WarningParameters {
  readonly subject: RunResult;
  readonly results: readonly RunResult[];
  readonly models: readonly ReportModel[];
}

/** Everything that a reader must know before the numbers: what makes them worthless first. */
export function reportWarnings({ subject, results, models }: WarningParameters): BacktestReport["warnings"] {
  const danger: string[] = [];
  const warning: string[] = [];
  const { market, points, journal } = subject;

  const inSample = models
    .filter((model) => model.inSample)
    .map(({ id, task, trainedOn }) => `${id} (${task}, ${trainedOn})`);
  if (inSample.length > 0)
    danger.push(
      `In-sample: the run overlaps the training days of ${inSample.join(", ")}. Its results are not evidence.`,
    );
  const shares = results.flatMap(({ policy, moves }) =>
    policy.clairvoyant ? [] : [{ policy, share: moves.reduce((most, { poolShare }) => Math.max(most, poolShare), 0) }],
  );
  const own = shares.find(({ policy }) => policy.id === subject.policy.id)?.share ?? 0;
  const limit = percent(UNRELIABLE_POOL_SHARE);
  if (own > UNRELIABLE_POOL_SHARE) {
    danger.push(
      `Own liquidity reached ${percent(own)} of the pool's in range: above ${limit} the recorded traders would have acted otherwise, and the result is unreliable.`,
    );
  }
  const large = shares.filter(({ policy, share }) => policy !== subject.policy && share > UNRELIABLE_POOL_SHARE);
  if (large.length > 0) {
    const worst = large.reduce((a, b) => (b.share > a.share ? b : a));
    warning.push(
      `Own liquidity of ${large.length === 1 ? "one other policy" : `${large.length} other policies`} went above ${limit} of the pool's in range, up to ${percent(worst.share)} (${worst.policy.label}): ${large.length === 1 ? "its result is" : "their results are"} unreliable.`,
    );
  }
  const open = results.filter(({ waterfall }) => Math.abs(waterfall.residual) > LEAST_RESIDUAL * waterfall.start);
  if (open.length > 0) {
    danger.push(
      `The books of ${open.map(({ policy }) => policy.label).join(", ")} do not close to 1e-9 of the capital.`,
    );
  }

  if (market.feeModel === "approximate") {
    warning.push(
      "Approximate: fees and losses come from bars, not from every swap. `rangekeeper backtest accuracy` prints the error of that.",
    );
  }
  const outside = journal.filter(({ reasonKey }) => reasonKey === "out-of-domain").length;
  if (outside > 0) {
    warning.push(
      `${percent(outside / journal.length)} of the decisions were out of the models' domain, and moved nothing.`,
    );
  }
  const days = ((points.at(-1)?.atSeconds ?? 0) - (points[0]?.atSeconds ?? 0)) / 86_400;
  if (days < SHORT_DAYS)
    warning.push(`${days.toFixed(1)} days are too short for yearly figures and for any claim about skill.`);
  warning.push(...new Set([...market.notes, ...subject.warnings]));
  return [
    ...danger.map((text) => ({ severity: "danger" as const, text })),
    ...warning.map((text) => ({ severity: "warning" as const, text })),
  ];
}

const percent = (fraction: number) => `${(fraction * 100).toFixed(fraction < 0.1 ? 1 : 0)} %`;
