import { join } from "node:path";
import type { Command } from "commander";
import { cutPoints, type LookAheadReport, lookAheadCheck } from "../../../ml/backtest/checks/lookAhead.ts";
import { type PlaceboReport, placebo } from "../../../ml/backtest/checks/placebo.ts";
import { type RecursiveReport, recursiveCheck } from "../../../ml/backtest/checks/recursive.ts";
import { VARIANTS } from "../../../ml/backtest/decisionVariants.ts";
import { WALK_VERSION } from "../../../ml/backtest/decisionWalk.ts";
import { modelPolicy } from "../../../ml/backtest/modelPolicy.ts";
import { policies } from "../../../ml/backtest/policies/index.ts";
import { startOn } from "../../../ml/backtest/startOn.ts";
import type { PolicyFactory, RunSettings } from "../../../ml/backtest/types.ts";
import { loadModelSet } from "../../../ml/models/index.ts";
import { ConfigError } from "../../errors.ts";
import { answer, guarded } from "../options.ts";
import { formatTable } from "../table.ts";
import { wrap } from "../wrap.ts";
import { costsOf } from "./costs.ts";
import { openWorkplace } from "./job.ts";
import { identityOf, keptIn, keyOf } from "./keptIn.ts";
import { type BacktestFlags, checkSet, durationOf, marketOf, numberOf, rangeOf, wholeOf } from "./parse.ts";
import { terminalProgress } from "./progress.ts";
import { readSetup, type Setup } from "./setup.ts";
import { readProtocol } from "./walk.ts";

const DAY = 86_400;
const right = { align: "right" as const };

/** `backtest placebo` and `backtest check`: whether a backtest can be believed. A check that fails exits with 1. */
export function registerBacktestChecks(backtest: Command): void {
  backtest
    .command("placebo")
    .description("run the baselines where nobody has an edge: none may show one")
    .option("--seeds <n>", "markets, at least 4", "16")
    .option("--seed <n>", "of the first market", "1")
    .option("--days <n>", "length of each, above 3 (which are history)", "10")
    .option("--fee-pips <n>", "500, 3000 or 10000", "3000")
    .option("--sigma <n>", "volatility a day", "0.05")
    .option("--policy <id...>", "these baselines only")
    .option("-m, --models <set>", "also the decision with these models, walked forward")
    .option("--work <dir>", "keeps each market's outcomes, so that a stopped run goes on")
    .option("--json", "answer in JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  rangekeeper backtest placebo --seeds 32 --days 20\n  rangekeeper backtest placebo -m rules --policy full-range --seeds 8\n",
    )
    .action((flags: PlaceboFlags) => guarded(flags, () => runPlacebo(flags)));
  backtest
    .command("check")
    .description("does a policy look ahead, and how much history does it need?")
    .option("--policy <id>", "a baseline (see `backtest list`)")
    .option("-m, --models <set>", "or a model set")
    .option("--market <name>", "event or bar file without .csv.gz")
    .option("--data <dir>", "folder with recorded markets (else RANGEKEEPER_DATA)")
    .option("--config <file>", "TOML with bounds and settings (default: the shipped local.toml)")
    .option("--range <from:to>", "what is decided; what is before is history (default: the second half)")
    .option("--asset <0|1>", "which token of the pool is the vault's asset", "0")
    .option("--fee-pips <n>", "fee tier of a bar file that does not name it")
    .option("--capital <n>", "whole asset units", "10000")
    .option("--decision-seconds <n>", "between decisions, e.g. 3600 or 1h", "1h")
    .option("--cuts <n>", "times at which the data are cut", "4")
    .option("--warm-up <list>", "history before the first decision, e.g. 0h,6h,1d,7d", "0h,6h,1d,3d,7d,14d")
    .option("--json", "answer in JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  rangekeeper backtest check --policy fixed-10-reset --data DIR --market NAME\n  rangekeeper backtest check -m rules --data DIR --market NAME --json\n",
    )
    .action((flags: CheckFlags) => guarded(flags, () => runCheck(flags)));
}

interface PlaceboFlags {
  readonly seeds: string;
  readonly seed: string;
  readonly days: string;
  readonly feePips: string;
  readonly sigma: string;
  readonly policy?: readonly string[];
  readonly models?: string;
  readonly work?: string;
  readonly json?: boolean;
}

/** The decision as it ships, with settings that each placebo market's own past chooses. */
async function walkedWith(set: string) {
  const { bounds, decision, models: lookup } = readSetup(undefined);
  checkSet(set, lookup);
  const { rule, blockHours } = readProtocol();
  return { models: await loadModelSet(set, lookup), bounds, decision, rule, blockHours };
}

