import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { parse } from "smol-toml";
import { z } from "zod";
import type { TrainingRecord } from "../../../ml/backtest/decisionChoice.ts";
import { VARIANTS } from "../../../ml/backtest/decisionVariants.ts";
import {
  type DecisionWalk,
  type ShareRule,
  shareWindows,
  type TrainingMemory,
  WALK_VERSION,
  walkDecision,
} from "../../../ml/backtest/decisionWalk.ts";
import type { BacktestMarket } from "../../../ml/backtest/market.ts";
import { backtestMarkets, dailyFiles, openMarket, spanStarts, tierUnnamed } from "../../../ml/backtest/resolve.ts";
import { startOn } from "../../../ml/backtest/startOn.ts";
import type { RunSettings } from "../../../ml/backtest/types.ts";
import { listFiles } from "../../../ml/data/market.ts";
import { readCandles } from "../../../ml/data/ohlcv.ts";
import { InvalidInputError } from "../../../ml/errors.ts";
import { loadModelSet } from "../../../ml/models/index.ts";
import { ModelOverlapError } from "../../../ml/runtime/errors.ts";
import type { PoolMeta } from "../../../ml/types.ts";
import { ConfigError } from "../../errors.ts";
import { answer, guarded } from "../options.ts";
import { costsOf } from "./costs.ts";
import { identityOf, keptIn, keyOf, writeJson } from "./keptIn.ts";
import { refuseOverlap, reportModels } from "./models.ts";
import { type BacktestFlags, checkSet, wholeOf } from "./parse.ts";
import { type Progress, terminalProgress } from "./progress.ts";
import { readSetup, type Setup } from "./setup.ts";
import { dayOf, formatWalk } from "./walkTable.ts";

const HOUR = 3600;
const PROTOCOL = fileURLToPath(new URL("../../../ml/train/protocol.toml", import.meta.url));
const DOLLARS = ["USDC", "USDT", "DAI", "USD"];
/** What a file that does not name its tier is taken for. */
const USUAL_TIER = 500;

interface WalkFlags {
  readonly data?: string;
  readonly market?: readonly string[];
  readonly models: string;
  readonly config?: string;
  readonly feePips?: string;
  readonly work: string;
  readonly out?: string;
  readonly seed: string;
  readonly allowOverlap?: boolean;
  readonly json?: boolean;
}

/** `backtest walk-forward`: the decision on every pool of a folder, its settings chosen on the past alone. */
export function registerWalk(backtest: Command): void {
  backtest
    .command("walk-forward")
    .description("the decision on every pool, settings chosen on the past alone")
    .option("--data <dir>", "folder with recorded markets (else RANGEKEEPER_DATA)")
    .option("--market <name...>", "these files only, without .csv.gz (default: all)")
    .option("-m, --models <set>", "a model set; rules were trained on nothing", "rules")
    .option("--config <file>", "TOML with bounds and settings (default: the shipped local.toml)")
    .option("--fee-pips <n>", "fee tier of bar files that do not name it (default: 500)")
    .option("--work <dir>", "keeps each pool's result, so that a stopped run goes on", ".rangekeeper/walk-forward")
    .option("--out <file>", "write the results as JSON")
    .option("--seed <n>", "of the bootstrap", "1")
    .option("--allow-overlap", "let a package run over what it was trained on")
    .option("--json", "answer in JSON")
    .addHelpText(
      "after",
      `
Examples:
  rangekeeper backtest walk-forward --data DIR
  rangekeeper backtest walk-forward --data DIR --market NAME --json
`,
    )
    .action((flags: WalkFlags) =>
      guarded(flags, async () => {
        const progress = terminalProgress(flags.json);
        const report = await walkFolder(flags, progress);
        progress.end();
        if (flags.out !== undefined) writeJson(flags.out, report);
        answer(flags, report, () => formatWalk(report));
        if (report.pools.length === 0) process.exitCode = 1;
      }),
    );
}

const shares = z.object({
  decision_walk_forward: z.object({
    first_share: z.number(),
    window_share: z.number(),
    embargo_seconds: z.number(),
    capital_usd: z.number(),
    bootstrap_block_hours: z.number(),
    interval: z.number(),
  }),
});

interface Protocol {
  readonly rule: ShareRule;
  readonly capitalUsd: number;
  readonly blockHours: number;
  readonly level: number;
}

