import { type AccuracyRow, measureAccuracy } from "../../../ml/backtest/accuracy.ts";
import { listMarkets, resolveMarket } from "../../../ml/data/market.ts";
import { ConfigError } from "../../errors.ts";
import { formatTable } from "../table.ts";
import type { Progress } from "./progress.ts";

const PERCENTS = [0.25, 0.5, 1, 2, 5, 10, 20] as const;
/** Small enough not to change the market, large enough that token units do not round the fees away. */
const SHARES = [1e-4] as const;
const LARGER = [0.01, 0.1] as const;

export interface AccuracyFlags {
  readonly data?: string;
  readonly market?: readonly string[];
  readonly barSeconds: string;
  readonly json?: boolean;
}

export interface AccuracyAnswer {
  readonly barSeconds: number;
  readonly rows: readonly (AccuracyRow & { readonly bars: "growth" | "volume" })[];
}

/** Measures fees from bars against the exact market on every event file with swaps, or on those named. */
export function accuracy(flags: AccuracyFlags, progress: Progress): AccuracyAnswer {
  const folder = flags.data ?? process.env.RANGEKEEPER_DATA;
  if (!folder) throw new ConfigError("--data: not given; rule: name the data folder by --data or RANGEKEEPER_DATA");
  const barSeconds = Number(flags.barSeconds);
  if (!Number.isInteger(barSeconds) || barSeconds < 1 || 3600 % barSeconds !== 0) {
    throw new ConfigError(`--bar-seconds: ${flags.barSeconds}; rule: whole seconds that divide the hour`);
  }
  const names = flags.market ?? listMarkets(folder);
  const rows: AccuracyAnswer["rows"][number][] = [];
  names.forEach((name, i) => {
    progress.at("accuracy", i / names.length);
    const data = resolveMarket(folder, name);
    // A file of mints and burns alone has nothing to earn.
    if (flags.market === undefined && data.events.filter(({ type }) => type === "SWAP").length < 2) return;
    for (const bars of ["growth", "volume"] as const) {
      const common = { data, barSeconds, bars };
      const measured = [
        ...measureAccuracy({ ...common, percents: PERCENTS, shares: SHARES }),
        ...measureAccuracy({ ...common, percents: [5], shares: LARGER }),
      ];
      rows.push(...measured.map((row) => ({ ...row, bars })));
    }
  });
  progress.end();
  return { barSeconds, rows };
}

/** Errors in per cent of the exact fees, at most 80 columns wide. */
export function formatAccuracy({ barSeconds, rows }: AccuracyAnswer): string {
  const right = { align: "right" as const };
  const percent = (error: number | undefined): string =>
    error === undefined ? "" : `${error < 0 ? "-" : "+"}${(100 * Math.abs(error)).toFixed(4)}`;
  const tables = (["growth", "volume"] as const).map((bars) => {
    const small = rows.filter((row) => row.bars === bars && SHARES.includes(row.share as 1e-4));
    const keys = [...new Set(small.map(({ market, percent }) => `${market} ${percent}`))];
    const cells = keys.map((key) => {
      const [market = "", width = ""] = key.split(" ");
      const at = (side: AccuracyRow["side"]) =>
        small.find((row) => row.market === market && String(row.percent) === width && row.side === side)?.error;
      return [
        market.replace("_events", ""),
        width,
        ...(["around", "above", "below"] as const).map((s) => percent(at(s))),
      ];
    });
    const errors = small.map(({ error }) => Math.abs(error)).sort((a, b) => a - b);
    const quantile = (q: number) => percent(errors[Math.floor(q * (errors.length - 1))]).slice(1);
    const wide = small.filter(({ percent, side }) => percent >= 5 && side === "around");
    const widest = Math.max(0, ...wide.map(({ error }) => Math.abs(error)));
    const title =
      bars === "growth"
        ? `Bars of ${barSeconds} s with fee growth: error of fees, %`
        : `Bars of ${barSeconds} s with volume and liquidity only: error of fees, %`;
    const header = [
      { title: "market", max: 40 },
      { title: "±%", ...right },
      { title: "around", ...right },
    ];
    const columns = [...header, { title: "above spot", ...right }, { title: "below spot", ...right }];
    return [
      title,
      formatTable(columns, cells),
      `median ${quantile(0.5)} %, worst ${quantile(1)} %; around spot from ±5 % on: worst ${percent(widest).slice(1)} %`,
    ].join("\n");
  });
  const large = rows.filter((row) => row.bars === "growth" && row.share > 1e-3 && row.side === "around");
  const sizes = [
    "Own liquidity against the pool's, ±5 %: error of fees, %",
    formatTable(
      [
        { title: "market", max: 40 },
        { title: "own / pool", ...right },
        { title: "error", ...right },
      ],
      large.map(({ market, share, error }) => [market.replace("_events", ""), String(share), percent(error)]),
    ),
  ].join("\n");
  return [...tables, sizes].join("\n\n");
}
