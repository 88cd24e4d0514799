import type { BacktestReport, ReportRun, ReportSweepCell } from "../../../ml/backtest/reportSchema.ts";
import { figure, stamp } from "../figures.ts";

/** A fraction as per cent with its sign: "−" of losses is a plain hyphen, so that it can be pasted. */
export const signed = (fraction: number | null, digits = 2): string => {
  if (fraction === null || !Number.isFinite(fraction)) return "";
  const text = (fraction * 100).toFixed(digits);
  // −0.00 is no loss.
  return Number(text) > 0 ? `+${text}` : Number(text) === 0 ? (0).toFixed(digits) : text;
};

/** A fraction as per cent without a plus. */
export const share = (fraction: number | null, digits = 0): string =>
  fraction === null ? "" : (fraction * 100).toFixed(digits);

export const hours = (seconds: number): string =>
  seconds < 48 * 3600 ? `${(seconds / 3600).toFixed(1)} h` : `${(seconds / 86_400).toFixed(1)} days`;

/** Policies from best to worst headline; bounds are no competitors and come apart. */
export function ranked(report: BacktestReport): { competitors: ReportRun[]; bounds: ReportRun[] } {
  const byHeadline = [...report.runs].sort((a, b) => b.metrics.headline - a.metrics.headline);
  return {
    competitors: byHeadline.filter((run) => !run.clairvoyant),
    bounds: byHeadline.filter((run) => run.clairvoyant),
  };
}

/** The run that the report is about. */
export const subjectOf = ({ runs, subject }: BacktestReport): ReportRun =>
  runs.find(({ id }) => id === subject) ?? (runs[0] as ReportRun);

/** What was simulated, one fact a line: label and text. */
export function facts({ header }: BacktestReport): readonly (readonly [string, string])[] {
  const days = (header.toSeconds - header.fromSeconds) / 86_400;
  const unit = header.feeModel === "exact" ? "events" : "bars";
  // Bars have no blocks, and their file may not name its pool.
  const blocks = header.feeModel === "exact" ? `, blocks ${header.fromBlock}–${header.toBlock}` : "";
  const address = /^0x0+$/.test(header.pool) ? "address not in the data" : header.pool;
  return [
    ["pool", `${header.asset}/${header.other} ${header.feePips / 10_000} %, chain ${header.chainId}, ${address}`],
    ["span", `${stamp(header.fromSeconds)} – ${stamp(header.toSeconds)} UTC, ${days.toFixed(1)} days${blocks}`],
    ["fees", `${header.feeModel}, from ${header.events.toLocaleString("en-US")} ${unit}`],
    [
      "vault",
      `${figure(header.capital)} ${header.asset}, decides every ${hours(header.decisionSeconds)}, acts ${header.latencyBlocks} block${header.latencyBlocks === 1 ? "" : "s"} later`,
    ],
    ["costs", `gas ${header.gasModel}; MEV ${header.mevBps} bp of swaps; fee haircut ${header.feeHaircutBps} bp`],
    ["data", `sha256 ${header.dataSha256.slice(0, 16)}`],
    ["config", `sha256 ${header.configSha256.slice(0, 16)}, seed ${header.seed}, rangekeeper ${header.codeVersion}`],
    ...header.models.map(
      (model) =>
        [
          "model",
          `${model.id} ${model.version} (${model.task}), sha256 ${model.sha256.replace(/^0x/, "").slice(0, 12)}, trained on ${model.trainedOn}${model.inSample ? ": IN-SAMPLE" : ""}`,
        ] as const,
    ),
  ];
}

