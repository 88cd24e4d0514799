import type { Greeks } from "../../../ml/risk/portfolio.ts";
import { VOLATILITIES } from "../../../ml/risk/stress.ts";
import { formatTable } from "../table.ts";
import { wrap } from "../wrap.ts";
import { YEAR_DAYS } from "./parse.ts";
import type { RiskReport } from "./report.ts";

const right = { align: "right" as const };

/** Five significant digits or so, at most nine characters. */
export function short(value: number): string {
  const size = Math.abs(value);
  if (size < 1e-12) return "0";
  if (size >= 1e7 || size < 1e-4) return value.toExponential(2);
  if (size >= 1000) return value.toFixed(0);
  return value
    .toPrecision(4)
    .replace(/(\.\d*?)0+$/, "$1")
    .replace(/\.$/, "");
}

const percent = (share: number, digits = 1): string => `${(share * 100).toFixed(digits)}%`;
const days = (years: number): string => `${short(years * YEAR_DAYS)} d`;

/** The report in words and tables of at most 80 columns. */
export function formatRisk(report: RiskReport): string {
  const { sigma, feeYieldPerYear } = report;
  const perDay = (yearly: number) => percent(yearly / YEAR_DAYS, 4);
  const intro = [
    `price ${short(report.price)}, volatility ${percent(sigma, 0)} a year (${percent(sigma / Math.sqrt(YEAR_DAYS), 2)} a day), horizon ${days(report.horizonYears)}.`,
    `Amounts in asset units; delta in the other token.`,
    `A range pays its LVR at a full-range fee yield of ${perDay(report.breakEvenYieldPerYear)} a day (σ²/8);`,
    feeYieldPerYear === null
      ? "none was given, so fees are left out."
      : `given: ${perDay(feeYieldPerYear)}, ${short(feeYieldPerYear / report.breakEvenYieldPerYear)} × that.`,
  ].join(" ");
  const sections = [wrap(intro, 0), greeksTable(report)];
  if (report.outlook.length > 0) sections.push(outlookTable(report));
  sections.push(hedgeLines(report), ...stressTables(report), pathTable(report));
  return sections.join("\n\n");
}

const greeksTable = ({ greeks, total }: RiskReport): string =>
  formatTable(
    [
      { title: "holding", max: 20 },
      { title: "value", ...right },
      { title: "delta", ...right },
      { title: "gamma", ...right },
      { title: "theta/d", ...right },
      { title: "γ cost/d", ...right },
      { title: "vega/pt", ...right },
    ],
    [
      ...greeks.map((row) => [row.label, ...greekCells(row)]),
      ...(greeks.length > 1 ? [["all", ...greekCells(total)]] : []),
    ],
  );

const greekCells = ({ value, delta, gamma, theta, gammaCost, vega }: Greeks): string[] =>
  [value, delta, gamma, theta / YEAR_DAYS, gammaCost / YEAR_DAYS, vega / 100].map(short);

const outlookTable = ({ outlook, horizonYears }: RiskReport): string =>
  formatTable(
    [
      { title: `in ${days(horizonYears)}`, max: 20 },
      { title: "time in", ...right },
      { title: "never out", ...right },
      { title: "fees", ...right },
      { title: "LVR = −IL", ...right },
      { title: "fees − LVR", ...right },
      { title: "worst 10% IL", ...right },
    ],
    outlook.map((row) => [
      row.label,
      percent(row.timeInRange),
      percent(row.stays),
      row.fees === null ? "-" : percent(row.fees, 2),
      percent(-row.impermanentLoss, 2),
      row.fees === null ? "-" : percent(row.fees + row.impermanentLoss, 2),
      percent(row.impermanentLossQ10, 2),
    ]),
  );

function hedgeLines({ hedge }: RiskReport): string {
  const side = (amount: number) => (amount < 0 ? "sell" : "buy");
  const spot = `${side(hedge.spot)} ${short(Math.abs(hedge.spot))} of the other token`;
  if (hedge.options === 0) return wrap(`hedge of delta: ${spot}; gamma ${short(hedge.after.gamma)} stays.`, 2);
  const paid = `${hedge.premium < 0 ? "received" : "paid"} ${short(Math.abs(hedge.premium))}`;
  return wrap(
    `hedge of delta and gamma: ${side(hedge.options)} ${short(Math.abs(hedge.options))} options (${paid}) and ${spot}; theta then ${short(hedge.after.theta / YEAR_DAYS)} a day.`,
    2,
  );
}

const signed = (value: number): string => (value > 0 ? `+${short(value)}` : short(value));

const stressTables = ({ stress, feeYieldPerYear }: RiskReport): string[] =>
  [...new Set(stress.map(({ years }) => years))].map((years) => {
    const rows = stress.filter((cell) => cell.years === years);
    const moves = [...new Set(rows.map(({ move }) => move))];
    const fees = feeYieldPerYear === null ? "" : ", fees included";
    const when = years === 0 ? "at once" : `after ${days(years)}`;
    return `profit ${when}${fees}, by price move and volatility\n${formatTable(
      [
        { title: "price" },
        { title: "held", ...right },
        ...VOLATILITIES.map((factor) => ({ title: `σ × ${factor}`, ...right })),
      ],
      moves.map((move) => {
        const cells = rows.filter((cell) => cell.move === move);
        return [
          `${move > 0 ? "+" : ""}${percent(move, 0)}`,
          signed(cells.find(({ volatility }) => volatility === 1)?.held ?? Number.NaN),
          ...cells.map(({ profit }) => signed(profit)),
        ];
      }),
    )}`;
  });

const pathTable = ({ paths }: RiskReport): string =>
  formatTable(
    [
      { title: "path", max: 42 },
      { title: "profit", ...right },
      { title: "worst", ...right },
      { title: "LVR", ...right },
      { title: "time in", ...right },
    ],
    paths.map(({ name, profit, worst, lvr, inRange }) => [
      name,
      signed(profit),
      signed(worst),
      short(lvr),
      percent(inRange, 0),
    ]),
  );
