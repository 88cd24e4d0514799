import { existsSync } from "node:fs";
import { type Command, Option } from "commander";
import { MODEL_SETS, resolveModelSet } from "../../../ml/models/index.ts";
import { type FoundPackage, readPackage } from "../../../ml/models/resolve.ts";
import { commit, readRegistry } from "../../../ml/registry/files.ts";
import { type Evidence, GATE_RULES, type GateCheck, type GateRules, gate } from "../../../ml/registry/gate.ts";
import {
  ALIASES,
  type Alias,
  type Entry,
  findEntry,
  nameOf,
  pointAlias,
  type Registry,
} from "../../../ml/registry/registry.ts";
import { requireSigner } from "../../../ml/registry/signature.ts";
import { ConfigError, RefusedError } from "../../errors.ts";
import { columnsTable } from "../columns.ts";
import { withJournal } from "../journalFile.ts";
import { answer, examples, guarded } from "../options.ts";
import { backtestEvidence, evidenceHash, isSame, parityEvidence, readBacktest, shadowEvidence } from "./evidence.ts";
import {
  configNamed,
  entryNamed,
  type ModelOptions,
  modelsConfig,
  packageNamed,
  withModelOptions,
  writtenBy,
} from "./shared.ts";

interface PromoteOptions extends ModelOptions {
  readonly to: Alias;
  readonly journal?: string;
  readonly report?: string;
  readonly parity?: string;
  readonly shadowDays?: string;
  readonly decisions?: string;
  readonly drawdownSlack?: string;
  readonly outOfDomain?: string;
  readonly parityDifferences?: string;
  readonly force?: boolean;
}

/** `model promote`: moves an alias, the champion's only through the gate; exit status 3 where it refuses. */
export function registerModelPromote(model: Command): void {
  const limit = (what: string, key: keyof GateRules) =>
    `gate: ${what} (default: models.gate.${key}, else ${GATE_RULES[key]})`;
  const verb = withModelOptions(
    model
      .command("promote")
      .description("let an alias mean this version; champion only through the gate")
      .argument("<model>", "NAME@VERSION, or NAME for its newest")
      .addOption(new Option("--to <alias>", "the alias").choices(ALIASES).default("champion"))
      .option("--journal <file>", "journal in which it ran as challenger (default: the configuration's)")
      .option("--report <file>", "backtest -m CANDIDATE CHAMPION --json, of a span it never saw")
      .option("--parity <file>", "what parity --json answered")
      .option("--shadow-days <n>", limit("days beside the champion", "shadowDays"))
      .option("--decisions <n>", limit("decisions answered", "decisions"))
      .option("--drawdown-slack <x>", limit("deeper than the champion's, of capital", "drawdownSlack"))
      .option("--out-of-domain <x>", limit("part held as out of domain", "outOfDomain"))
      .option("--parity-differences <n>", limit("decisions that came out otherwise", "parityDifferences"))
      .option("--force", "promote in spite of the gate; it is written down"),
  ).action((reference: string, options: PromoteOptions) => guarded(options, () => promote(reference, options)));
  examples(
    verb,
    "rangekeeper model promote my-rule --to shadow",
    "rangekeeper model promote my-rule@0.1.0 --journal journal.db \\",
    "    --report backtest.json --parity parity.json",
  );
}

