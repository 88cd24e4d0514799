import type { BacktestReport, ReportBreakdown, ReportRun } from "../../../ml/backtest/reportSchema.ts";
import { figure, stamp } from "../figures.ts";
import { both, escapeHtml, STYLE, section, table } from "../page.ts";
import { cumulativeChart, drawdownChart, equityChart, priceChart, rangeTimeChart, widthChart } from "./charts.ts";
import { foldsChart, forecastChart, heatChart, policiesChart, waterfallChart } from "./chartsOutcome.ts";
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

const MORE_STYLE = `main{max-width:1260px}@media(min-width:1200px){.scroll table{font-size:13px}.scroll th,.scroll td{padding:5px}.scroll td:last-child{min-width:0}}
.danger{border-left-color:var(--bad)}.danger p.red{color:var(--bad);font-weight:600}.warn p+p{margin-top:6px}
dl.facts{display:grid;grid-template-columns:max-content 1fr;gap:2px 14px;margin:12px 0;font-size:14px}dl.facts dt{color:var(--muted)}dl.facts dd{margin:0;overflow-wrap:anywhere}
tr.subject td{font-weight:700;background:var(--wash)}tr.bound td{color:var(--muted);font-style:italic}.pair{display:grid;grid-template-columns:1fr 1fr;gap:0 32px}@media(max-width:640px){.pair{grid-template-columns:1fr}}
td:nth-child(2){white-space:nowrap}.cards{grid-template-columns:repeat(4,1fr)}@media(max-width:640px){.cards{grid-template-columns:1fr 1fr}}
details summary{cursor:pointer;color:var(--muted);margin:8px 0}`;
const MOVES_SHOWN = 300;

