import { existsSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { listFiles } from "../../ml/data/market.ts";
import { type Medians, readMedians } from "../../ml/data/medians.ts";
import { ratioBars, readCandles } from "../../ml/data/ohlcv.ts";
import {
  BASELINE,
  CALIBRATED,
  type Comparison,
  compareIntervals,
  type IntervalScore,
} from "../../ml/risk/uncertainty/compare.ts";
import type { Bar } from "../../ml/types.ts";
import { ConfigError } from "../errors.ts";
import { commandProgress } from "./data/progress.ts";
import { answer, examples, guarded } from "./options.ts";
import { formatTable } from "./table.ts";
import { wrap } from "./wrap.ts";

const HOUR = 3600;
/** The first weeks of the exchange files hold candles of a market that had barely opened. */
const CANDLES_FROM = Date.UTC(2017, 8, 1) / 1000;
/** What the protocol asks for: see [uncertainty] and [walk_forward] in ml/train/protocol.toml. */
export const CALIBRATION_SPAN = { from: "2019-01-01", until: "2024-06-29", rollingDays: 60 } as const;
const TARGETS = { coverage: [0.945, 0.955], worst: 0.9, widthRatio: 0.94, winklerRatio: 0.94 } as const;

/** What departs from the protocol is said where the figures are. */
const EXPLORATORY =
  "exploratory: the layer's rates of misses and its step were fixed after looks at this span, where the protocol " +
  "asks for settings from before 2019; ethbtc was not looked at before they were";

/** What the shipped volatility model said of each midnight's day ahead when it was fitted on the past of each window. */
const KEPT_MEDIANS = fileURLToPath(new URL("../../ml/train/results/medians.csv", import.meta.url));

interface CalibrationOptions {
  readonly data?: string;
  readonly medians?: string;
  readonly candles: readonly string[];
  readonly from: string;
  readonly until: string;
  readonly json?: boolean;
}

interface Series {
  readonly name: string;
  /** Whether the protocol names it; others are only a look at files that nothing was chosen on. */
  readonly protocol: boolean;
  readonly bars: readonly Bar[];
}

interface CalibrationReport {
  readonly targets: typeof TARGETS;
  readonly baseline: string;
  readonly series: readonly (Comparison & { readonly name: string; readonly protocol: boolean })[];
}

const collect = (text: string, before: readonly string[]): readonly string[] => [...before, text];

/** `calibration`: how often a day's return stayed inside its stated interval, beside three other ways to state one. */
export function registerCalibration(program: Command): void {
  const verb = program
    .command("calibration")
    .description("do stated 95 % intervals cover 95 %? over past days, out of sample")
    .option("--data <dir>", "a data folder with the hourly candles of the protocol")
    .option("--candles <file>", "hourly candles of any other price; may be repeated", collect, [])
    .option("--medians <csv>", "series,at,median: what a model said of each day; absent = volatility-har-net's")
    .option("--from <date>", "first day that counts", CALIBRATION_SPAN.from)
    .option("--until <date>", "end of the last day", CALIBRATION_SPAN.until)
    .option("--json", "answer in JSON");
  examples(
    verb,
    "rangekeeper calibration --data DIR",
    "rangekeeper calibration --candles FILE --from 2022-01-01 --until 2023-01-01",
    "rangekeeper calibration --candles pair.csv.gz --medians medians.csv",
  ).action((options: CalibrationOptions) =>
    guarded(options, async () => {
      const report = await calibrate(options);
      answer(options, report, () => formatCalibration(report));
    }),
  );
}

async function calibrate(options: CalibrationOptions): Promise<CalibrationReport> {
  const [fromSeconds, untilSeconds] = [midnight("--from", options.from), midnight("--until", options.until)];
  if (untilSeconds <= fromSeconds) {
    throw new ConfigError(`--until: ${options.until}; rule: after --from ${options.from}`);
  }
  const series = [
    ...(options.data === undefined ? [] : protocolSeries(options.data)),
    ...options.candles.map((file) => ({ name: nameOf(file), protocol: false, bars: readCandles(file, HOUR) })),
  ];
  if (series.length === 0) throw new ConfigError("calibration: no prices; rule: --data DIR or --candles FILE");
  const medians = mediansOf(options.medians);
  const progress = commandProgress(options.json);
  const compared: CalibrationReport["series"][number][] = [];
  for (const { name, protocol, bars } of series) {
    const span = { fromSeconds, untilSeconds, rollingDays: CALIBRATION_SPAN.rollingDays };
    const known = bars.some(({ endSeconds }) => medians(name, endSeconds) !== undefined);
    const comparison = await compareIntervals({
      bars,
      span,
      median: known ? (at) => medians(name, at) : undefined,
      onProgress: (done, total) => progress.at(done, total, `days of ${name}`),
    });
    if (comparison === null) {
      const rule = `${CALIBRATION_SPAN.rollingDays} whole days there after 90 before`;
      throw new ConfigError(`${name}: too few days from ${options.from} to ${options.until}; rule: ${rule}`);
    }
    compared.push({ name, protocol, ...comparison });
  }
  progress.end();
  return { targets: TARGETS, baseline: BASELINE, series: compared };
}

function mediansOf(given: string | undefined): Medians {
  const path = given ?? KEPT_MEDIANS;
  if (existsSync(path)) return readMedians(path);
  if (given !== undefined) throw new ConfigError(`--medians: ${given}; rule: must be an existing file`);
  return () => undefined;
}

function protocolSeries(folder: string): Series[] {
  const files = listFiles(folder);
  const read = (asset: string): Bar[] => {
    const wanted = `binance_spot_${asset}_1h_2017_2024-06.csv.gz`;
    const path = files.find((file) => basename(file) === wanted);
    if (path === undefined) throw new ConfigError(`--data: ${folder}; rule: must hold ${wanted}`);
    return readCandles(path, HOUR).filter(({ startSeconds }) => startSeconds >= CANDLES_FROM);
  };
  const [eth, btc] = [read("ethusdt"), read("btcusdt")];
  return [
    { name: "ethusdt", protocol: true, bars: eth },
    { name: "btcusdt", protocol: true, bars: btc },
    { name: "ethbtc", protocol: false, bars: ratioBars(eth, btc) },
  ];
}

const nameOf = (file: string): string => basename(file).replace(/\.csv(\.gz)?$/, "");

function midnight(flag: string, text: string): number {
  const seconds = Date.parse(`${text}T00:00:00Z`) / 1000;
  if (/^\d{4}-\d{2}-\d{2}$/.test(text) && Number.isFinite(seconds)) return seconds;
  throw new ConfigError(`${flag}: ${text}; rule: a date as 2026-01-31`);
}

/** The table of all methods, 80 columns wide, and under it what of the targets is reached. */
export function formatCalibration({ series }: CalibrationReport): string {
  const right = { align: "right" as const };
  const day = (seconds: number) => new Date(seconds * 1000).toISOString().slice(0, 10);
  const rows = series.flatMap(({ name, scores }) =>
    scores.map((score, i) => [
      i === 0 ? name : "",
      score.method,
      score.coverage.toFixed(4),
      score.worst.toFixed(3),
      `${(100 * score.width).toFixed(2)}%`,
      score.widthRatio.toFixed(3),
      `${(100 * score.winkler).toFixed(2)}%`,
      score.winklerRatio.toFixed(3),
    ]),
  );
  const table = formatTable(
    [
      { title: "price", max: 7 },
      { title: "interval" },
      { title: "covered", ...right },
      { title: "worst", ...right },
      { title: "width", ...right },
      { title: "×", ...right },
      { title: "Winkler", ...right },
      { title: "×", ...right },
    ],
    rows,
  );
  const spans = series.map(
    ({ name, days, fromSeconds, untilSeconds }) =>
      `${name}: ${days.toLocaleString("en-US")} days, ${day(fromSeconds)} to ${day(untilSeconds)}`,
  );
  const shares = formatTable(
    [
      { title: "price", max: 7 },
      { title: "below the" },
      ...["10 %", "50 %", "90 %"].map((title) => ({ title, ...right })),
    ],
    series.flatMap(({ name, ranks }) =>
      ranks.map(({ method, q10, q50, q90 }, i) => [
        i === 0 ? name : "",
        method,
        ...[q10, q50, q90].map((share) => share.toFixed(3)),
      ]),
    ),
  );
  const verdicts = series.flatMap(({ name, scores, protocol }) =>
    scores
      .filter(({ method }) => (CALIBRATED as readonly string[]).includes(method))
      .map((score) => `${name}, ${score.method}: ${verdict(score)}${protocol ? "" : " (not in the protocol)"}`),
  );
  return [
    "95 % intervals of the return of the day ahead, each formed from what came before",
    ...spans.map((line) => wrap(line, 2)),
    "",
    table,
    "",
    wrap(
      `worst: of any ${CALIBRATION_SPAN.rollingDays} days in a row; ×: over ${BASELINE}; width in ln of the price`,
      2,
    ),
    ...verdicts.map((line) => wrap(line, 2)),
    ...(series.some(({ protocol }) => protocol) ? [wrap(EXPLORATORY, 2)] : []),
    "",
    "share of days whose realised variance was below that quantile of the posterior",
    shares,
  ].join("\n");
}

/** What of the targets an interval reaches, and by how much it misses the others. */
export function verdict({ coverage, worst, widthRatio, winklerRatio }: IntervalScore): string {
  const [low, high] = TARGETS.coverage;
  const missed = [
    ...(coverage < low ? [`covered ${(low - coverage).toFixed(4)} too rarely`] : []),
    ...(coverage > high ? [`covered ${(coverage - high).toFixed(4)} too often`] : []),
    ...(worst < TARGETS.worst - 1e-9 ? [`worst window ${(TARGETS.worst - worst).toFixed(3)} short`] : []),
    ...(widthRatio > TARGETS.widthRatio ? [`width ${(widthRatio - TARGETS.widthRatio).toFixed(3)} above .94 ×`] : []),
    ...(winklerRatio > TARGETS.winklerRatio
      ? [`Winkler ${(winklerRatio - TARGETS.winklerRatio).toFixed(3)} above .94 ×`]
      : []),
  ];
  return missed.length === 0 ? "all four targets reached" : `missed: ${missed.join("; ")}`;
}
