import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { BacktestMarket } from "../../../ml/backtest/market.ts";
import { families } from "../../../ml/backtest/policies/index.ts";
import { buildReport } from "../../../ml/backtest/report.ts";
import type { BacktestReport } from "../../../ml/backtest/reportSchema.ts";
import { startOn } from "../../../ml/backtest/startOn.ts";
import type { RunResult, RunSettings, SweepCell, WalkForwardFold } from "../../../ml/backtest/types.ts";
import { type Choice, choose, foldsOf, type WalkForwardLengths, windowsOf } from "../../../ml/backtest/walkForward.ts";
import { ConfigError } from "../../errors.ts";
import { encodeJson } from "../../json.ts";
import { renderConsole } from "./console.ts";
import { costsOf } from "./costs.ts";
import { csvFiles } from "./csv.ts";
import { type Job, openWorkplace, type PolicySpec, type Workplace } from "./job.ts";
import { refuseOverlap, reportModels } from "./models.ts";
import {
  axesOf,
  type BacktestFlags,
  cellsOf,
  chosenPolicies,
  durationOf,
  marketOf,
  numberOf,
  rangeOf,
  walkForwardOf,
  wholeOf,
} from "./parse.ts";
import type { Progress } from "./progress.ts";
import { readSetup } from "./setup.ts";
import { runJobs } from "./threads.ts";

const PACKAGE = fileURLToPath(new URL("../../../package.json", import.meta.url));
const HOUR = 3600;

/** Everything a command came to. */
export interface BacktestAnswer {
  readonly report: BacktestReport;
  readonly results: readonly RunResult[];
}

/** `rangekeeper backtest`: runs what the flags ask for and builds the report. */
export async function backtest(flags: BacktestFlags, progress: Progress): Promise<BacktestAnswer> {
  const axes = axesOf(flags);
  const setup = setupOf(flags);
  const { sets, ids } = chosenPolicies(flags, setup.models);
  const folds = walkForwardOf(flags);
  const range = rangeOf(flags.range);
  const { data, market: name } = marketOf(flags);
  const place: Workplace = {
    dataFolder: data,
    market: name,
    setup: { bounds: setup.bounds, decision: setup.decision, models: setup.models },
    ...(range.from === null ? {} : { atSeconds: range.from }),
    ...(flags.feePips === undefined ? {} : { feePips: wholeOf("fee-pips", flags.feePips, 1, 999_999) }),
    ...(flags.gasSeries === undefined ? {} : { gasSeries: flags.gasSeries }),
  };
  const market = openWorkplace(place);
  const numeraire = wholeOf("asset", flags.asset, 0, 1) as 0 | 1;
  const { costs, notes } = costsOf(flags, axes, market, numeraire);
  const base: RunSettings = {
    capital: axes.capitals[0] ?? 0,
    numeraire,
    decisionSeconds: setup.decisionSeconds,
    latencyBlocks: axes.latencies[0] ?? 1,
    costs,
    seed: wholeOf("seed", flags.seed, 0, 2 ** 32 - 1),
    limits: flags.limits ? setup.limits : null,
    markSeconds: wholeOf("mark-seconds", flags.markSeconds, 0),
    ...spanOf(range, market),
  };
  const threads = flags.threads === undefined ? {} : { threads: wholeOf("threads", flags.threads, 1, 256) };
  const run = (stage: string, jobs: readonly Job[]) =>
    runJobs({ place, market, jobs, ...threads, onProgress: (done) => progress.at(stage, done) });

  const walked = folds === null ? null : await walkForward(base, folds, ids, run);
  const settings = walked === null ? base : { ...base, fromSeconds: walked.fromSeconds };
  if (flags.allowOverlap !== true) refuseOverlap(sets, settings, setup.models);
  const models = sets.map((set): PolicySpec => ({ kind: "models", set }));
  const rules = ids.map((id): PolicySpec => ({ kind: "baseline", id }));
  const all = [...models, ...(walked?.policies ?? []), ...rules];
  // Sweeps are for what was asked for by name; without a name, for everything.
  const named = flags.policy === undefined ? models : [...models, ...rules.filter((spec) => isNamed(spec, flags))];
  const cells = cellsOf(settings, axes).slice(1);
  const swept = named.length > 0 ? named : all;
  const jobs = [
    ...all.map((policy): Job => ({ policy, settings })),
    ...swept.flatMap((policy) => cells.map((cell): Job => ({ policy, settings: cell }))),
  ];
  const done = (await run("backtest", jobs)).map((result) => withNotes(result, notes));
  progress.end();
  const results = done.slice(0, all.length);
  const first = results[0];
  if (first === undefined) throw new ConfigError("--policy: nothing; rule: at least one policy must be run");
  const { models: _lookup, ...hashed } = setup;
  const report = buildReport({
    results: [first, ...results.slice(1)],
    ...subjectOf(flags, results),
    sweep: cells.length === 0 ? [] : sweepOf(done, all.length, swept.length),
    walkForward: walked === null ? [] : walked.folds(results),
    models: reportModels(sets, settings, setup.models),
    configSha256: createHash("sha256")
      .update(encodeJson({ setup: hashed, settings, axes }))
      .digest("hex"),
    codeVersion: JSON.parse(readFileSync(PACKAGE, "utf8")).version,
    horizonSeconds: setup.decision.horizonSeconds,
  });
  return { report, results };
}