/** The report as one self-contained page: no script, no font, no request. */
export function renderHtml(report: BacktestReport): string {
  const subject = subjectOf(report);
  const title = `Backtest · ${subject.label} · ${report.header.market}`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>${escapeHtml(title)}</title><style>${STYLE}
${MORE_STYLE}</style></head><body><main>
<header><p class="brand">Rangekeeper backtest</p><h1>${escapeHtml(subject.label)} on ${escapeHtml(report.header.market)}</h1>
${definitions(facts(report))}</header>
${warnings(report)}
<section class="cards">${cards(report)}</section>
${sections(report).join("\n")}
</main></body></html>
`;
}

type Chart = (report: BacktestReport, width: number) => string;

/** Everything below the cards, in order; what a vault that was never in the pool does not have is left out. */
function sections(report: BacktestReport): string[] {
  const unit = escapeHtml(report.header.asset);
  const chart = (draw: Chart) => both((width) => draw(report, width));
  const placed = report.series.deployed.some((part) => part > 0);
  const ranking = `Ranked by fees − LVR − swap cost − MEV − gas. Money in ${unit}, the rest in per cent of the capital; net is the change of value.`;
  const band =
    report.moves.length > 0
      ? "The band spans what the vault holds; edges beyond the plot are drawn at its border."
      : "Nothing was ever moved.";
  const alternatives =
    "100 at the start. Alternatives start with the same money at the same time and are marked at the same price.";
  const luck = escapeHtml([luckSentence(report), intervalNote(report)].filter(Boolean).join(" "));
  const volatility =
    "Volatility: terciles of the variance of the last 24 hours within this run. Per cent of the capital.";
  const width = "Half of a range, per cent of price: ±10 % is from P/1.1 to 1.1 P.";
  return [
    section("Every policy on the same market", policies(report) + chart(policiesChart), ranking),
    section("Where the money came from and went", (placed ? chart(waterfallChart) : "") + waterfallLine(report)),
    section("Price, range and moves", chart(priceChart), band),
    section("Value against the alternatives", chart(equityChart), alternatives),
    section("Drawdown", chart(drawdownChart)),
    placed ? section("Fees, losses and costs as they came", chart(cumulativeChart), `Running sums in ${unit}.`) : "",
    placed ? section("Time in range and value in the pool", chart(rangeTimeChart)) : "",
    placed ? section("Width", chart(widthChart), width) : "",
    section(
      "Figures",
      `<div class="pair">${halves(subjectFacts(report)).map(definitions).join("")}</div>`,
      "Blank where the run is too short to say it.",
    ),
    section("Ahead of others", comparisons(report), luck),
    section("By volatility, week and weekday", breakdowns(report), volatility),
    report.forecasts ? section("Predicted against realised", forecasts(report)) : "",
    walkForward(report),
    sweepSection(report),
    section("Decisions", reasons(subjectOf(report))),
    section("Moves", moves(report)),
  ];
}

/** A loss is red and has its minus. */
const tone = (text: string) => (text.startsWith("-") ? `<span class="bad">${text}</span>` : text);
const definitions = (rows: readonly (readonly [string, string])[]) =>
  `<dl class="facts">${rows.map(([label, text]) => `<dt>${escapeHtml(label)}</dt><dd>${escapeHtml(text)}</dd>`).join("")}</dl>`;
const halves = <T>(rows: readonly T[]): T[][] => {
  const middle = Math.ceil(rows.length / 2);
  return [rows.slice(0, middle), rows.slice(middle)];
};

function warnings({ warnings: all }: BacktestReport): string {
  if (all.length === 0) return "";
  const danger = all.some(({ severity }) => severity === "danger");
  const lines = all.map(
    ({ severity, text }) => `<p${severity === "danger" ? ' class="red"' : ""}>${escapeHtml(text)}</p>`,
  );
  return `<div class="warn${danger ? " danger" : ""}">${lines.join("")}</div>`;
}

function cards(report: BacktestReport): string {
  const { metrics, waterfall } = subjectOf(report);
  const { versus, drawdown } = metrics;
  const card = (value: string, label: string, loss = false) =>
    `<div class="card"><b class="${loss ? "bad" : ""}">${value}</b><span>${escapeHtml(label)}</span></div>`;
  const percent = (fraction: number | null, label: string) =>
    card(fraction === null ? "n/a" : `${signed(fraction)} %`, label, (fraction ?? 0) < 0);
  return [
    card(
      `${figure(waterfall.headline)} ${escapeHtml(report.header.asset)}`,
      "headline: fees − LVR − costs",
      waterfall.headline < 0,
    ),
    percent(metrics.headline, "headline of capital"),
    percent(metrics.net, "change of value"),
    percent(versus.hodl, "net against HODL"),
    percent(versus.fullRange, "net against full range"),
    percent(drawdown ? -drawdown.depth : 0, "worst drawdown"),
    card(`${share(metrics.timeInRange)} %`, "time in range"),
    card(String(metrics.moves), "moves"),
  ].join("");
}

function policies(report: BacktestReport): string {
  const { competitors, bounds } = ranked(report);
  const cells = (run: ReportRun, place: string) => {
    const { metrics: m, waterfall } = run;
    const { versus: v } = m;
    return [
      ...[place, escapeHtml(run.label), tone(figure(waterfall.headline)), tone(signed(m.headline, 3))],
      ...[share(m.fees, 2), share(m.lvr, 2), share(m.costs, 2), tone(signed(m.net))],
      ...[v.hodl, v.fiftyFifty, v.assetOnly, v.fullRange].map((value) => tone(signed(value))),
      ...[m.drawdown ? tone(signed(-m.drawdown.depth)) : "0.00", tone(signed(m.cvar10Headline))],
      ...[String(m.moves), share(m.timeInRange), m.turnover.toFixed(1)],
    ];
  };
  const head = [
    ...["", "policy", "headline", "%", "fees", "LVR", "costs", "net"],
    ...["− HODL", "− 50/50", `− ${escapeHtml(report.header.asset)}`, "− full range"],
    ...["drawdown", "CVaR 10 %", "moves", "in range", "turnover"],
  ];
  const rows = [
    ...competitors.map((run, index) => ({
      run,
      place: String(index + 1),
      kind: run.id === report.subject ? "subject" : "",
    })),
    ...bounds.map((run) => ({ run, place: "bound", kind: "bound" })),
  ];
  const numeric = head.map((_, index) => index).filter((index) => index >= 2);
  return classed(
    table(
      head,
      rows.map(({ run, place }) => cells(run, place)),
      numeric,
    ),
    rows.map(({ kind }) => kind),
  );
}

/** Gives the body rows of a table their classes. */
function classed(html: string, kinds: readonly string[]): string {
  const [before = "", body = ""] = html.split("<tbody>");
  let index = 0;
  return `${before}<tbody>${body.replaceAll("<tr>", () => (kinds[index++] ? `<tr class="${kinds[index - 1]}">` : "<tr>"))}`;
}

function waterfallLine(report: BacktestReport): string {
  const { waterfall: w } = subjectOf(report);
  const part = (value: number, name: string) => `${value < 0 ? "−" : "+"} ${figure(Math.abs(value))} ${name}`;
  const parts = [
    ...[part(w.fees, "fees"), part(-w.lvr, "LVR"), part(-w.swapCost, "swap cost"), part(-w.mev, "MEV")],
    ...[part(-w.gas, "gas"), part(w.exposure, "exposure")],
  ];
  const closes = Math.abs(w.residual) <= 1e-9 * w.start;
  return `<p class="muted">${figure(w.start)} start ${parts.join(" ")} = ${figure(w.final)} ${escapeHtml(report.header.asset)}; the identity <span class="${closes ? "good" : "bad"}">${closes ? "closes" : "does not close"}</span>, residual ${(w.residual / w.start).toExponential(1)} of the start. Exposure is what the other token held gained by price alone: no skill, and a hedge removes it.</p>`;
}

const bp = (fraction: number) => tone((fraction * 1e4).toFixed(2));

const comparisons = ({ comparisons: { rows } }: BacktestReport) =>
  table(
    ["against", "by", "total %", "mean bp", "low", "high", "p", "q"],
    rows.map((row) => [
      ...[escapeHtml(row.against), row.measure, tone(signed(row.total, 3)), bp(row.mean), bp(row.low), bp(row.high)],
      ...[row.p.toFixed(4), row.q.toFixed(4)],
    ]),
    [2, 3, 4, 5, 6, 7],
    "Too short a run for intervals.",
  );

function breakdowns({ breakdowns: { volatility, weeks, weekdays } }: BacktestReport): string {
  const row = (one: ReportBreakdown) => [
    ...[escapeHtml(one.name), one.hours.toFixed(0), tone(signed(one.headline, 3)), share(one.fees, 3)],
    ...[share(one.lvr, 3), tone(signed(one.net)), share(one.inRange)],
  ];
  return table(
    ["", "hours", "headline", "fees", "LVR", "value", "in range"],
    [...volatility, ...weeks, ...weekdays].map(row),
    [1, 2, 3, 4, 5, 6],
  );
}

function forecasts(report: BacktestReport): string {
  const { forecasts: found } = report;
  if (found === null) return "";
  const { pairs, meanAbsoluteErrorBps: error, biasBps: bias, variance, interval } = found;
  const lines = [
    error === null || bias === null
      ? "No position was held untouched for a whole horizon."
      : `${pairs.length} holdings kept for a whole horizon: mean absolute error ${error.toFixed(2)} bp, bias ${bias.toFixed(2)} bp (predicted − realised). Horizons overlap.`,
    variance
      ? `Variance of the next day: ${variance.count} forecasts, QLIKE ${variance.qlike.toFixed(3)}, ${share(variance.within80, 1)} % of outcomes between the 10 % and 90 % quantiles.`
      : "",
    interval ? `${intervalWords(interval).replace(/^s/, "S")}.` : "",
  ];
  const chart = pairs.length > 0 ? both((width) => forecastChart(report, width)) : "";
  return `<p class="muted">${lines.filter(Boolean).join(" ")}</p>${chart}`;
}

function walkForward({ walkForward: all }: BacktestReport): string {
  const families = [...new Set(all.map(({ family }) => family))];
  if (families.length === 0) return "";
  const parts = families.map((family) => {
    const folds = all.filter((fold) => fold.family === family);
    const total = folds.reduce((sum, fold) => sum + fold.testHeadline, 0);
    const rows = folds.map((fold) => [
      ...[stamp(fold.testFromSeconds), hours(fold.testToSeconds - fold.testFromSeconds), escapeHtml(fold.chosen)],
      ...[String(fold.candidates.length), tone(signed(fold.trainHeadline, 3)), tone(signed(fold.testHeadline, 3))],
    ]);
    const head = ["test from", "for", "chosen", "of", "train %", "test %"];
    const title = `<p><b>${escapeHtml(family)}</b>: out of sample in all ${tone(signed(total, 3))} %</p>`;
    return title + both((width) => foldsChart(folds, width)) + table(head, rows, [1, 3, 4, 5]);
  });
  const note = "Each window's policy was the best of its family on the training days; only the test days count.";
  return section("Walk-forward: in and out of sample", parts.join(""), note);
}

/** Two maps of the subject's cells around its base run; a map is drawn where one of its knobs was turned. */
function sweepSection(report: BacktestReport): string {
  const maps = [sweepMap(report, "latencyBlocks", "capital"), sweepMap(report, "gasScale", "feeHaircutBps")].filter(
    ({ cells }) => cells.length > 1,
  );
  if (maps.length === 0) return "";
  const drawn = maps.map(({ cells, x, y }) => both((width) => heatChart(cells, x, y, width)));
  const note =
    "Headline in per cent of the capital; the knobs that a map does not show are as in the run above. sweep.csv has every cell.";
  return section("Sweep", drawn.join(""), note);
}

const reasons = ({ decisions, metrics, reasons: all }: ReportRun) =>
  `<p class="muted">${decisions} decisions, ${metrics.moves} moves, by what was answered:</p>${table(
    ["reason", "times"],
    Object.entries(all)
      .sort((a, b) => b[1] - a[1])
      .map(([reason, count]) => [escapeHtml(reason), String(count)]),
    [1],
  )}`;

function moves(report: BacktestReport): string {
  const { moves: all } = report;
  const shown = all.slice(0, MOVES_SHOWN);
  const body = table(
    ["time (UTC)", "what", "range", "price", "swapped", "cost", "earned until next", "pool share", "reason"],
    shown.map((move) => [
      ...[stamp(move.actedAt), move.kind === "move" ? "move" : "to idle"],
      move.bands.map(({ lower, upper }) => `${figure(lower)} – ${figure(upper)}`).join("<br>") || "–",
      ...[figure(move.price), figure(move.swapped), figure(move.cost)],
      move.earned === null ? "" : tone(figure(move.earned)),
      `${share(move.poolShare, 3)} %`,
      escapeHtml(move.reason),
    ]),
    [3, 4, 5, 6, 7],
    "None: nothing was worth its cost, or the policy never moves.",
  );
  if (all.length === 0) return body;
  const rest = all.length > MOVES_SHOWN ? `; the first ${MOVES_SHOWN} are here, trades.csv has all` : "";
  return `<details${all.length <= 20 ? " open" : ""}><summary>${all.length} moves${rest}</summary>${body}</details>`;
}
