import { policies } from "../../../ml/backtest/policies/index.ts";
import type { CostSettings, RunSettings } from "../../../ml/backtest/types.ts";
import type { WalkForwardLengths } from "../../../ml/backtest/walkForward.ts";
import { InvalidInputError } from "../../../ml/errors.ts";
import { type LoadOptions, MODEL_SETS, resolveModelSet } from "../../../ml/models/index.ts";
import { ConfigError } from "../../errors.ts";

/** The flags of `rangekeeper backtest`, as commander gives them. */
export interface BacktestFlags {
  readonly models?: readonly string[];
  readonly policy?: readonly string[];
  readonly baselines?: boolean;
  readonly market?: string;
  readonly data?: string;
  readonly config?: string;
  readonly registry?: string;
  readonly range?: string;
  readonly capital: readonly string[];
  readonly latency: readonly string[];
  readonly gasGwei?: string;
  readonly gasScale: readonly string[];
  readonly gasSeries?: string;
  readonly gasTokenPrice?: string;
  readonly mevBps: string;
  readonly feeHaircutBps: readonly string[];
  readonly asset: string;
  readonly feePips?: string;
  readonly decisionSeconds?: string;
  readonly markSeconds: string;
  readonly minHistoryHours?: string;
  readonly limits: boolean;
  readonly allowOverlap?: boolean;
  readonly walkForward?: string;
  readonly embargo: string;
  readonly seed: string;
  readonly threads?: string;
  readonly json?: boolean;
  readonly html?: string;
  readonly csv?: string;
}

const bad = (flag: string, value: unknown, rule: string): ConfigError =>
  new ConfigError(`--${flag}: ${value}; rule: ${rule}`);

/** A number in a span. */
export function numberOf(flag: string, text: string, least: number, most = Number.POSITIVE_INFINITY): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value < least || value > most) {
    const rule = most === Number.POSITIVE_INFINITY ? `a number from ${least}` : `a number from ${least} to ${most}`;
    throw bad(flag, text, rule);
  }
  return value;
}

/** A whole number in a span. */
export function wholeOf(flag: string, text: string, least: number, most = Number.MAX_SAFE_INTEGER): number {
  const value = Number(text);
  if (!/^-?\d+$/.test(text) || value < least || value > most) throw bad(flag, text, `a whole number from ${least}`);
  return value;
}

/** Capitals are above zero. */
export function capitalOf(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value <= 0) throw bad("capital", text, "a number above 0");
  return value;
}

/** The data folder and the market's name. */
export function marketOf({ data, market }: Pick<BacktestFlags, "data" | "market">): { data: string; market: string } {
  const folder = data ?? process.env.RANGEKEEPER_DATA;
  if (!folder) throw bad("data", "not given", "name the data folder by --data or RANGEKEEPER_DATA");
  if (!market) throw bad("market", "not given", "the name of an event or bar file, without .csv.gz");
  return { data: folder, market };
}

/** FROM:TO or FROM..TO, each a date, a date with time, unix seconds, or nothing for the data's own end. */
export function rangeOf(text: string | undefined): { from: number | null; to: number | null } {
  if (text === undefined) return { from: null, to: null };
  const [from, to, ...more] = text.includes("..") ? text.split("..") : text.split(":");
  if (from === undefined || to === undefined || more.length > 0) {
    throw bad("range", text, "FROM:TO in dates or unix seconds, e.g. 2022-07-19:2022-08-01 (with times: FROM..TO)");
  }
  const [start, end] = [timeOf(text, from), timeOf(text, to)];
  if (start !== null && end !== null && start >= end) throw bad("range", text, "it must begin before it ends");
  return { from: start, to: end };
}

