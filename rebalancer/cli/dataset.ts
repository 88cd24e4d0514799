import type { Command } from "commander";
import { buildDataset } from "../../ml/data/dataset/build.ts";
import { type DatasetManifest, readDataset, verifyDataset } from "../../ml/data/dataset/manifest.ts";
import { InvalidInputError } from "../../ml/errors.ts";
import { count, type DataOptions, dataFolder, outFolder, stamp, timeOf, wholeNumber } from "./data/options.ts";
import { commandProgress } from "./data/progress.ts";
import { answer, examples, guarded } from "./options.ts";
import { formatTable } from "./table.ts";
import { wrap } from "./wrap.ts";

interface BuildOptions extends DataOptions {
  readonly market: readonly string[];
  readonly horizon: string;
  readonly stride: string;
  readonly ranges: string;
  readonly warmUp: string;
  readonly numeraire?: string;
  readonly from?: string;
  readonly to?: string;
  readonly outside?: boolean;
  readonly seed: string;
}

const right = { align: "right" as const };

/** `dataset …`: files to train models on: features, and what ranges earned and lost after them. */
export function registerDataset(program: Command): void {
  const dataset = program.command("dataset").description("training sets: build, show, verify");
  registerBuild(dataset);
  registerShow(dataset);
  registerVerify(dataset);
}

function registerBuild(dataset: Command): void {
  const build = dataset
    .command("build")
    .description("features at each time, and exact fee, IL and LVR labels of drawn ranges")
    .option("--data <dir>", "the data folder (default: RANGEKEEPER_DATA)")
    .option("--out <dir>", "the folder to write to; a set in it is replaced")
    .option("--market <name>", "of events or bars, may be repeated (default: the training set)", collect, [])
    .option("--horizon <list>", "how far ahead, from 1h to 7d, divided by commas", "1h,4h,1d,7d")
    .option("--stride <hours>", "hours between times", "1")
    .option("--ranges <n>", "ranges drawn at each time", "4")
    .option("--warm-up <hours>", "hours of history before the first time", "24")
    .option("--numeraire <token>", "0 or 1: the token that is the asset (default: the dollar)")
    .option("--from <time>", "first time of a row, unix seconds or 2024-01-05T12:00:00Z")
    .option("--to <time>", "last time of a label")
    .option("--outside", "tell funding, implied volatility, gas and moods where DIR knows them")
    .option("--seed <n>", "of what is drawn", "1")
    .option("--json", "answer in JSON")
    .action((options: BuildOptions) =>
      guarded(options, async () => {
        const progress = commandProgress(options.json);
        const whole = (flag: string, text: string, least: number, most: number) =>
          wholeNumber(flag, text, { least, most }) ?? least;
        const manifest = await buildDataset({
          dataFolder: dataFolder(options),
          out: outFolder(options),
          seed: whole("--seed", options.seed, 0, 2 ** 32 - 1),
          markets: options.market,
          samples: {
            strideHours: whole("--stride", options.stride, 1, 24 * 365),
            rangesPerTime: whole("--ranges", options.ranges, 1, 1_000),
            horizonsSeconds: options.horizon.split(",").map(horizonOf),
            warmUpHours: whole("--warm-up", options.warmUp, 1, 24 * 365),
          },
          numeraire: numeraireOf(options.numeraire),
          fromSeconds: timeOf("--from", options.from),
          toSeconds: timeOf("--to", options.to),
          outside: options.outside === true,
          progress: progress.at,
        });
        progress.end();
        answer(options, manifest, () => describe(manifest));
      }),
    );
  examples(
    build,
    "rangekeeper dataset build --data DIR --out ml/train/data",
    "rangekeeper dataset build --data DIR --out OUT --horizon 1h,4h \\",
    "  --warm-up 6 --market ethereum_usdc_weth_005_events_2024-01-05",
    "rangekeeper dataset build --data DIR --out OUT --outside \\",
    "  --market binance_spot_ethusdt_1h_2017_2024-06",
  );
}

function registerShow(dataset: Command): void {
  const show = dataset
    .command("show")
    .description("what a training set holds and what it was made of")
    .argument("<dir>", "folder of the set")
    .option("--json", "answer in JSON")
    .action((folder: string, options: DataOptions) =>
      guarded(options, async () => {
        const manifest = readDataset(folder);
        answer(options, manifest, () => describe(manifest));
      }),
    );
  examples(show, "rangekeeper dataset show ml/train/data");
}

function registerVerify(dataset: Command): void {
  const verify = dataset
    .command("verify")
    .description("hold the files of a training set against their hashes")
    .argument("<dir>", "folder of the set")
    .option("--data <dir>", "hold its sources in this data folder against theirs too")
    .option("--json", "answer in JSON")
    .action((folder: string, options: DataOptions) =>
      guarded(options, async () => {
        const faults = verifyDataset(folder, options.data);
        if (faults.length > 0) process.exitCode = 1;
        const { hash, outputs, sources } = readDataset(folder);
        const sourced = options.data === undefined ? "" : ` and ${sources.length} sources`;
        answer(options, { ok: faults.length === 0, hash, faults }, () =>
          faults.length === 0
            ? `ok: ${outputs.length} files${sourced} are those of the manifest\nhash ${hash}`
            : faults.map(({ file, what }) => wrap(`${file}: ${what}`, 2)).join("\n"),
        );
      }),
    );
  examples(verify, "rangekeeper dataset verify ml/train/data", "rangekeeper dataset verify ml/train/data --data DIR");
}

const collect = (value: string, before: readonly string[]): string[] => [...before, value];

const HORIZON_RULE = "rule: must be hours or days from 1h to 7d, divided by commas, such as 1h,4h,1d,7d";

function horizonOf(text: string): number {
  const match = /^(\d+)([hd])$/.exec(text.trim());
  const seconds = match === null ? 0 : Number(match[1]) * (match[2] === "d" ? 86_400 : 3_600);
  if (seconds >= 3_600 && seconds <= 7 * 86_400) return seconds;
  throw new InvalidInputError(`--horizon: ${JSON.stringify(text)}; ${HORIZON_RULE}`);
}

function numeraireOf(text: string | undefined): 0 | 1 | undefined {
  if (text === undefined) return undefined;
  if (text === "0" || text === "1") return text === "0" ? 0 : 1;
  throw new InvalidInputError(`--numeraire: ${text}; rule: must be 0 or 1, the token that is the asset`);
}

function describe({ schema, featureNames, outputs, series, sources, notes, seed, hash }: DatasetManifest): string {
  const tables = formatTable(
    [{ title: "file" }, { title: "rows", ...right }, { title: "columns", ...right }, { title: "bytes", ...right }],
    outputs.map(({ file, rows, columns, bytes }) => [file, count(rows), String(columns.length), count(bytes)]),
  );
  const spans = formatTable(
    [{ title: "series", max: 38 }, { title: "from" }, { title: "to" }, { title: "rows", ...right }],
    series.map(({ name, from, to, rows }) => [name, stamp(from), stamp(to).slice(0, 10), count(rows)]),
  );
  const made = formatTable(
    [{ title: "source", max: 52 }, { title: "licence" }, { title: "sha256" }],
    sources.map(({ file, licence, sha256 }) => [file, licence, `${sha256.slice(0, 10)}…`]),
  );
  const said = notes.map((note) => wrap(`note: ${note}`, 2));
  return [
    tables,
    spans,
    made,
    [`features ${schema}: ${featureNames.length}; seed ${seed}`, ...said, `hash ${hash}`].join("\n"),
  ].join("\n\n");
}
