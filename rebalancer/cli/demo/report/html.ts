import type * as echarts from "echarts";
import { draw, frame, timeAxis } from "../../chart.ts";
import { figure, percent, stamp } from "../../figures.ts";
import { both, escapeHtml, STYLE, section, table } from "../../page.ts";
import type { Report } from "./report.ts";

/** The report as one self-contained page: no script, no font, no request. */
export function renderHtml(report: Report): string {
  const title = `Rangekeeper · ${report.market.name}`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>${escapeHtml(title)}</title><style>${STYLE}</style></head><body><main>
<header><p class="brand">Rangekeeper</p><h1>${escapeHtml(report.market.name)}</h1>
<p class="muted">${stamp(report.market.from)} – ${stamp(report.market.to)} UTC · ${report.market.kind} market · ${report.market.swaps} swaps in ${report.market.blocks} blocks · fee ${report.market.feePips / 10_000} %${report.market.seed === null ? "" : ` · seed ${report.market.seed}`}</p></header>
${warnings(report)}
<section class="cards">${cards(report)}</section>
${section(
  "Price, range and moves",
  both((width) => priceChart(report, width)),
  "The band is the range the vault holds; gaps are times it stood aside. Markers: ▲ move, ▼ to idle.",
)}
${section(
  "Vault against the alternatives",
  both((width) => equityChart(report, width)),
  "The vault's time-weighted value and the same money in each alternative, 100 when the vault opened. Alternatives start in proportion and pay no entry cost.",
)}
${section(
  "Where the money came from and went",
  both((width) => waterfallChart(report, width)),
  `In ${escapeHtml(report.asset.symbol)}. fees − LVR − swap cost − gas is the part that skill can change; market is what the tokens held did by price alone.`,
)}
${section("Predicted against realised", forecastsTable(report), "Means over the ranges held or chosen whose 24 hours have passed, in basis points of the position.")}
${section("Moves", movesTable(report))}
${section("Decisions that moved nothing", refusalsTable(report))}
${section("Depositors", depositorsTable(report))}
${section("Every unit accounted for", conservationTable(report))}
${section("Models", modelsTable(report))}
${section("Checks", checksTable(report))}
</main></body></html>
`;
}

function warnings(report: Report): string {
  const lines = [...report.market.notes];
  const inSample = report.models.filter((model) => model.inSample).map((model) => model.id);
  if (inSample.length > 0)
    lines.push(
      `In-sample: this market's days overlap the training days of ${inSample.join(", ")}. Its returns are not evidence.`,
    );
  if (report.replay?.reconstructed)
    lines.push(
      "No starting state exists for this market: its liquidity was reconstructed from what the events reveal.",
    );
  const failed = report.checks.filter((check) => !check.ok);
  if (failed.length > 0) lines.push(`${failed.length} checks failed: ${failed.map((check) => check.name).join(", ")}.`);
  return lines.length === 0
    ? ""
    : `<div class="warn">${lines.map((line) => `<p>${escapeHtml(line)}</p>`).join("")}</div>`;
}

function cards(report: Report): string {
  const { result, asset } = report;
  const hold = result.benchmarks[0];
  const card = (value: string, label: string, tone = "") =>
    `<div class="card"><b class="${tone}">${value}</b><span>${label}</span></div>`;
  const tone = (value: number) => (value >= 0 ? "good" : "bad");
  return [
    card(`${figure(result.net)} ${escapeHtml(asset.symbol)}`, "fees − LVR − costs", tone(result.net)),
    card(
      hold ? percent(result.vaultReturn - hold.return) : "n/a",
      `net against ${escapeHtml(hold?.name ?? "")}`,
      hold ? tone(result.vaultReturn - hold.return) : "",
    ),
    card(
      percent(result.vaultReturn),
      `return; one share ${percent(result.sharePriceReturn)} with the entry margins of those who came later`,
      tone(result.vaultReturn),
    ),
    card(String(report.moves.length), `moves in ${report.decisions.total} decisions`),
    card(
      `${(result.timeInRange * 100).toFixed(0)} %`,
      `time in range (deployed ${(result.timeDeployed * 100).toFixed(0)} %)`,
    ),
    report.replay
      ? card(
          `${report.replay.exact}/${report.replay.swaps}`,
          "recorded swaps reproduced exactly",
          report.replay.exact === report.replay.swaps ? "good" : "",
        )
      : "",
  ].join("");
}

