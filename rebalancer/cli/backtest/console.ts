import colour from "picocolors";
import type { BacktestReport, ReportBreakdown, ReportRun } from "../../../ml/backtest/reportSchema.ts";
import { heading } from "../columns.ts";
import { figure, stamp } from "../figures.ts";
import { TERMINAL_COLUMNS, wrap } from "../wrap.ts";
import {
  facts,
  hours,
  intervalNote,
  intervalWords,
  luckSentence,
  ranked,
  share,
  signed,
  subjectFacts,
  subjectOf,
  sweepMap,
} from "./words.ts";

const MOVES_SHOWN = 8;
const LABEL = 24;

/** The report as text for an 80-column terminal. */
export function renderConsole(report: BacktestReport): string {
  const subject = subjectOf(report);
  const sections = [
    heading(`Backtest of ${subject.label} · ${report.header.market}`),
    ...facts(report).map(([label, text]) => `  ${label.padEnd(7)}${wrap(text, 9)}`),
    ...warnings(report),
    heading(`Headline: fees - LVR - swap cost - MEV - gas (${report.header.asset}, % of capital)`),
    headlines(report),
    heading(`${subject.label}: where the money came from and went`),
    waterfallLine(report),
    heading(`${subject.label}: net against the alternatives`),
    alternatives(report),
    heading(`${subject.label}: figures`),
    ...subjectFacts(report).map(([label, text]) => `  ${label.padEnd(22)}${wrap(text, 24)}`.trimEnd()),
    ...comparisons(report),
    heading(`${subject.label}: by volatility of the last 24 h, week and weekday (%)`),
    breakdowns(report),
    ...forecasts(report),
    heading(`${subject.label}: decisions`),
    reasons(subject),
    heading(`${subject.label}: moves`),
    moves(report),
    ...walkForward(report),
    ...sweep(report),
  ];
  return `${sections.join("\n")}\n`;
}

/** Pads to a width, right for numbers; a loss is red. */
const cell = (text: string, width: number) => {
  const padded = text.padStart(width);
  return text.startsWith("-") ? colour.red(padded) : padded;
};
const cells = (label: string, values: readonly (readonly [string, number])[]) =>
  `${label.slice(0, LABEL).padEnd(LABEL)}${values.map(([text, width]) => ` ${cell(text, width)}`).join("")}`.trimEnd();

/** An amount in at most nine characters. */
function amount(value: number): string {
  const text = figure(value);
  return text.length <= 9 ? text : Number(value.toPrecision(3)).toExponential(1);
}

function warnings({ warnings: all }: BacktestReport): string[] {
  if (all.length === 0) return [];
  const rule = "─".repeat(TERMINAL_COLUMNS - 10);
  return [
    `\n${colour.yellow(`┌ WARN ──${rule}`)}`,
    ...all.map(({ severity, text }) => {
      const paint = severity === "danger" ? colour.red : (line: string) => line;
      const bar = colour.yellow("│");
      return wrap(text, 4)
        .split("\n")
        .map(
          (line, index) =>
            `${bar} ${paint(`${index === 0 ? (severity === "danger" ? "! " : "· ") : "  "}${line.trim()}`)}`,
        )
        .join("\n");
    }),
    colour.yellow(`└${"─".repeat(TERMINAL_COLUMNS - 3)}`),
  ];
}

function headlines(report: BacktestReport): string {
  const { competitors, bounds } = ranked(report);
  const row = (run: ReportRun) => {
    const { metrics, waterfall } = run;
    const line = cells(run.label, [
      [amount(waterfall.headline), 9],
      [signed(metrics.headline, 3), 8],
      [share(metrics.fees, 2), 7],
      [share(metrics.lvr, 2), 7],
      [share(metrics.costs, 2), 6],
      [String(metrics.moves), 5],
      [share(metrics.timeInRange), 4],
    ]);
    return run.id === report.subject ? colour.bold(line) : line;
  };
  const head = cells("", [
    ["headline", 9],
    ["%", 8],
    ["fees", 7],
    ["LVR", 7],
    ["costs", 6],
    ["moves", 5],
    ["in %", 4],
  ]);
  const lines = [colour.dim(head), ...competitors.map(row)];
  if (bounds.length > 0) lines.push(colour.dim("bound, knows the future, not a competitor:"), ...bounds.map(row));
  return lines.join("\n");
}

