import type { Command } from "commander";
import { type ExactBar, exactBars } from "../../../ml/data/exactBars.ts";
import type { Cell, Column } from "../../../ml/data/store/columns.ts";
import { readStoredEvents } from "../../../ml/data/store/events.ts";
import { emptyManifest, readManifest } from "../../../ml/data/store/manifest.ts";
import { openWriter } from "../../../ml/data/store/write.ts";
import { Q96, sqrtPriceX96ToLnPrice } from "../../../ml/units.ts";
import { ConfigError } from "../../errors.ts";
import { answer, guarded } from "../options.ts";
import { formatTable } from "../table.ts";
import { count, type DataOptions, dataFolder, stamp, timeOf, wholeNumber } from "./options.ts";
import { commandProgress } from "./progress.ts";
import { findDataset } from "./sample.ts";

interface BarsOptions extends DataOptions {
  readonly seconds: string;
  readonly from?: string;
  readonly to?: string;
  readonly rows: string;
  readonly csv?: boolean;
}

/** Columns of stored and printed bars, and how each is read off a bar. */
const COLUMNS: readonly (Column & { readonly of: (bar: ExactBar) => Cell })[] = [
  { name: "start_seconds", type: "int", unit: "unix seconds", of: (bar) => bar.startSeconds },
  { name: "open_x96", type: "bigint", unit: "Q64.96", of: (bar) => bar.openX96 },
  { name: "high_x96", type: "bigint", unit: "Q64.96", of: (bar) => bar.highX96 },
  { name: "low_x96", type: "bigint", unit: "Q64.96", of: (bar) => bar.lowX96 },
  { name: "close_x96", type: "bigint", unit: "Q64.96", of: (bar) => bar.closeX96 },
  { name: "close_tick", type: "int", unit: "tick", of: (bar) => bar.closeTick },
  { name: "in0", type: "bigint", unit: "token0 units", of: (bar) => bar.in0 },
  { name: "out1", type: "bigint", unit: "token1 units", of: (bar) => bar.out1 },
  { name: "in1", type: "bigint", unit: "token1 units", of: (bar) => bar.in1 },
  { name: "out0", type: "bigint", unit: "token0 units", of: (bar) => bar.out0 },
  {
    name: "mean_liquidity",
    type: "bigint",
    unit: "pool units, over the known seconds",
    of: ({ liquiditySeconds, knownSeconds }) => (knownSeconds === 0 ? null : liquiditySeconds / BigInt(knownSeconds)),
  },
  { name: "known_seconds", type: "int", unit: "seconds", of: (bar) => bar.knownSeconds },
  { name: "liquidity", type: "bigint", unit: "pool units at the end", of: (bar) => bar.liquidity },
  { name: "fee_growth0_x128", type: "bigint", unit: "Q128.128", of: (bar) => bar.feeGrowth0X128 },
  { name: "fee_growth1_x128", type: "bigint", unit: "Q128.128", of: (bar) => bar.feeGrowth1X128 },
  { name: "swaps", type: "int", unit: "swaps", of: (bar) => bar.swaps },
  { name: "approximate_swaps", type: "int", unit: "swaps", of: (bar) => bar.approximateSwaps },
  { name: "mints", type: "int", unit: "mints", of: (bar) => bar.mints },
  { name: "burns", type: "int", unit: "burns", of: (bar) => bar.burns },
];