const at = (report: Report, index: number) => (report.series.at[index] ?? 0) * 1000;

function priceChart(report: Report, width: number): string {
  const { series } = report;
  const line = (values: readonly (number | null)[]) => values.map((value, index) => [at(report, index), value]);
  const marker = (kind: "move" | "stand-aside", rotate: number, fill: string) => ({
    name: kind === "move" ? "move" : "to idle",
    type: "scatter" as const,
    symbol: "triangle",
    symbolRotate: rotate,
    symbolSize: 11,
    itemStyle: { color: fill },
    data: report.moves.filter((move) => move.kind === kind).map((move) => [move.at * 1000, move.price]),
  });
  const edge = (name: string, values: readonly (number | null)[]) => ({
    name,
    type: "line" as const,
    step: "end" as const,
    showSymbol: false,
    connectNulls: false,
    lineStyle: { color: "#7aa7d9", width: 1.5, type: "dashed" as const },
    itemStyle: { color: "#7aa7d9" },
    data: line(values),
  });
  return draw(width, width > 600 ? 360 : 320, {
    ...frame(width),
    xAxis: timeAxis(width),
    yAxis: { type: "value", scale: true, axisLabel: { formatter: (value: number) => figure(value) } },
    series: [
      {
        name: `price (${report.asset.symbol} per ${report.other.symbol})`,
        type: "line",
        showSymbol: false,
        lineStyle: { color: "#16202c", width: 1.3 },
        itemStyle: { color: "#16202c" },
        data: line(series.price),
      },
      edge("range, lower", series.lower),
      edge("range, upper", series.upper),
      marker("move", 0, "#0a7f4f"),
      marker("stand-aside", 180, "#b3261e"),
    ],
  });
}

function equityChart(report: Report, width: number): string {
  const colours = ["#c77700", "#7b5ea7", "#4c8f6b", "#a14d63", "#5b6878"];
  const line = (name: string, values: readonly number[], colour: string, weight: number) => ({
    name,
    type: "line" as const,
    showSymbol: false,
    lineStyle: { color: colour, width: weight },
    itemStyle: { color: colour },
    data: values.map((value, index) => [at(report, index), value]),
  });
  return draw(width, width > 600 ? 320 : 300, {
    ...frame(width),
    xAxis: timeAxis(width),
    yAxis: { type: "value", scale: true, axisLabel: { formatter: (value: number) => value.toFixed(1) } },
    series: [
      ...Object.entries(report.series.benchmarks).map(([name, values], index) =>
        line(name, values, colours[index % colours.length] ?? "#888", 1.2),
      ),
      line("Rangekeeper vault", report.series.vault, "#0b57d0", 2.4),
    ],
  });
}

function waterfallChart(report: Report, width: number): string {
  const { result } = report;
  const steps: [string, number][] = [
    ["fees", result.fees],
    ["LVR", -result.lvr],
    ["swap cost", -result.swapCost],
    ["gas", -result.gas],
  ];
  const labels = [...steps.map(([name]) => name), "net"];
  const bars: { base: number; height: number; value: number }[] = [];
  let level = 0;
  for (const [, change] of steps) {
    bars.push({ base: Math.min(level, level + change), height: Math.abs(change), value: change });
    level += change;
  }
  bars.push({ base: Math.min(0, level), height: Math.abs(level), value: level });
  // A stacked bar cannot float across zero, so each bar is drawn as its own rectangle.
  return draw(width, width > 600 ? 300 : 280, {
    grid: { left: width > 600 ? 80 : 64, right: 16, top: 24, bottom: 32 },
    xAxis: { type: "category", data: labels },
    yAxis: { type: "value", axisLabel: { formatter: (value: number) => figure(value) } },
    series: [
      {
        type: "custom",
        renderItem: (_params: echarts.CustomSeriesRenderItemParams, api: echarts.CustomSeriesRenderItemAPI) => {
          const index = Number(api.value(0));
          const from = api.coord([index, api.value(1)]);
          const to = api.coord([index, Number(api.value(1)) + Number(api.value(2))]);
          const size = (api.size?.([1, 0]) as number[] | undefined)?.[0] ?? 40;
          const value = Number(api.value(3));
          const fill = index === bars.length - 1 ? "#0b57d0" : value >= 0 ? "#0a7f4f" : "#b3261e";
          const [x = 0, bottom = 0] = from ?? [];
          const top = to?.[1] ?? 0;
          return {
            type: "group",
            children: [
              {
                type: "rect",
                shape: { x: x - size * 0.3, y: top, width: size * 0.6, height: Math.max(1, bottom - top) },
                style: { fill },
              },
              {
                type: "text",
                style: {
                  text: figure(value),
                  x,
                  y: top - 4,
                  textAlign: "center",
                  textVerticalAlign: "bottom",
                  fontSize: 12,
                  fill: "#16202c",
                },
              },
            ],
          };
        },
        encode: { x: 0, y: [1, 2] },
        data: bars.map((bar, index) => [index, bar.base, bar.height, bar.value]),
      },
    ],
  });
}