/** The subject's own figures, label and text; what cannot be said is left blank. */
export function subjectFacts(report: BacktestReport): readonly (readonly [string, string])[] {
  const { metrics, decisions } = subjectOf(report);
  const unit = report.header.asset;
  const period = metrics.periodSeconds === 86_400 ? "day" : `${metrics.periodSeconds / 3600} h`;
  const { drawdown, worst } = metrics;
  const percent = (text: string, after = "") => (text ? `${text} %${after}` : "");
  const date = (seconds: number) => stamp(seconds).slice(0, 10);
  return [
    ["headline a year", percent(signed(metrics.headlinePerYear))],
    ["value a year", percent(signed(metrics.netPerYear))],
    ["fees, LVR, costs", `${share(metrics.fees, 3)}, ${share(metrics.lvr, 3)}, ${share(metrics.costs, 3)} %`],
    ["gas of fees", percent(share(metrics.gasOverFees, 1))],
    ["in range, deployed", `${share(metrics.timeInRange, 1)}, ${share(metrics.deployed, 1)} % of the time`],
    ["moves, decisions", `${metrics.moves}, ${decisions}`],
    ["mean hold", metrics.meanHoldSeconds === null ? "" : hours(metrics.meanHoldSeconds)],
    ["moves that paid", percent(share(metrics.winRate))],
    ["turnover", `${metrics.turnover.toFixed(2)} × capital, ${metrics.turnoverPerDay.toFixed(3)} a day`],
    [
      "worst drawdown",
      drawdown === null
        ? "none"
        : `${signed(-drawdown.depth)} %, ${date(drawdown.peakAt)} to ${date(drawdown.troughAt)}, ${drawdown.recoveredAt === null ? "not recovered" : `recovered ${date(drawdown.recoveredAt)}`}`,
    ],
    ["longest under water", drawdown === null ? "none" : hours(drawdown.underwaterSeconds)],
    [
      `CVaR 10 % a ${period}`,
      metrics.cvar10Headline === null
        ? ""
        : `headline ${signed(metrics.cvar10Headline, 3)} %, value ${signed(metrics.cvar10Net, 3)} %`,
    ],
    [`worst ${period}`, worst === null ? "" : `headline ${signed(worst.headline, 3)} %, ${date(worst.fromSeconds)}`],
    [
      `Sharpe a ${period}`,
      metrics.sharpeHeadline === null
        ? ""
        : `headline ${metrics.sharpeHeadline.toFixed(3)}, value ${metrics.sharpeNet?.toFixed(3) ?? ""}`,
    ],
    ["volatility a year", percent(share(metrics.volatilityPerYear, 1))],
    ["largest pool share", percent(share(metrics.largestPoolShare, 3))],
    ["left open", `${share(metrics.leftOpen, 1)} % of capital still in the pool, marked in ${unit}, not sold`],
  ];
}

/** One sentence on luck; null when it was not computed. */
export function luckSentence({ comparisons: { deflatedSharpe: found } }: BacktestReport): string | null {
  if (found === null) return null;
  return `Deflated Sharpe ratio: the headline's ratio of ${found.sharpe.toFixed(3)} beats the best of ${found.trials} lucky tries with probability ${found.probability.toFixed(3)}.`;
}

/** How the intervals were made. */
export const intervalNote = ({ comparisons: c }: BacktestReport): string =>
  `Per ${c.periodSeconds === 86_400 ? "day" : `${c.periodSeconds / 3600} h`}, ${(c.level * 100).toFixed(0)} % intervals of the stationary block bootstrap (${c.resamples} resamples, mean block ${c.meanBlock}); p of Wilcoxon's signed ranks, q after Benjamini–Hochberg over the ${c.rows.length} rows.`;

export type Knob = "capital" | "latencyBlocks" | "gasScale" | "feeHaircutBps" | "mevBps" | "seed";

/** The subject's cells that differ from its base run, the first cell, in these two knobs only. */
export function sweepMap<X extends Knob, Y extends Knob>({ sweep, subject }: BacktestReport, x: X, y: Y) {
  const own = sweep.filter(({ policy }) => policy === subject);
  const [base] = own;
  const others = (["capital", "latencyBlocks", "gasScale", "feeHaircutBps", "mevBps", "seed"] as const).filter(
    (knob) => knob !== x && knob !== y,
  );
  const cells: readonly ReportSweepCell[] = own.filter((cell) => others.every((knob) => cell[knob] === base?.[knob]));
  return { cells, x, y };
}

/** How often the 95 % intervals held that were stated of the next day. */
export const intervalWords = ({
  count,
  inside,
  meanHalfWidth,
}: NonNullable<NonNullable<BacktestReport["forecasts"]>["interval"]>): string =>
  `stated of the next day's price: ±${share(meanHalfWidth, 1)} % on average, it was inside on ${share(inside, 1)} % of ${count} (95 % meant, days overlap)`;