function waterfallLine(report: BacktestReport): string {
  const { waterfall: w } = subjectOf(report);
  const part = (value: number, name: string) => `${value < 0 ? "-" : "+"} ${amount(Math.abs(value))} ${name}`;
  const sum = [
    `${amount(w.start)} start`,
    part(w.fees, "fees"),
    part(-w.lvr, "LVR"),
    part(-w.swapCost, "swap cost"),
    part(-w.mev, "MEV"),
    part(-w.gas, "gas"),
    part(w.exposure, "exposure"),
  ].join(" ");
  const closes = Math.abs(w.residual) <= 1e-9 * w.start;
  const verdict = closes ? colour.green("closes") : colour.red("does NOT close");
  return [
    `  ${wrap(`${sum} = ${amount(w.final)} ${report.header.asset}`, 2)}`,
    `  identity ${verdict}: residual ${(w.residual / w.start).toExponential(1)} of the start (limit 1e-9)`,
    `  ${wrap("exposure is what the other token held gained by its price alone: no skill, and a hedge removes it", 2)}`,
  ].join("\n");
}

function alternatives(report: BacktestReport): string {
  const { metrics } = subjectOf(report);
  const row = (label: string, ahead: number | null) =>
    cells(`  ${label}`, [
      [ahead === null ? "" : signed(metrics.net - ahead, 3), 10],
      [signed(ahead, 3), 12],
    ]);
  const { hodl, fiftyFifty, assetOnly, fullRange } = metrics.versus;
  return [
    colour.dim(
      cells("", [
        ["return %", 10],
        ["ahead by %", 12],
      ]),
    ),
    cells("  this vault", [[signed(metrics.net, 3), 10]]),
    row("HODL (both tokens)", hodl),
    row("50/50 rebalanced", fiftyFifty),
    row(`${report.header.asset} only`, assetOnly),
    row("full range", fullRange),
  ].join("\n");
}

/** The alternatives and the best baseline of each family; all of them are in report.json and on the page. */
function comparisons(report: BacktestReport): string[] {
  const { rows } = report.comparisons;
  const title = heading(`${subjectOf(report).label}: ahead of others`);
  if (rows.length === 0) return [title, "  too short a run for intervals"];
  const families = new Set<string>();
  const bestOfFamily = ranked(report).competitors.flatMap(({ id, family, label }) => {
    if (id === report.subject || families.has(family)) return [];
    families.add(family);
    return [label];
  });
  const shown = rows.filter(({ measure, against }) => measure === "net" || bestOfFamily.includes(against));
  const against = rows.filter(({ measure }) => measure === "headline");
  const ahead = against.filter(({ mean }) => mean > 0).length;
  const sure = against.filter(({ mean, q }) => mean > 0 && q < 0.05).length;
  const behind = against.filter(({ mean, q }) => mean < 0 && q < 0.05).length;
  const bp = (fraction: number) => (fraction * 1e4).toFixed(2);
  const luck = luckSentence(report);
  return [
    title,
    colour.dim(
      cells("", [
        ["by", 8],
        ["total %", 8],
        ["mean bp", 8],
        ["interval bp", 17],
        ["q", 6],
      ]),
    ),
    ...shown.map((row) =>
      cells(row.against, [
        [row.measure, 8],
        [signed(row.total, 3), 8],
        [bp(row.mean), 8],
        [`${bp(row.low)} … ${bp(row.high)}`, 17],
        [row.q.toFixed(3), 6],
      ]),
    ),
    `  ${wrap(`Headline ahead of ${ahead} of ${against.length} baselines, of ${sure} with q < 5 %; behind ${behind} with q < 5 %.`, 2)}`,
    ...(luck ? [`  ${wrap(luck, 2)}`] : []),
    `  ${wrap(intervalNote(report), 2)}`,
  ];
}

function breakdowns({ breakdowns: { volatility, weeks, weekdays } }: BacktestReport): string {
  const head = colour.dim(
    cells("", [
      ["hours", 7],
      ["headline", 9],
      ["fees", 8],
      ["LVR", 8],
      ["value", 8],
      ["in %", 5],
    ]),
  );
  const row = (one: ReportBreakdown) =>
    cells(`  ${one.name}`, [
      [one.hours.toFixed(0), 7],
      [signed(one.headline, 3), 9],
      [share(one.fees, 3), 8],
      [share(one.lvr, 3), 8],
      [signed(one.net, 2), 8],
      [share(one.inRange), 5],
    ]);
  return [head, ...[...volatility, ...weeks, ...weekdays].map(row)].join("\n");
}

