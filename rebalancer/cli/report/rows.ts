import { fromWad } from "../../../ml/units.ts";
import type { VaultReport } from "../../report/vaultReport.ts";
import { figure, stamp } from "../figures.ts";

/** The tables of a report as text, shared by Markdown and HTML. The first row is the head. */
export type Rows = readonly (readonly string[])[];

export const share = (fraction: number | null): string =>
  fraction === null ? "n/a" : `${fraction >= 0 ? "+" : ""}${(fraction * 100).toFixed(3)} %`;
const bps = (value: number | null): string => (value === null ? "-" : value.toFixed(1));

/** Said of a figure: a loss is a loss. */
export const gainOrLoss = (value: number): string =>
  value > 0 ? "a gain" : value < 0 ? "a loss" : "neither gained nor lost";

export function resultRows({ result, vault }: VaultReport): Rows {
  const line = (name: string, value: number, note = "") => [name, figure(value), note];
  const gas =
    result.gas === null
      ? ["− gas", "n/a", `${result.gasWei} wei by the keeper; the pool has no native token to price it in`]
      : line("− gas", -result.gas, "paid by the keeper, not by the vault");
  return [
    ["", vault.asset, ""],
    line("fees earned", result.fees),
    line("− LVR", -result.lvr, "lost to trading along the curve"),
    line("− swap cost", -result.swapCost, "fee and impact of the vault's own swaps"),
    gas,
    line("= fees − LVR − costs", result.net, gainOrLoss(result.net)),
    line("market", result.market, "what the tokens held did by price alone"),
    line("value at the start", result.opening),
    line("deposits", result.deposits),
    line("exits", -result.exits),
    line("rounding", result.rounding),
    line("value at the end", result.closing, `the parts miss the whole by ${result.residual.toExponential(1)}`),
  ];
}

export function returnRows({ result, vault }: VaultReport): Rows {
  const { sharePrice } = result;
  return [
    ["", "start", "end", "change"],
    [
      `share price at the low reference, ${vault.asset}`,
      figure(sharePrice.opening),
      figure(sharePrice.closing),
      share(sharePrice.return),
    ],
    ["vault, time-weighted", "100", index(result.vaultReturn), share(result.vaultReturn)],
    ["holding what it had at the start", "100", index(result.hodlReturn), share(result.hodlReturn)],
    ["net against holding", "", "", share(result.againstHodl)],
    ["time in range", "", "", `${(result.timeInRange * 100).toFixed(1)} %`],
    ["time deployed", "", "", `${(result.timeDeployed * 100).toFixed(1)} %`],
  ];
}

const index = (change: number | null): string => (change === null ? "n/a" : (100 * (1 + change)).toFixed(3));

export const moveRows = ({ moves }: VaultReport): Rows => [
  ["time (UTC)", "block", "range", "edge bp", "predicted bp", "realised bp", "loss bp", "why"],
  ...moves.map((move) => [
    stamp(move.atSeconds),
    String(move.block),
    move.lowerPrice === null ? "to idle" : `${figure(move.lowerPrice)}–${figure(move.upperPrice ?? 0)}`,
    bps(move.predictedEdgeBps),
    bps(move.predictedNetBps),
    bps(move.realisedNetBps),
    bps(move.lossBps),
    move.reason,
  ]),
];

export function forecastRows({ forecasts }: VaultReport): Rows {
  const row = (name: string, error: VaultReport["forecasts"]["net"]) =>
    error === null
      ? []
      : [
          [
            name,
            bps(error.predictedBps),
            bps(error.realisedBps),
            bps(error.meanErrorBps),
            bps(error.meanAbsoluteErrorBps),
          ],
        ];
  return [
    ["mean, bp over the horizon", "predicted", "realised", "error", "absolute error"],
    ...row("fees", forecasts.fees),
    ...row("LVR", forecasts.lvr),
    ...row("fees − LVR", forecasts.net),
  ];
}

/** What else is said of the forecasts. */
export function forecastWords({ forecasts }: VaultReport): string {
  if (forecasts.settled === 0) return "No forecast of the span has come to its horizon yet.";
  const { settled, ranges, hitRate, insideBand, bands } = forecasts;
  const hits = hitRate === null ? "" : `; the sign of the net came true in ${(100 * hitRate).toFixed(0)} %`;
  const band =
    insideBand === null
      ? ""
      : `; the variance lay between its q10 and q90 in ${(100 * insideBand).toFixed(0)} % of ${bands} (80 % promised)`;
  return `${settled} settled decisions, ${ranges} of them with a range${hits}${band}.`;
}

/** What was stated of the day ahead, last and over the span. */
export function statedRows({ stated }: VaultReport): Rows {
  if (stated === null) return [];
  const { spreadWad, latest, ended, inside, challengers } = stated;
  const percent = (part: number): string => `${(100 * part).toFixed(2)} %`;
  const counted = Math.min(latest.days, 59);
  return [
    ["stated of the day ahead", "", ""],
    ["spread declared last", percent(fromWad(spreadWad)), "from it follow the least width and the part deployed"],
    ["95 % interval stated last", `±${percent(Math.exp(latest.halfWidth) - 1)}`, `${latest.days} days learned from`],
    ["its days so far", `${counted - latest.misses} of ${counted}`, "ended inside; 95 % are meant to"],
    ["decisions of the span", `${inside} of ${ended}`, "ended their day inside; their days overlap"],
    ...challengers.map(({ modelSet, ended, inside, champion }) => [
      `beside them, ${modelSet}`,
      `${inside} of ${ended}`,
      `ended their day inside; of the same, ${champion} inside the champion's`,
    ]),
  ];
}

export const refusalRows = ({ refusals }: VaultReport): Rows => [
  ["where", "times", "reason", "for example"],
  ...refusals.map(({ where, count, reason, example }) => [where, String(count), reason, example]),
];

export const stopRows = ({ stops }: VaultReport): Rows => [
  ["time (UTC)", "scope", "level", "by", "reason"],
  ...stops.map(({ atMilliseconds, scope, level, by, reason }) => [
    stamp(atMilliseconds / 1000),
    scope,
    String(level),
    by,
    reason,
  ]),
];

export const modelRows = ({ models }: VaultReport): Rows => [
  ["model", "task", "decisions", "sha256"],
  ...models.map(({ id, version, task, decisions, sha256 }) => [`${id} ${version}`, task, String(decisions), sha256]),
];