/** The part of the protocol that fixes how a decision is walked forward. */
export function readProtocol(path = PROTOCOL): Protocol {
  const { decision_walk_forward: fixed } = shares.parse(parse(readFileSync(path, "utf8")));
  return {
    rule: {
      firstShare: fixed.first_share,
      windowShare: fixed.window_share,
      embargoSeconds: fixed.embargo_seconds,
    },
    capitalUsd: fixed.capital_usd,
    blockHours: fixed.bootstrap_block_hours,
    level: fixed.interval,
  };
}

const EXPLORATORY =
  "the protocol chooses settings by headline alone; the ladder of aside, rules and settings, the standard error, the " +
  "budget of moves with its yardstick and the values that compete were fixed after results on these pools had been seen";

export interface WalkReport {
  readonly schema: 1;
  readonly models: string;
  readonly protocol: Protocol;
  /** What departs from the committed protocol. */
  readonly exploratory: string;
  readonly variants: readonly string[];
  readonly pools: readonly (DecisionWalk & { readonly notes: readonly string[]; readonly inSample: boolean })[];
  readonly refused: readonly { readonly market: string; readonly reason: string }[];
}

async function walkFolder(flags: WalkFlags, progress: Progress): Promise<WalkReport> {
  const dataFolder = flags.data ?? process.env.RANGEKEEPER_DATA;
  if (!dataFolder) throw new ConfigError("--data: not given; rule: name the data folder by --data or RANGEKEEPER_DATA");
  const feePips = flags.feePips === undefined ? USUAL_TIER : wholeOf("fee-pips", flags.feePips, 1, 999_999);
  const seed = wholeOf("seed", flags.seed, 0, 2 ** 32 - 1);
  const protocol = readProtocol();
  const setup = readSetup(flags.config);
  checkSet(flags.models, setup.models);
  // Files of days are named too, to say why they are not walked.
  const known = [...backtestMarkets(dataFolder), ...dailyFiles(dataFolder)];
  for (const name of flags.market ?? []) {
    if (!known.includes(name)) {
      throw new ConfigError(`--market: ${name}; rule: a file of ${dataFolder}: ${known.join(", ") || "it holds none"}`);
    }
  }
  if (known.length === 0) throw new ConfigError(`--data: ${dataFolder}; rule: it must hold event or bar files`);
  const pools: WalkReport["pools"][number][] = [];
  const refused: WalkReport["refused"][number][] = [];
  for (const name of flags.market ?? known) {
    const tier = tierUnnamed(name) ? { feePips } : {};
    for (const atSeconds of startsOf(dataFolder, name, tier) ?? [undefined]) {
      const at = atSeconds === undefined ? {} : { atSeconds };
      try {
        const market = openMarket({ dataFolder, name, ...at, ...tier });
        const { models, work, allowOverlap = false } = flags;
        const place = { market, dataFolder, setup, protocol, seed, models, work, allowOverlap };
        pools.push(await walkPool(place, (done) => progress.at(labelOf(name, atSeconds), done)));
      } catch (error) {
        if (!(error instanceof InvalidInputError || error instanceof ModelOverlapError)) throw error;
        refused.push({ market: labelOf(name, atSeconds), reason: error.message });
      }
    }
  }
  const variants = VARIANTS.map(({ id }) => id);
  return { schema: 1, models: flags.models, protocol, exploratory: EXPLORATORY, variants, pools, refused };
}

/** Spans of a file; a file that cannot be read is refused when it is opened, by name. */
function startsOf(dataFolder: string, name: string, tier: { readonly feePips?: number }): number[] | null {
  try {
    return spanStarts({ dataFolder, name, ...tier });
  } catch (error) {
    if (error instanceof InvalidInputError) return null;
    throw error;
  }
}

interface Place {
  readonly market: BacktestMarket;
  readonly dataFolder: string;
  readonly setup: Setup;
  readonly protocol: Protocol;
  readonly seed: number;
  readonly models: string;
  readonly work: string;
  readonly allowOverlap: boolean;
}