/** `data bars NAME`: exact bars of a dataset's events, printed or kept in the store. */
export function registerBars(data: Command): void {
  data
    .command("bars")
    .description("exact bars of events: prices, volume, in-range liquidity, fee growth")
    .argument("<name>", "a dataset of events")
    .option("--seconds <n>", "length of a bar", "60")
    .option("--from <time>", "first time, unix seconds or 2024-01-05T12:00:00Z")
    .option("--to <time>", "last time")
    .option("--data <dir>", "the folder of the store (default: RANGEKEEPER_DATA)")
    .option("--out <dir>", "keep them as a dataset in this store")
    .option("--csv", "print all of them as CSV")
    .option("--rows <n>", "how many to print as a table", "20")
    .option("--json", "answer in JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  rangekeeper data bars ethereum_usdc_weth_005 --seconds 3600 --data DIR\n  rangekeeper data bars ethereum_usdc_weth_005 --csv --data DIR > bars.csv\n",
    )
    .action((name: string, options: BarsOptions) =>
      guarded(options, async () => {
        const folder = findDataset(dataFolder(options), name);
        const { pool, rows: total } = readManifest(folder);
        if (pool === null)
          throw new ConfigError(
            `dataset: ${name}; rule: must tell its pool's fee, which needs a name like ethereum_usdc_weth_005_events`,
          );
        const barSeconds = wholeNumber("--seconds", options.seconds, { least: 1, most: 31_536_000 }) ?? 60;
        const rows = wholeNumber("--rows", options.rows, { least: 1 }) ?? 20;
        const progress = commandProgress(options.json);
        let seen = 0;
        const span = { fromTimestamp: timeOf("--from", options.from), toTimestamp: timeOf("--to", options.to) };
        function* counted() {
          for (const events of readStoredEvents(folder, span)) {
            seen += events.length;
            progress.at(seen, total, `${count(seen)} events`);
            yield events;
          }
        }
        const bars = exactBars(counted(), { barSeconds, feePips: pool.feePips, tickSpacing: pool.tickSpacing });
        if (options.out !== undefined) {
          const manifest = store(bars, options.out, `${name}_bars_${barSeconds}s`, barSeconds, pool);
          progress.end();
          answer(
            options,
            manifest,
            () => `${manifest.name}: ${count(manifest.rows)} bars of ${barSeconds} s in ${options.out}`,
          );
          return;
        }
        if (options.csv) {
          process.stdout.write(
            `${COLUMNS.map(({ name, type, unit }) => `${name}:${type}:${unit.replaceAll(",", "")}`).join(",")}\n`,
          );
          for (const bar of bars) process.stdout.write(`${COLUMNS.map(({ of }) => of(bar) ?? "").join(",")}\n`);
          progress.end();
          return;
        }
        const all = [...bars];
        progress.end();
        const scale = 10 ** (pool.token0.decimals - pool.token1.decimals);
        const named = all.map((bar) => Object.fromEntries(COLUMNS.map(({ name, of }) => [name, of(bar)])));
        answer(options, named, () => formatBars(all, rows, scale));
      }),
    );
}

function store(
  bars: Iterable<ExactBar>,
  out: string,
  name: string,
  barSeconds: number,
  pool: NonNullable<ReturnType<typeof readManifest>["pool"]>,
) {
  const columns = COLUMNS.map(({ name, type, unit }) => ({ name, type, unit }));
  const manifest = emptyManifest({ name, kind: "bars", columns, timeColumn: "start_seconds", barSeconds, pool });
  const writer = openWriter(`${out}/${name}`, { manifest });
  for (const bar of bars) writer.append(COLUMNS.map(({ of }) => of(bar)));
  return writer.commit();
}

/** Prices in whole token1 per token0. */
function formatBars(bars: readonly ExactBar[], rows: number, scale: number): string {
  const right = { align: "right" as const };
  const price = (x96: bigint | null): string =>
    x96 === null ? "" : Number((Math.exp(sqrtPriceX96ToLnPrice(x96, 1)) * scale).toPrecision(5)).toString();
  const growth = (x128: bigint): string => (Number(x128 >> 32n) / Number(Q96)).toExponential(2);
  const table = formatTable(
    [
      { title: "start" },
      { title: "open", ...right },
      { title: "close", ...right },
      { title: "liquidity", ...right },
      { title: "fees0/L", ...right },
      { title: "fees1/L", ...right },
      { title: "swaps", ...right },
      { title: "approx", ...right },
    ],
    bars
      .slice(0, rows)
      .map((bar) => [
        stamp(bar.startSeconds).slice(5),
        price(bar.openX96),
        price(bar.closeX96),
        bar.knownSeconds === 0 ? "" : Number(bar.liquiditySeconds / BigInt(bar.knownSeconds)).toExponential(3),
        growth(bar.feeGrowth0X128),
        growth(bar.feeGrowth1X128),
        String(bar.swaps),
        String(bar.approximateSwaps),
      ]),
  );
  const more = bars.length > rows ? `\n… and ${count(bars.length - rows)} more (--rows, --csv, --json or --out)` : "";
  return table + more;
}
