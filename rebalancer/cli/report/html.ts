import type { VaultReport } from "../../report/vaultReport.ts";
import { draw, frame, timeAxis } from "../chart.ts";
import { figure, stamp } from "../figures.ts";
import { both, escapeHtml, STYLE, section, table } from "../page.ts";
import {
  forecastRows,
  forecastWords,
  gainOrLoss,
  modelRows,
  moveRows,
  type Rows,
  refusalRows,
  resultRows,
  returnRows,
  share,
  statedRows,
  stopRows,
} from "./rows.ts";

/** The report as one self-contained page: no script, no font, no request. */
export function renderHtml(report: VaultReport): string {
  const { vault, span, decisions } = report;
  const title = `${vault.name}, ${stamp(span.sinceSeconds)} to ${stamp(span.untilSeconds)}`;
  return renumbered(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>${escapeHtml(title)}</title><style>${STYLE}</style></head><body><main>
<header><p class="brand">Rangekeeper</p><h1>${escapeHtml(vault.name)}</h1>
<p class="muted">${stamp(span.sinceSeconds)} – ${stamp(span.untilSeconds)} UTC · figures of blocks ${span.fromBlock} to ${span.toBlock} · chain ${vault.chainId} · vault <code>${escapeHtml(vault.address)}</code> · pool <code>${escapeHtml(vault.pool)}</code></p></header>
${notes(report)}
<section class="cards">${cards(report)}</section>
${section(
  "Price and range",
  report.series.length > 1 ? both((width) => priceChart(report, width)) : empty("fewer than two states"),
  "The band is the range that the vault held; gaps are times it stood aside.",
)}
${section(
  "Vault against holding",
  report.series.length > 1 ? both((width) => returnChart(report, width)) : empty("fewer than two states"),
  "Time-weighted value of the vault, and the tokens of the start held as they were; 100 at the start.",
)}
${section("Where the value came from and went", rows(resultRows(report), [1]), "fees − LVR − swap cost − gas is the part that skill can change; market is what the tokens held did by price alone.")}
${section("Returns", rows(returnRows(report), [1, 2, 3]))}
${section("Moves", rows(moveRows(report), [1, 3, 4, 5, 6], "none"), `${report.moves.length} moves; ${decisions.total} decisions: ${decisions.move} to move, ${decisions.hold} to hold, ${decisions.standAside} to stand aside. Predicted and realised: fees − LVR over the horizon; edge: net of cost and risk, against staying.`)}
${section("Predicted against realised", rows(forecastRows(report), [1, 2, 3, 4], ""), escapeHtml(forecastWords(report)))}
${section("Stated of the day ahead", rows(statedRows(report), [1]))}
${section("Not moved, and refused", rows(refusalRows(report), [1]))}
${section("Kill switch", rows(stopRows(report), [2]))}
${section("Models", rows(modelRows(report), [2]))}
</main></body></html>
`);
}

/** Drawings number their parts on through a process: numbered by the page alone, the same report has the same bytes. */
function renumbered(html: string): string {
  const known = new Map<string, string>();
  return html.replace(/\bzr\d+-[a-z]+-?\d+\b/g, (id) => {
    const name = known.get(id) ?? `z${known.size}`;
    known.set(id, name);
    return name;
  });
}

const empty = (text: string): string => `<p class="muted">${escapeHtml(text)}</p>`;

const rows = ([head = [], ...body]: Rows, numeric: readonly number[], none = "none"): string =>
  table(
    head.map(escapeHtml),
    body.map((row) => row.map(escapeHtml)),
    numeric,
    none,
  );

const notes = (report: VaultReport): string =>
  report.notes.length === 0
    ? ""
    : `<div class="warn">${report.notes.map((note) => `<p>${escapeHtml(note)}</p>`).join("")}</div>`;

function cards({ result, vault, moves, decisions }: VaultReport): string {
  const card = (value: string, label: string, tone = "") =>
    `<div class="card"><b class="${tone}">${escapeHtml(value)}</b><span>${escapeHtml(label)}</span></div>`;
  const tone = (value: number | null) => (value === null || value === 0 ? "" : value > 0 ? "good" : "bad");
  return [
    card(`${figure(result.net)} ${vault.asset}`, `fees − LVR − costs: ${gainOrLoss(result.net)}`, tone(result.net)),
    card(share(result.againstHodl), "net against holding", tone(result.againstHodl)),
    card(share(result.vaultReturn), "return, time-weighted", tone(result.vaultReturn)),
    card(share(result.sharePrice.return), "share price, at the low reference", tone(result.sharePrice.return)),
    card(`${figure(result.closing)} ${vault.asset}`, "value at the end"),
    card(String(moves.length), `moves in ${decisions.total} decisions`),
    card(
      `${(result.timeInRange * 100).toFixed(0)} %`,
      `time in range (deployed ${(result.timeDeployed * 100).toFixed(0)} %)`,
    ),
  ].join("");
}

const line = (name: string, color: string, data: readonly (readonly [number, number | null])[], width = 1.4) => ({
  name,
  type: "line" as const,
  showSymbol: false,
  connectNulls: false,
  lineStyle: { color, width },
  itemStyle: { color },
  data: data.map((point) => [...point]),
});

function priceChart({ series, vault }: VaultReport, width: number): string {
  const points = (of: (point: VaultReport["series"][number]) => number | null) =>
    series.map((point) => [point.atSeconds * 1000, of(point)] as const);
  const edge = (name: string, of: (point: VaultReport["series"][number]) => number | null) => ({
    ...line(name, "#7aa7d9", points(of)),
    step: "end" as const,
    lineStyle: { color: "#7aa7d9", width: 1.5, type: "dashed" as const },
  });
  return draw(width, width > 600 ? 340 : 300, {
    ...frame(width),
    xAxis: timeAxis(width),
    yAxis: { type: "value", scale: true, axisLabel: { formatter: (value: number) => figure(value) } },
    series: [
      line(
        `price (${vault.asset} per ${vault.other})`,
        "#16202c",
        points(({ price }) => price),
      ),
      edge("range, lower", ({ lowerPrice }) => lowerPrice),
      edge("range, upper", ({ upperPrice }) => upperPrice),
    ],
  });
}

function returnChart({ series }: VaultReport, width: number): string {
  return draw(width, width > 600 ? 300 : 280, {
    ...frame(width),
    xAxis: timeAxis(width),
    yAxis: { type: "value", scale: true, axisLabel: { formatter: (value: number) => value.toFixed(2) } },
    series: [
      line(
        "holding",
        "#c77700",
        series.map(({ atSeconds, hodl }) => [atSeconds * 1000, hodl]),
      ),
      line(
        "vault",
        "#0b57d0",
        series.map(({ atSeconds, vault }) => [atSeconds * 1000, vault]),
        2.4,
      ),
    ],
  });
}
