import type { Command } from "commander";
import { listFiles, type MarketData, resolveMarket, UnknownMarketError } from "../../ml/data/market.ts";
import { readWorld } from "../../ml/data/outside/world.ts";
import { blockOutside } from "../../ml/features/blockOutside.ts";
import { FEATURES } from "../../ml/features/descriptors.ts";
import { FEATURE_SCHEMA } from "../../ml/features/index.ts";
import { windowText } from "../../ml/features/page.ts";
import type { Numeraire } from "../../ml/types.ts";
import { ConfigError } from "../errors.ts";
import { type DataOptions, dataFolder, stamp, timeOf, wholeNumber } from "./data/options.ts";
import { featuresAt, type RecordedFeatures, type Skew, skewOf } from "./features/recorded.ts";
import { streamedSkew } from "./features/streamed.ts";
import { withJournal } from "./journalFile.ts";
import { answer, examples, guarded } from "./options.ts";
import { patiently } from "./progress.ts";
import { formatTable } from "./table.ts";

interface ShowOptions extends DataOptions {
  readonly market?: string;
  readonly at?: string;
  readonly numeraire: string;
  readonly lookback: string;
}

interface SkewOptions extends DataOptions {
  readonly market: string;
  readonly journal?: string;
  readonly lookback: string;
  readonly numeraire: string;
  readonly blocks: string;
}

const LOOKBACK_HOURS = "336";

/** `features show`: what models read, and its values at a time. `features skew`: what was recorded against the same made again. */
export function registerFeatures(program: Command): void {
  const features = program.command("features").description("what models read: show, skew");
  const show = features
    .command("show")
    .description("every feature with unit, window and when it can be known, or its values")
    .option("--market <name>", "show the values in this recorded market of events, and of its world")
    .option("--data <dir>", "the data folder (default: RANGEKEEPER_DATA)")
    .option("--at <time>", "unix seconds or 2024-01-05T12:00:00Z (default: the market's end)")
    .option("--numeraire <token>", "0 or 1: the token that is the asset", "0")
    .option("--lookback <hours>", "history that is looked at", LOOKBACK_HOURS)
    .option("--json", "answer in JSON")
    .action((options: ShowOptions) => guarded(options, async () => showFeatures(options)));
  examples(
    show,
    "rangekeeper features show",
    "rangekeeper features show --data DIR --at 2024-01-05T12:00:00Z \\",
    "  --market ethereum_usdc_weth_005_events_2024-01-05",
  );
  const skew = features
    .command("skew")
    .description("features of a market as they came, bit by bit against the same from its whole file")
    .requiredOption("--market <name>", "a recorded market: events, or bars of whole or divided hours")
    .option("--journal <file>", "those that a worker recorded on it (default: streamed from the file)")
    .option("--data <dir>", "the data folder (default: RANGEKEEPER_DATA)")
    .option("--lookback <hours>", "with --journal: history that the worker held", LOOKBACK_HOURS)
    .option("--numeraire <token>", "without: 0 or 1, the token that is the asset", "0")
    .option("--blocks <n>", "without: blocks of events to compare at, at least; all are streamed", "500")
    .option("--json", "answer in JSON")
    .action((options: SkewOptions) =>
      guarded(options, () =>
        options.journal === undefined ? showStreamed(options) : showSkew(options, options.journal),
      ),
    );
  examples(
    skew,
    "rangekeeper features skew --data DIR --market polygon_usdc_weth_005_minute",
    "rangekeeper features skew --journal rangekeeper.db --data DIR \\",
    "  --market ethereum_usdc_weth_005_events_2024-01-05",
  );
}

const lookbackOf = ({ lookback }: { readonly lookback: string }): number =>
  (wholeNumber("--lookback", lookback, { least: 1 }) ?? 1) * 3600;

/** The market of that name; one that is not there is bad input. */
function marketOf(options: DataOptions, name: string): MarketData {
  try {
    return resolveMarket(dataFolder(options), name);
  } catch (error) {
    if (error instanceof UnknownMarketError) throw new ConfigError(`--market: ${error.message}`);
    throw error;
  }
}

function showFeatures(options: ShowOptions): void {
  if (options.market === undefined) {
    if (options.at !== undefined) throw new ConfigError(`--at: ${options.at}; rule: goes with --market`);
    const list = FEATURES.map(({ compute: _, ...rest }) => rest);
    answer(options, { schema: FEATURE_SCHEMA, features: list }, () => formatList());
    return;
  }
  const numeraire = numeraireOf(options);
  const market = marketOf(options, options.market);
  const atSeconds = timeOf("--at", options.at) ?? market.events.at(-1)?.timestamp ?? 0;
  const { chainId, token0, token1 } = market.pool;
  const world = readWorld(listFiles(dataFolder(options)));
  const outside = world.of({ symbols: [token0.symbol, token1.symbol], chainId });
  const features = featuresAt({ market, numeraire, atSeconds, lookbackSeconds: lookbackOf(options), outside });
  if (features === null) {
    const [first, last] = [market.events[0]?.timestamp ?? 0, market.events.at(-1)?.timestamp ?? 0];
    throw new ConfigError(
      `--at: ${stamp(atSeconds)}; rule: must be an hour or more into the market, ${stamp(first)} to ${stamp(last)}`,
    );
  }
  const rows = FEATURES.map(({ name, unit }, i) => ({ name, value: features.values[i] ?? Number.NaN, unit }));
  const shown = rows.map((row) => ({ ...row, value: Number.isNaN(row.value) ? null : row.value }));
  answer(options, { schema: FEATURE_SCHEMA, market: market.name, atSeconds, features: shown }, () =>
    [
      market.name,
      `${FEATURE_SCHEMA} at ${stamp(atSeconds)} UTC, token${numeraire} the asset`,
      "",
      formatTable(
        [{ title: "feature" }, { title: "value", align: "right" }, { title: "unit", max: 38 }],
        rows.map(({ name, value, unit }) => [name, Number.isNaN(value) ? "missing" : value.toPrecision(6), unit]),
      ),
    ].join("\n"),
  );
}