/** Prints an answer and writes the files that were asked for. */
export async function present({ report, results }: BacktestAnswer, flags: BacktestFlags): Promise<void> {
  if (flags.html !== undefined) {
    const { renderHtml } = await import("./html.ts");
    writeFile(flags.html, renderHtml(report));
  }
  if (flags.csv !== undefined) {
    for (const [name, text] of Object.entries(csvFiles(results, report))) writeFile(join(flags.csv, name), text);
  }
  process.stdout.write(flags.json ? `${encodeJson(report)}\n` : `${renderConsole(report)}\n`);
}

function writeFile(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

function setupOf(flags: BacktestFlags) {
  const setup = readSetup(flags.config);
  const hours = flags.minHistoryHours;
  return {
    ...setup,
    models: flags.registry === undefined ? setup.models : { ...setup.models, registry: flags.registry },
    decision:
      hours === undefined
        ? setup.decision
        : { ...setup.decision, minHistorySeconds: numberOf("min-history-hours", hours, 0) * HOUR },
    decisionSeconds:
      flags.decisionSeconds === undefined
        ? setup.decisionSeconds
        : Math.round(durationOf("decision-seconds", flags.decisionSeconds)),
  };
}

/** The span to trade: the data's own, on whole minutes, cut to what was asked for. */
function spanOf({ from, to }: { from: number | null; to: number | null }, market: BacktestMarket) {
  const { description } = market;
  const start = startOn(market, description.fromSeconds);
  const text = (seconds: number) => new Date(seconds * 1000).toISOString().slice(0, 16);
  const data = `${text(description.fromSeconds)} to ${text(description.toSeconds)}`;
  const fromSeconds = startOn(market, Math.max(from ?? start, start));
  const toSeconds = Math.min(to ?? description.toSeconds, description.toSeconds);
  if ((from ?? start) >= description.toSeconds || toSeconds <= fromSeconds) {
    throw new ConfigError(
      `--range: ${text(from ?? start)}:${text(toSeconds)}; rule: it must overlap the data, ${data}`,
    );
  }
  return { fromSeconds, toSeconds };
}

interface Walked {
  readonly fromSeconds: number;
  readonly policies: readonly PolicySpec[];
  folds(results: readonly RunResult[]): WalkForwardFold[];
}

/** Lets each family's policies compete on every training window; the winners are what is run. */
async function walkForward(
  base: RunSettings,
  lengths: WalkForwardLengths,
  ids: readonly string[],
  run: (stage: string, jobs: readonly Job[]) => Promise<RunResult[]>,
): Promise<Walked> {
  const windows = windowsOf(base, lengths);
  const competing = Object.entries(families)
    .map(([family, members]) => ({ family, members: members.filter((id) => ids.includes(id)) }))
    .filter(({ members }) => members.length > 1);
  if (competing.length === 0) {
    throw new ConfigError(
      `--walk-forward: ${ids.join(", ")}; rule: it needs two policies of one family at least, of ${Object.keys(families).join(", ")}`,
    );
  }
  const jobs = competing.flatMap(({ members }) =>
    windows.flatMap(({ trainFromSeconds, trainToSeconds }) =>
      members.map((id): Job => {
        const settings = { ...base, fromSeconds: trainFromSeconds, toSeconds: trainToSeconds };
        return { policy: { kind: "baseline", id }, settings };
      }),
    ),
  );
  const trained = await run("training windows", jobs);
  const choices = new Map<string, readonly Choice[]>();
  let next = 0;
  for (const { family, members } of competing) {
    const made: Choice[] = [];
    for (const window of windows) {
      made.push(choose(window, trained.slice(next, next + members.length)));
      next += members.length;
    }
    choices.set(family, made);
  }
  return {
    fromSeconds: windows[0]?.testFromSeconds ?? base.fromSeconds,
    policies: [...choices].map(([family, made]) => ({ kind: "walk-forward", family, choices: made })),
    folds: (results) =>
      [...choices].flatMap(([family, made]) => {
        const result = results.find(({ policy }) => policy.id === `walk-forward-${family}`);
        return result === undefined ? [] : foldsOf(family, made, result);
      }),
  };
}

const isNamed = (spec: PolicySpec, { policy }: BacktestFlags): boolean =>
  spec.kind === "baseline" && (policy ?? []).includes(spec.id);

/** What was named first is what the report is about. */
function subjectOf({ policy, models }: BacktestFlags, results: readonly RunResult[]): { subject?: string } {
  const subject = models === undefined ? policy?.[0] : results[0]?.policy.id;
  return subject === undefined ? {} : { subject };
}

const withNotes = (result: RunResult, notes: readonly string[]): RunResult =>
  notes.length === 0 ? result : { ...result, warnings: [...result.warnings, ...notes] };

/** The base runs of what is swept, and their cells. */
function sweepOf(done: readonly RunResult[], runs: number, swept: number): SweepCell[] {
  const cells = done.slice(runs);
  const ids = new Set(cells.map(({ policy }) => policy.id));
  const bases = done.slice(0, runs).filter(({ policy }) => ids.has(policy.id));
  if (bases.length !== swept) throw new TypeError(`${bases.length} base runs for ${swept} swept policies`);
  return [...bases, ...cells].map(({ policy, settings, waterfall }) => ({ policy, settings, waterfall }));
}