/** What an outcome depends on besides the market's length and seed. */
function placeboKey(
  drawn: object,
  { policies: named }: { readonly policies?: object },
  { walked }: { readonly walked?: Awaited<ReturnType<typeof walkedWith>> },
): string {
  const decided = walked === undefined ? null : { ...walked, models: identityOf(walked.models) };
  return `placebo-${keyOf({ drawn, ids: Object.keys(named ?? policies), decided, VARIANTS, WALK_VERSION })}`;
}

async function runPlacebo(flags: PlaceboFlags): Promise<void> {
  const progress = terminalProgress(flags.json);
  const feePips = wholeOf("fee-pips", flags.feePips, 1);
  if (![500, 3000, 10_000].includes(feePips)) throw new ConfigError(`--fee-pips: ${feePips}; rule: 500, 3000 or 10000`);
  const sigmaPerDay = numberOf("sigma", flags.sigma, 0.001, 1);
  const drawn = { seed: wholeOf("seed", flags.seed, 0, 2 ** 31), feePips, sigmaPerDay, capital: 10_000 };
  const sized = {
    markets: wholeOf("seeds", flags.seeds, 4, 10_000),
    days: numberOf("days", flags.days, 3.5, 365),
  };
  const checked = flags.policy === undefined ? {} : { policies: chosen(flags.policy) };
  const walked = flags.models === undefined ? {} : { walked: await walkedWith(flags.models) };
  const report = await placebo({
    ...drawn,
    ...sized,
    ...checked,
    ...walked,
    ...(flags.work === undefined ? {} : { kept: keptIn(join(flags.work, placeboKey(drawn, checked, walked))) }),
    onProgress: (done) => progress.at("placebo", done),
  });
  progress.end();
  answer(flags, report, () => formatPlacebo(report));
  if (!report.passes) process.exitCode = 1;
}

function formatPlacebo({ rows, passes, excluded, markets, events, level }: PlaceboReport): string {
  const bps = (value: number) => value.toFixed(1);
  const table = formatTable(
    [
      { title: "policy", max: 16 },
      { title: "moves", ...right },
      { title: "fees − LVR", ...right },
      { title: "lower", ...right },
      { title: "headline", ...right },
      { title: "lower", ...right },
      { title: "upper", ...right },
      { title: "" },
    ],
    rows.map((row) => [
      row.id,
      row.moves.toFixed(0),
      ...[row.edge, row.edgeLower, row.headline, row.lower, row.upper].map(bps),
      row.clairvoyant ? "bound" : row.passes ? "ok" : "EDGE",
    ]),
  );
  const found = rows.filter((row) => !row.clairvoyant && !row.passes).map(({ id }) => id);
  const verdict = passes
    ? "No policy shows an edge where there is none."
    : `An edge where there is none: ${found.join(", ")}. Something saw the future, or paid what nobody paid.`;
  const how =
    `${markets} markets without drift in which fees pay LVR in expectation, ${events} swaps; basis points of capital, ` +
    `no gas. Intervals hold for all policies at once at ${100 * (1 - level)}%.` +
    (excluded.length > 0 ? ` Not held to the rule, for they look ahead: ${excluded.join(", ")}.` : "");
  return `${table}\n\n${wrap(how, 0)}\n${wrap(verdict, 0)}`;
}

interface CheckFlags {
  readonly policy?: string;
  readonly models?: string;
  readonly market?: string;
  readonly data?: string;
  readonly config?: string;
  readonly range?: string;
  readonly asset: string;
  readonly feePips?: string;
  readonly capital: string;
  readonly decisionSeconds: string;
  readonly cuts: string;
  readonly warmUp: string;
  readonly json?: boolean;
}

async function runCheck(flags: CheckFlags): Promise<void> {
  const setup = readSetup(flags.config);
  const { id, policy } = await policyOf(flags, setup);
  const { market, settings, dataFrom } = openCheck(flags, setup);
  const available = settings.fromSeconds - dataFrom;
  const asked = flags.warmUp.split(",").map((text) => durationOf("warm-up", text.trim()));
  const warmUpSeconds = [...asked.filter((seconds) => seconds < available), available];
  const progress = terminalProgress(flags.json);
  const lookAhead = await lookAheadCheck({
    market,
    policy,
    settings,
    cuts: cutPoints(settings, wholeOf("cuts", flags.cuts, 1, 100)),
    onProgress: (done) => progress.at("look-ahead", done),
  });
  const recursive = await recursiveCheck({
    market,
    policy,
    settings,
    warmUpSeconds,
    onProgress: (done) => progress.at("history", done),
  });
  progress.end();
  answer(flags, { policy: id, market: market.description.name, lookAhead, recursive }, () =>
    formatCheck(id, lookAhead, recursive),
  );
  if (!lookAhead.passes) process.exitCode = 1;
}