const formatList = (): string =>
  [
    `${FEATURE_SCHEMA}: ${FEATURES.length} features`,
    "",
    formatTable(
      [
        { title: "feature" },
        { title: "unit", max: 20 },
        { title: "window" },
        { title: "from" },
        { title: "known at", max: 13 },
      ],
      FEATURES.map(({ name, version, unit, windowSeconds, needs, knowable }) => [
        `${name}@${version}`,
        unit,
        windowText(windowSeconds),
        needs,
        knowable,
      ]),
    ),
  ].join("\n");

/** A market as it came against its whole file. */
async function showStreamed(options: SkewOptions): Promise<void> {
  const name = options.market;
  const blocks = wholeNumber("--blocks", options.blocks, { least: 1 }) ?? 1;
  const work = streamedSkew({ dataFolder: dataFolder(options), name, numeraire: numeraireOf(options), blocks }).catch(
    (error) => {
      throw error instanceof UnknownMarketError ? new ConfigError(`--market: ${error.message}`) : error;
    },
  );
  const { kind, streamed, moments, skews } = await patiently(options, `streaming ${name}`, work);
  if (moments === 0) throw new ConfigError(`--market: ${name}; rule: must last an hour or more`);
  const ok = skews.every(({ different }) => different === 0);
  if (!ok) process.exitCode = 1;
  answer(options, { ok, market: name, kind, streamed, moments, features: skews }, () =>
    [`${name}: ${streamed} ${kind}`, formatSkew(`${moments} of these ${kind}`, skews)].join("\n"),
  );
}

function numeraireOf({ numeraire }: { readonly numeraire: string }): Numeraire {
  if (numeraire === "0" || numeraire === "1") return Number(numeraire) as Numeraire;
  throw new ConfigError(`--numeraire: ${numeraire}; rule: must be 0 or 1`);
}

async function showSkew(options: SkewOptions, journalFile: string): Promise<void> {
  const market = marketOf(options, options.market);
  const lookbackSeconds = lookbackOf(options);
  const recorded = await withJournal(journalFile, (journal) =>
    journal.decisions({ candidates: false }).flatMap(({ id, decision, pool }): RecordedFeatures[] => {
      const other = market.pool.address !== null && pool.toLowerCase() !== market.pool.address.toLowerCase();
      if (decision.features === null || other) return [];
      const { atSeconds, numeraire, features } = decision;
      const baseFeePerGas = journal.inputs(id)?.baseFeePerGas;
      return [{ atSeconds, numeraire, values: features.values, baseFeePerGas }];
    }),
  );
  if (recorded.length === 0) {
    throw new ConfigError(`--journal: ${journalFile}; rule: must hold decisions with features of this market's pool`);
  }
  const skews = skewOf(recorded, ({ atSeconds, numeraire, baseFeePerGas }) => {
    // The chain's own word is not in a file of events: it is that of the journal.
    const outside = baseFeePerGas === undefined ? {} : blockOutside(atSeconds, baseFeePerGas);
    return featuresAt({ market, numeraire, atSeconds, lookbackSeconds, outside });
  });
  const ok = skews.every(({ different }) => different === 0);
  if (!ok) process.exitCode = 1;
  answer(options, { ok, decisions: recorded.length, features: skews }, () =>
    formatSkew(`${recorded.length} decisions`, skews),
  );
}

function formatSkew(moments: string, skews: readonly Skew[]): string {
  const different = skews.filter((skew) => skew.different > 0);
  const said =
    different.length === 0
      ? `ok: no bit of any feature differs in ${moments}`
      : `${different.length} features differ in ${moments}`;
  const right = { align: "right" as const };
  const columns = [
    { title: "feature" },
    ...["compared", "one-sided", "different", "largest"].map((title) => ({ title, ...right })),
  ];
  const rows = skews
    .filter(({ compared, oneSided }) => compared + oneSided > 0)
    .map(({ name, compared, oneSided, different: bits, largest }) => [
      name,
      String(compared),
      String(oneSided),
      String(bits),
      largest === 0 ? "0" : largest.toPrecision(3),
    ]);
  return `${said}\n\n${formatTable(columns, rows)}`;
}
