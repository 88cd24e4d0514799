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
  const shares = results.map((run) => ({
    label: run.policy.label,
    share: run.moves.reduce((most, { poolShare }) => Math.max(most, poolShare), 0),
  }));
  const large = shares.filter(({ share }) => share > UNRELIABLE_POOL_SHARE);
  if (large.length > 0) {
    const worst = large.reduce((a, b) => (b.share > a.share ? b : a));
    danger.push(
      `Own liquidity reached ${percent(worst.share)} of the pool's in range (${worst.label})${large.length > 1 ? `, and more than ${percent(UNRELIABLE_POOL_SHARE)} in ${large.length} policies` : ""}: above ${percent(UNRELIABLE_POOL_SHARE)} the recorded traders would have acted otherwise, and the result is unreliable.`,
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
  const notes = results.flatMap(({ warnings }) => warnings);
  warning.push(...new Set([...market.notes, ...notes]));
  return [
    ...danger.map((text) => ({ severity: "danger" as const, text })),
    ...warning.map((text) => ({ severity: "warning" as const, text })),
  ];
}

const percent = (fraction: number) => `${(fraction * 100).toFixed(fraction < 0.1 ? 1 : 0)} %`;