async function policyOf({ policy, models }: CheckFlags, setup: Setup): Promise<{ id: string; policy: PolicyFactory }> {
  if ((policy === undefined) === (models === undefined)) {
    throw new ConfigError(`--policy: ${policy ?? "not given"}; rule: name one policy, or one model set by --models`);
  }
  if (models !== undefined) {
    const { bounds, decision, models: lookup } = setup;
    checkSet(models, lookup);
    const loaded = await loadModelSet(models, lookup);
    return { id: `model-${models}`, policy: modelPolicy({ models: loaded, bounds, settings: decision }) };
  }
  const id = policy ?? "";
  return { id, policy: chosen([id])[id] as PolicyFactory };
}

function chosen(ids: readonly string[]): Record<string, PolicyFactory> {
  return Object.fromEntries(
    ids.map((id) => {
      if (!Object.hasOwn(policies, id)) {
        throw new ConfigError(`--policy: ${id}; rule: one of ${Object.keys(policies).join(", ")}`);
      }
      return [id, policies[id] as PolicyFactory];
    }),
  );
}

function openCheck(flags: CheckFlags, setup: Setup) {
  const { data, market: name } = marketOf(flags);
  const range = rangeOf(flags.range);
  const market = openWorkplace({
    dataFolder: data,
    market: name,
    setup,
    ...(range.from === null ? {} : { atSeconds: range.from }),
    ...(flags.feePips === undefined ? {} : { feePips: wholeOf("fee-pips", flags.feePips, 1, 999_999) }),
  });
  const { fromSeconds, toSeconds } = market.description;
  const dataFrom = startOn(market, fromSeconds);
  const middle = fromSeconds + Math.min(14 * DAY, (toSeconds - fromSeconds) / 2);
  const from = startOn(market, range.from ?? middle);
  const to = Math.min(range.to ?? toSeconds, toSeconds);
  if (from < dataFrom || from >= to) {
    const text = (seconds: number) => new Date(seconds * 1000).toISOString().slice(0, 16);
    throw new ConfigError(
      `--range: ${flags.range ?? `${text(from)}..${text(to)}`}; rule: inside the data, ${text(dataFrom)} to ${text(toSeconds)}`,
    );
  }
  const numeraire = wholeOf("asset", flags.asset, 0, 1) as 0 | 1;
  const axes = { capitals: [], latencies: [], gasScales: [1], feeHaircutsBps: [0] };
  const gas = { mevBps: "0" } as Pick<BacktestFlags, "mevBps"> as BacktestFlags;
  const settings: RunSettings = {
    capital: numberOf("capital", flags.capital, Number.MIN_VALUE),
    numeraire,
    decisionSeconds: Math.round(durationOf("decision-seconds", flags.decisionSeconds)),
    latencyBlocks: 1,
    costs: costsOf(gas, axes, market, numeraire).costs,
    seed: 1,
    limits: setup.limits,
    fromSeconds: from,
    toSeconds: to,
  };
  return { market, settings, dataFrom };
}

function formatCheck(id: string, lookAhead: LookAheadReport, recursive: RecursiveReport): string {
  const time = (seconds: number) => new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ");
  const cuts = formatTable(
    [
      { title: "data end at (UTC)" },
      { title: "decisions", ...right },
      { title: "different", ...right },
      { title: "first" },
    ],
    lookAhead.cuts.map(({ atSeconds, decisions, differences, first }) => [
      time(atSeconds),
      String(decisions),
      String(differences),
      first === null ? "" : `${first.field} at ${time(first.atSeconds).slice(11)}`,
    ]),
  );
  const verdict = lookAhead.passes
    ? `${id} does not look ahead: decisions and features are the same without the later data.`
    : `${id} LOOKS AHEAD: what it decides or sees depends on data from after the decision.`;
  const hours = (seconds: number) => (seconds % DAY === 0 ? `${seconds / DAY} d` : `${(seconds / 3600).toFixed(1)} h`);
  const history = formatTable(
    [
      { title: "history", ...right },
      { title: "other action", ...right },
      { title: "not identical", ...right },
      { title: "agrees from (UTC)", max: 19 },
      { title: "differing features", max: 21 },
    ],
    recursive.warmUps.map(({ warmUpSeconds, otherKind, otherAnswer, agreesFrom, features }) => [
      hours(warmUpSeconds),
      String(otherKind),
      String(otherAnswer),
      agreesFrom === null ? "the start" : Number.isFinite(agreesFrom) ? time(agreesFrom).slice(0, 16) : "never",
      features.length === 0 ? "none" : `${features.length}: ${features.map(({ name }) => name).join(" ")}`,
    ]),
  );
  const longest = hours(recursive.longestSeconds);
  return [
    cuts,
    wrap(verdict, 0),
    "",
    wrap(`${recursive.decisions} decisions with less history than ${longest}, beside those with all of it:`, 0),
    history,
  ].join("\n");
}