const forecastsTable = ({ forecasts: { settled, fees, lvr } }: Report) =>
  table(
    ["", "forecasts", "predicted", "realised"],
    settled === 0
      ? []
      : [
          ["fees", String(settled), `${fees.predicted.toFixed(1)} bp`, `${fees.realised.toFixed(1)} bp`],
          ["LVR", String(settled), `${lvr.predicted.toFixed(1)} bp`, `${lvr.realised.toFixed(1)} bp`],
        ],
    [1, 2, 3],
    "No forecast has come to its horizon yet.",
  );

const movesTable = (report: Report) =>
  table(
    ["time (UTC)", "what", "range", "predicted edge", "measured cost", "gas", "reason", "transaction"],
    report.moves.map((move) => [
      stamp(move.at),
      move.kind === "move" ? "move" : "to idle",
      move.lower === null ? "–" : `${figure(move.lower)} – ${figure(move.upper ?? 0)}`,
      `${move.predictedEdgeBps.toFixed(1)} bp`,
      `${move.measuredLossBps.toFixed(2)} bp`,
      move.gasUsed.toLocaleString("en-US"),
      escapeHtml(move.reason),
      `<details><summary><code>${escapeHtml(move.transaction.slice(0, 10))}…</code></summary>${move.events.map((event) => `<p><code>${escapeHtml(event)}</code></p>`).join("")}</details>`,
    ]),
    [3, 4, 5],
    "No move: nothing on offer paid for its risk and cost, and the vault stood aside.",
  );

const refusalsTable = (report: Report) =>
  table(
    ["where", "times", "reason", "for example"],
    report.refusals.map((refusal) => [
      refusal.where,
      String(refusal.count),
      escapeHtml(refusal.reason),
      escapeHtml(refusal.example),
    ]),
    [1],
  );

const depositorsTable = (report: Report) =>
  table(
    [
      "",
      `paid in (${escapeHtml(report.asset.symbol)})`,
      `out, ${escapeHtml(report.asset.symbol)}`,
      `out, ${escapeHtml(report.other.symbol)}`,
      "out, valued at exit",
      "gain or loss",
      "story",
    ],
    report.depositors.map((d) => [
      escapeHtml(d.name),
      figure(d.paidIn),
      figure(d.paidOutAsset),
      figure(d.paidOutOther),
      figure(d.paidOutValue),
      `<span class="${d.paidOutValue >= d.paidIn ? "good" : "bad"}">${figure(d.paidOutValue - d.paidIn)}</span>`,
      escapeHtml(d.story.join("; ")),
    ]),
    [1, 2, 3, 4, 5],
  );

const conservationTable = (report: Report) =>
  table(
    ["token", "depositors in", "pool to vault", "vault to pool", "depositors out", "left in vault", "difference"],
    report.conservation.map((row) => [
      escapeHtml(row.token),
      row.depositorsIn,
      row.poolToVault,
      row.vaultToPool,
      row.depositorsOut,
      row.leftInVault,
      row.difference,
    ]),
    [1, 2, 3, 4, 5, 6],
  );

const modelsTable = (report: Report) =>
  table(
    ["model", "task", "trained on", "this market", "sha256"],
    report.models.map((model) => [
      escapeHtml(`${model.id} ${model.version}`),
      escapeHtml(model.task),
      escapeHtml(model.trainedOn),
      model.inSample ? '<span class="bad">in-sample</span>' : "out of sample",
      `<code>${escapeHtml(model.sha256.slice(0, 18))}…</code>`,
    ]),
  );

const checksTable = (report: Report) =>
  table(
    ["", "check", "seen"],
    report.checks.map((check) => [
      check.ok ? '<span class="good">ok</span>' : '<span class="bad">failed</span>',
      escapeHtml(check.name),
      escapeHtml(check.detail),
    ]),
  );