async function walkPool(place: Place, onProgress: (done: number) => void): Promise<WalkReport["pools"][number]> {
  const { market, setup, protocol, seed, models: set, work } = place;
  const { description } = market;
  const { rule, blockHours, level } = protocol;
  const { numeraire, capital, notes } = moneyOf(place);
  const { costs, notes: assumed } = costsOf(
    { mevBps: "0" } as BacktestFlags,
    { capitals: [], latencies: [], gasScales: [1], feeHaircutsBps: [0] },
    market,
    numeraire,
  );
  const fromSeconds = startOn(market, description.fromSeconds);
  const settings: RunSettings = {
    capital,
    numeraire,
    decisionSeconds: setup.decisionSeconds,
    latencyBlocks: 1,
    costs,
    seed,
    limits: setup.limits,
    fromSeconds,
    toSeconds: description.toSeconds,
  };
  const [first] = shareWindows(settings, rule);
  const tested = { fromSeconds: first?.testFromSeconds ?? fromSeconds, toSeconds: settings.toSeconds };
  if (!place.allowOverlap) refuseOverlap([set], tested, setup.models);
  // A day's file has less history than a live vault waits for: half of what trains is the most that is waited.
  const most = Math.floor(((settings.toSeconds - fromSeconds) * rule.firstShare) / 2);
  const decision = { ...setup.decision, minHistorySeconds: Math.min(setup.decision.minHistorySeconds, most) };
  const models = await loadModelSet(set, setup.models);
  const { dataSha256: sha } = description;
  const identity = identityOf(models);
  const key = keyOf({ sha, settings, decision, bounds: setup.bounds, protocol, identity, VARIANTS, WALK_VERSION });
  const file = join(work, `${description.name}-${key}.json`);
  const walked: DecisionWalk = existsSync(file)
    ? (JSON.parse(readFileSync(file, "utf8")) as DecisionWalk)
    : await walkDecision({
        market,
        models,
        bounds: setup.bounds,
        decision,
        settings,
        rule,
        blockHours,
        level,
        memory: memoryIn(join(work, `${description.name}-${key}`)),
        now: processorSeconds,
        onProgress,
      });
  if (!existsSync(file)) writeJson(file, walked);
  const inSample = reportModels([set], tested, setup.models).some((model) => model.inSample);
  return { ...walked, notes: [...notes, ...assumed, ...description.notes], inSample };
}

/** Time of the processor: what a loaded machine does besides does not count. */
function processorSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Training records by the id of their candidate. */
function memoryIn(folder: string): TrainingMemory {
  const kept = keptIn(folder);
  return {
    recall: (id) => kept.recall<TrainingRecord>(id),
    keep: (record) => kept.keep(record.id, record),
  };
}

/** The token that is a dollar where there is one, else token0 at the dollar price of a candle file in the same folder. */
function moneyOf({ market, dataFolder, protocol: { capitalUsd } }: Place): {
  readonly numeraire: 0 | 1;
  readonly capital: number;
  readonly notes: readonly string[];
} {
  const { pool, fromSeconds } = market.description;
  if (DOLLARS.includes(pool.token0.symbol)) return { numeraire: 0, capital: capitalUsd, notes: [] };
  if (DOLLARS.includes(pool.token1.symbol)) return { numeraire: 1, capital: capitalUsd, notes: [] };
  const price = dollarsOf(pool, dataFolder, fromSeconds);
  const { symbol } = pool.token0;
  return price === null
    ? { numeraire: 0, capital: 1, notes: [`no candle file tells the price of ${symbol}: the capital is 1 ${symbol}`] }
    : {
        numeraire: 0,
        capital: Number((capitalUsd / price).toPrecision(3)),
        notes: [`${capitalUsd} dollars at ${price.toFixed(0)} dollars a ${symbol}`],
      };
}

function dollarsOf({ token0 }: PoolMeta, dataFolder: string, atSeconds: number): number | null {
  const coin = token0.symbol.toLowerCase().replace(/^w/, "");
  const file = listFiles(dataFolder).find((path) => new RegExp(`${coin}usd[tc]_1h`).test(path));
  if (file === undefined) return null;
  const bar = readCandles(file, HOUR).find(({ endSeconds }) => endSeconds >= atSeconds);
  return bar === undefined || Number.isNaN(bar.close) ? null : Math.exp(bar.close);
}

const labelOf = (name: string, atSeconds: number | undefined): string =>
  atSeconds === undefined ? name : `${name} from ${dayOf(atSeconds)}`;