async function promote(reference: string, options: PromoteOptions): Promise<void> {
  const { to: alias } = options;
  const { registry: folder, signers, gate: limits } = modelsConfig(options);
  const rules = rulesOf(options, limits);
  const registry = readRegistry(folder);
  const entry = entryNamed(registry, reference, folder);
  if (entry.retiredAt !== null) throw new RefusedError(`${nameOf(entry)} is retired since ${entry.retiredAt}`);
  const from = registry.aliases[alias][entry.task] ?? null;
  if (from === nameOf(entry)) throw new RefusedError(`${nameOf(entry)} is the ${alias} already`);
  const found = packageNamed(nameOf(entry), folder);
  requireSigner(found, signers);
  const evidence =
    alias === "champion" ? await evidenceOf(found, championTest(entry, registry, folder), options) : null;
  const checks = evidence === null ? [] : gate(evidence, rules);
  const refusals = checks
    .filter(({ passes }) => !passes)
    .map(({ name, rule, found: was }) => `${name}: ${was}; rule: ${rule}`);
  if (refusals.length > 0 && !options.force) {
    if (!options.json) process.stdout.write(`${formatGate(checks)}\n`);
    throw new RefusedError(`${nameOf(entry)} is not promoted: ${refusals.join("; ")}`);
  }
  commit(folder, pointAlias(registry, alias, entry.task, nameOf(entry)), {
    ...writtenBy(entry),
    action: "promote",
    alias,
    from,
    to: nameOf(entry),
    evidence: evidence === null ? null : evidenceHash(evidence),
    forced: refusals.length > 0,
    refusals,
  });
  answer(options, { alias, task: entry.task, from, to: nameOf(entry), checks, forced: refusals.length > 0 }, () =>
    [
      ...(checks.length > 0 ? [formatGate(checks)] : []),
      `${alias} of ${entry.task}: ${from ?? "none"} -> ${nameOf(entry)}${refusals.length > 0 ? " (forced)" : ""}`,
    ].join("\n"),
  );
}

async function evidenceOf(
  { manifest }: FoundPackage,
  isChampion: (set: string) => boolean,
  options: PromoteOptions,
): Promise<Evidence> {
  const { report, parity } = options;
  const journal = journalOf(options);
  return {
    shadow: journal === null ? null : await withJournal(journal, (open) => shadowEvidence(open, manifest)),
    backtest: report === undefined ? null : backtestEvidence(readBacktest(report), manifest, isChampion, report),
    parity: parity === undefined ? null : parityEvidence(parity),
  };
}

/** The journal that is named, else the configuration's where a worker has written one; null where there is none. */
function journalOf(options: PromoteOptions): string | null {
  const { journal } = options;
  if (journal !== undefined) {
    if (existsSync(journal)) return journal;
    throw new ConfigError(`--journal: ${journal}; rule: the file must exist (a worker writes it)`);
  }
  const path = configNamed(options)?.journal.path;
  return path !== undefined && existsSync(path) ? path : null;
}

/** Whether a set is the champion's: by its model of this task; before any promotion, the set that ships. */
function championTest(entry: Entry, registry: Registry, folder: string): (set: string) => boolean {
  const named = registry.aliases.champion[entry.task];
  const champion = named === undefined ? null : findEntry(registry, named);
  return (set) => {
    if (champion === null) return set === "rangekeeper" && Object.hasOwn(MODEL_SETS, set);
    if (set === "champion") return true;
    try {
      const found = resolveModelSet(set, { registry: folder })[entry.task].folder;
      return found !== null && isSame(readPackage(found).manifest, { ...champion, id: champion.name });
    } catch {
      return false;
    }
  };
}

/** The configuration's limits, and the flags over them. */
function rulesOf(options: PromoteOptions, limits: GateRules): GateRules {
  const read = (flag: string, text: string | undefined, limit: number, whole: boolean): number => {
    if (text === undefined) return limit;
    const value = Number(text);
    if (text.trim() !== "" && Number.isFinite(value) && value >= 0 && (!whole || Number.isInteger(value))) return value;
    throw new ConfigError(`--${flag}: ${text}; rule: a ${whole ? "whole number" : "number"} from 0`);
  };
  return {
    shadowDays: read("shadow-days", options.shadowDays, limits.shadowDays, false),
    decisions: read("decisions", options.decisions, limits.decisions, true),
    drawdownSlack: read("drawdown-slack", options.drawdownSlack, limits.drawdownSlack, false),
    outOfDomain: read("out-of-domain", options.outOfDomain, limits.outOfDomain, false),
    parityDifferences: read("parity-differences", options.parityDifferences, limits.parityDifferences, true),
  };
}

/** What the gate asked and found, at most 80 columns wide. */
export const formatGate = (checks: readonly GateCheck[]): string =>
  columnsTable(
    ["gate", "", "rule", "found"],
    checks.map(({ name, passes, rule, found }) => [name, passes ? "ok" : "no", rule, found]),
    [21, 4, 30, 24],
    [],
  );