function timeOf(range: string, text: string): number | null {
  if (text === "") return null;
  if (/^\d{9,11}$/.test(text)) return Number(text);
  const iso = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?)?Z?$/.test(text) ? text.replace(/Z$/, "") : "";
  const at = Date.parse(iso.includes("T") ? `${iso}Z` : iso);
  if (Number.isNaN(at)) throw bad("range", range, "dates as 2022-07-19 or 2022-07-19T12:00, or unix seconds");
  return at / 1000;
}

/** 10d, 12h or whole seconds. */
export function durationOf(flag: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)(d|h|m|s)?$/.exec(text);
  if (match === null) throw bad(flag, text, "a length of time such as 10d or 12h");
  return Number(match[1]) * { d: 86_400, h: 3600, m: 60, s: 1 }[(match[2] ?? "s") as "d" | "h" | "m" | "s"];
}

/** TRAIN/TEST and the embargo between them. */
export function walkForwardOf({ walkForward, embargo }: Pick<BacktestFlags, "walkForward" | "embargo">) {
  if (walkForward === undefined) return null;
  const [train, test, ...more] = walkForward.split("/");
  if (!train || !test || more.length > 0) throw bad("walk-forward", walkForward, "TRAIN/TEST, e.g. 10d/5d");
  return {
    trainSeconds: durationOf("walk-forward", train),
    testSeconds: durationOf("walk-forward", test),
    embargoSeconds: durationOf("embargo", embargo),
  } satisfies WalkForwardLengths;
}

/** Refuses what is neither a set of this release nor a package that can be found. */
export function checkSet(set: string, lookup: LoadOptions): void {
  try {
    resolveModelSet(set, lookup);
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    throw bad(
      "models",
      set,
      `one of ${Object.keys(MODEL_SETS).join(", ")}, a package's folder, or a name of the registry`,
    );
  }
}

/** What is to be run: model sets and ids of baselines. Without any wish: the shipped models beside all baselines. */
export function chosenPolicies(
  { models, policy, baselines }: Pick<BacktestFlags, "models" | "policy" | "baselines">,
  lookup: LoadOptions,
) {
  for (const id of policy ?? []) {
    if (!Object.hasOwn(policies, id)) throw bad("policy", id, `one of ${Object.keys(policies).join(", ")}`);
  }
  for (const set of models ?? []) {
    checkSet(set, lookup);
  }
  const nothing = models === undefined && policy === undefined && baselines !== true;
  const all = nothing || baselines === true || policy === undefined;
  return {
    sets: models ?? (nothing ? ["rangekeeper"] : []),
    ids: all ? [...new Set([...(policy ?? []), ...Object.keys(policies)])] : (policy ?? []),
  };
}

/** Gas and haircuts that do not differ between the cells of a sweep. */
export type FixedCosts = Omit<CostSettings, "gasScale" | "feeHaircutBps">;

/** The values that a sweep runs over, the first of each being the base. */
export interface SweepAxes {
  readonly capitals: readonly number[];
  readonly latencies: readonly number[];
  readonly gasScales: readonly number[];
  readonly feeHaircutsBps: readonly number[];
}

export const axesOf = (flags: BacktestFlags): SweepAxes => ({
  capitals: flags.capital.map(capitalOf),
  latencies: flags.latency.map((text) => wholeOf("latency", text, 1)),
  gasScales: flags.gasScale.map((text) => numberOf("gas-scale", text, 0)),
  feeHaircutsBps: flags.feeHaircutBps.map((text) => numberOf("fee-haircut-bps", text, 0, 10_000)),
});

/** Every combination of a sweep's values, the base first. */
export const cellsOf = (base: RunSettings, axes: SweepAxes): RunSettings[] =>
  axes.capitals.flatMap((capital) =>
    axes.latencies.flatMap((latencyBlocks) =>
      axes.gasScales.flatMap((gasScale) =>
        axes.feeHaircutsBps.map((feeHaircutBps) => ({
          ...base,
          capital,
          latencyBlocks,
          costs: { ...base.costs, gasScale, feeHaircutBps },
        })),
      ),
    ),
  );