function forecasts(report: BacktestReport): string[] {
  const { forecasts: found } = report;
  if (found === null) return [];
  const { pairs, meanAbsoluteErrorBps: error, biasBps: bias, calibration, variance, interval } = found;
  const lines = [heading(`${subjectOf(report).label}: predicted against realised`)];
  if (error === null || bias === null) lines.push("  no position was held untouched for a whole horizon");
  else
    lines.push(
      `  ${wrap(`fees - LVR of ${pairs.length} holdings: mean absolute error ${error.toFixed(2)} bp, bias ${bias >= 0 ? "+" : ""}${bias.toFixed(2)} bp (predicted - realised)`, 2)}`,
      ...calibration.map(
        (bin) =>
          `  predicted ${bin.predicted.toFixed(2).padStart(8)} bp  realised ${bin.realised.toFixed(2).padStart(8)} bp  (${bin.count})`,
      ),
    );
  if (variance)
    lines.push(
      `  ${wrap(`variance of the next day: ${variance.count} forecasts, QLIKE ${variance.qlike.toFixed(3)}, ${share(variance.within80, 1)} % between the 10 % and 90 % quantiles`, 2)}`,
    );
  if (interval) lines.push(`  ${wrap(intervalWords(interval), 2)}`);
  return lines;
}

function reasons({ reasons: all, decisions, metrics }: ReportRun): string {
  const sorted = Object.entries(all).sort((a, b) => b[1] - a[1]);
  const held = sorted.map(([reason, count]) => `  ${String(count).padStart(6)}  ${wrap(reason, 10)}`);
  return [`  ${decisions} decisions, ${metrics.moves} moves; by what was answered:`, ...held].join("\n");
}

function moves({ moves: all }: BacktestReport): string {
  if (all.length === 0) return "  none";
  const rows = all.slice(-MOVES_SHOWN).map((move) => {
    const bands = move.bands.map(({ lower, upper }) => `${amount(lower)}–${amount(upper)}`);
    const what = move.kind === "idle" ? "to idle" : `${bands[0]}${bands.length > 1 ? ` +${bands.length - 1}` : ""}`;
    const outcome = move.earned === null ? "" : amount(move.earned);
    return `  ${stamp(move.actedAt).slice(5)} ${what.padEnd(22)} ${cell(outcome, 9)} ${cell(amount(move.cost), 9)}  ${wrap(move.reason.slice(0, 23), 57)}`.trimEnd();
  });
  const head = colour.dim(
    `  ${"time".padEnd(11)} ${"range".padEnd(22)} ${"earned".padStart(9)} ${"cost".padStart(9)}  why`,
  );
  const rest = all.length > MOVES_SHOWN ? [`  the last ${MOVES_SHOWN} of ${all.length}; trades.csv has them all`] : [];
  return [head, ...rows, ...rest].join("\n");
}

function walkForward({ walkForward: folds }: BacktestReport): string[] {
  if (folds.length === 0) return [];
  const head = colour.dim(
    cells("chosen on train", [
      ["test from", 11],
      ["test for", 10],
      ["train %", 9],
      ["test %", 9],
    ]),
  );
  const rows = folds.map((fold) =>
    cells(fold.chosen, [
      [stamp(fold.testFromSeconds).slice(0, 10), 11],
      [hours(fold.testToSeconds - fold.testFromSeconds), 10],
      [signed(fold.trainHeadline, 3), 9],
      [signed(fold.testHeadline, 3), 9],
    ]),
  );
  const totals = [...new Set(folds.map((fold) => fold.family))].map((family) => {
    const total = folds.reduce((sum, fold) => sum + (fold.family === family ? fold.testHeadline : 0), 0);
    return `  ${family}: out of sample in all ${signed(total, 3)} %`;
  });
  return [heading("Walk-forward: headline in and out of sample"), head, ...rows, ...totals];
}

/** The subject's headline by capital and latency, and by gas price and fee haircut. */
function sweep(report: BacktestReport): string[] {
  const grid = (x: "latencyBlocks" | "gasScale", y: "capital" | "feeHaircutBps", xName: string, yName: string) => {
    const { cells: found } = sweepMap(report, x, y);
    if (found.length < 2) return [];
    const values = (knob: typeof x | typeof y) => [...new Set(found.map((cell) => cell[knob]))].sort((a, b) => a - b);
    const columns = values(x).slice(0, 5);
    return [
      colour.dim(
        cells(
          yName,
          columns.map((value) => [`${xName} ${value}`, 10] as const),
        ),
      ),
      ...values(y).map((row) =>
        cells(
          `  ${figure(row).replace(/\.00$/, "")}`,
          columns.map((column) => {
            const cell = found.find((one) => one[x] === column && one[y] === row);
            return [signed(cell?.headline ?? null, 3), 10] as const;
          }),
        ),
      ),
    ];
  };
  const lines = [
    ...grid("latencyBlocks", "capital", "blocks", `capital, ${report.header.asset}`),
    ...grid("gasScale", "feeHaircutBps", "gas ×", "fee haircut, bp"),
  ];
  return lines.length > 0 ? [heading(`Sweep of ${subjectOf(report).label}: headline %`), ...lines] : [];
}
