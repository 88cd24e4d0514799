import colour from "picocolors";
import { heading, columnsTable as table } from "../../columns.ts";
import { figure, percent, stamp } from "../../figures.ts";
import { wrap } from "../../wrap.ts";
import type { Report } from "./report.ts";

/** The report as text for an 80-column terminal. */
export function renderConsole(report: Report): string {
  const unit = report.asset.symbol;
  const sections = [
    heading("Result"),
    waterfall(report),
    heading(`Net against the alternatives, same ${report.market.swaps} swaps`),
    alternatives(report),
    heading("Predicted against realised, 24 h later"),
    forecasts(report),
    heading("Moves"),
    moves(report),
    heading("Refused or not moved"),
    refusals(report),
    heading(`Depositors (${unit})`),
    depositors(report),
    heading("Every unit accounted for"),
    conservation(report),
    heading("Checks"),
    report.checks
      .map(
        (check) =>
          `  ${check.ok ? colour.green("ok  ") : colour.red("FAIL")} ${wrap(`${check.name}: ${check.detail}`, 7)}`,
      )
      .join("\n"),
  ];
  if (report.replay) sections.unshift(heading("Replay of the record"), replay(report));
  return `${sections.join("\n")}\n`;
}

function waterfall(report: Report): string {
  const { result } = report;
  const line = (name: string, value: number, note = "") => [name, figure(value), note];
  return table(
    ["", report.asset.symbol, ""],
    [
      line("fees earned", result.fees),
      line("- LVR", -result.lvr, "lost to trading along the curve"),
      line("- swap cost", -result.swapCost, "fee and impact of our own swaps"),
      line("- gas", -result.gas, "paid by the keeper"),
      [
        colour.bold("= fees - LVR - costs"),
        colour.bold(figure(result.net)),
        colour.bold(result.net > 0 ? "a gain" : result.net < 0 ? "a loss" : "neither gained nor lost"),
      ],
      line("market", result.market, "what the tokens held did by price alone"),
      line("deposits", result.deposits),
      line("exits", -result.exits),
      line("left in the vault", result.end, `identity closes to ${result.residual.toExponential(1)}`),
    ],
    [26, 18, 33],
  );
}

function alternatives(report: Report): string {
  const { result } = report;
  const rows = [
    ["Rangekeeper vault", percent(result.vaultReturn), ""],
    ...result.benchmarks.map((b) => [b.name, percent(b.return), percent(result.vaultReturn - b.return)]),
  ];
  return `${table(["", "return", "vault ahead by"], rows, [38, 18, 20], [1, 2])}\n  one share ${percent(result.sharePriceReturn)}, which includes the entry margins of those who came later\n  in range ${(result.timeInRange * 100).toFixed(1)} % of the time, deployed ${(result.timeDeployed * 100).toFixed(1)} %`;
}

function forecasts({ forecasts: { settled, fees, lvr } }: Report): string {
  if (settled === 0) return "  no forecast has come to its horizon yet";
  const row = (name: string, { predicted, realised }: { predicted: number; realised: number }) => [
    name,
    `${predicted.toFixed(1)} bp`,
    `${realised.toFixed(1)} bp`,
  ];
  return table(
    [`mean of ${settled} ranges held or chosen`, "predicted", "realised"],
    [row("fees", fees), row("LVR", lvr)],
    [38, 18, 20],
    [1, 2],
  );
}

function moves(report: Report): string {
  if (report.moves.length === 0)
    return "  none: nothing on offer paid for its risk and cost, and the vault stood aside";
  const rows = report.moves.map((move) => [
    stamp(move.at).slice(5),
    move.kind === "move" ? `${figure(move.lower ?? 0)}–${figure(move.upper ?? 0)}` : "to idle",
    `${move.predictedEdgeBps.toFixed(1)}`,
    `${move.measuredLossBps.toFixed(1)}`,
    move.reason,
  ]);
  return table(["time", "range", "edge bp", "cost bp", "why"], rows, [12, 20, 8, 8, 27], [2, 3]);
}

function refusals(report: Report): string {
  if (report.refusals.length === 0) return "  none";
  const rows = report.refusals.map((refusal) => [
    refusal.where,
    String(refusal.count),
    `${refusal.reason}: ${refusal.example}`,
  ]);
  return table(["where", "times", "reason"], rows, [11, 7, 59], [1]);
}

function depositors(report: Report): string {
  const rows = report.depositors.map((d) => [
    d.name,
    figure(d.paidIn),
    figure(d.paidOutAsset),
    figure(d.paidOutOther),
    figure(d.paidOutValue - d.paidIn),
  ]);
  const drawn = table(
    ["", "paid in", `out ${report.asset.symbol}`, `out ${report.other.symbol}`, "gain or loss"],
    rows,
    [13, 15, 15, 15, 16],
    [1, 2, 3, 4],
  );
  const stories = report.depositors.map((d) => `  ${wrap(`${d.name}: ${d.story.join("; ")}`, 4)}`).join("\n");
  return `${drawn}\n${stories}`;
}

function conservation(report: Report): string {
  return report.conservation
    .map((row) =>
      [
        `  ${row.token}: depositors in ${row.depositorsIn} + from pool ${row.poolToVault}`,
        `    - to pool ${row.vaultToPool} - depositors out ${row.depositorsOut}`,
        `    - left in vault ${row.leftInVault} = ${row.difference}`,
      ].join("\n"),
    )
    .join("\n");
}

function replay(report: Report): string {
  const { replay: section } = report;
  if (!section) return "";
  const lines = [
    `  ${section.exact}/${section.swaps} swaps equal the record in amounts, price, tick and liquidity`,
    `  (${section.exactIn} exact-in, ${section.exactOut} exact-out, ${section.atLimit} at a price limit); ${section.mints} mints, ${section.burns} burns`,
  ];
  if (section.reconstructed)
    lines.push("  no starting state exists: liquidity was reconstructed from what the events reveal");
  if (section.medianDeviationBps !== null)
    lines.push(`  the others differ by ${section.medianDeviationBps.toFixed(3)} bp in the median`);
  if (section.withVault)
    lines.push(
      `  with the vault in the pool outcomes change by ${section.withVault.medianBps.toFixed(3)} bp (median), ` +
        `${section.withVault.maxBps.toFixed(2)} bp at most, and the price ends ${section.withVault.finalPriceBps.toFixed(3)} bp away from the record`,
    );
  return lines.map((line) => `  ${wrap(line.trim(), 2)}`).join("\n");
}
