import { type Command, InvalidArgumentError, Option } from "commander";
import type { Candidate, Decision } from "../../ml/types.ts";
import { openChain } from "../chain/open.ts";
import { getBlock } from "../chain.ts";
import { decideAt } from "../decideAt.ts";
import { ConfigError } from "../errors.ts";
import { poolGroups } from "../main.ts";
import { loadConfigured } from "../modelsInUse.ts";
import { explainDecision } from "./explain.ts";
import { withAnyJournal } from "./journalFile.ts";
import { answer, type CommonOptions, examples, guarded, readConfig, withCommonOptions } from "./options.ts";
import { patiently } from "./progress.ts";
import { statedWords } from "./statedWords.ts";
import { formatTable } from "./table.ts";
import { vaultNamed } from "./vaultNamed.ts";
import { wrap } from "./wrap.ts";

type ScoreOptions = CommonOptions & { readonly top: number; readonly explain?: boolean };

/** `score VAULT`: the candidate table at the newest block; nothing is journaled or sent. */
export function registerScore(program: Command): void {
  const score = withCommonOptions(
    program
      .command("score")
      .argument("<vault>", "name or address of a configured vault")
      .description("the candidate table now, with why each range is taken or not; nothing is sent"),
  )
    .addOption(new Option("--top <n>", "how many ranges, the best first").argParser(wholeAbove0).default(12))
    .option("--explain", "what each column costs the chosen one, and what the best of the others lacked")
    .action((wanted: string, options: ScoreOptions) =>
      guarded(options, async () => {
        const { decision, inputs } = await patiently(options, "scoring", scoreNow(wanted, options));
        answer(options, decision, () =>
          options.explain === true ? explainDecision(decision, inputs.settings) : formatDecision(decision, options.top),
        );
      }),
    );
  examples(
    score,
    'rangekeeper score "Rangekeeper WETH" --config vaults.toml',
    "rangekeeper score 0x5FbD...0aa3 --top 40 --models rules",
    "rangekeeper score demo --explain",
    "rangekeeper score demo --json | jq '.candidates[] | select(.refusal == null)'",
  );
}

/** An option's whole number above 0. */
export function wholeAbove0(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError(`${text}; rule: a whole number above 0.`);
}

async function scoreNow(wanted: string, options: CommonOptions) {
  const config = readConfig(options);
  const vault = vaultNamed(config, wanted);
  const { client } = await openChain(config);
  const [group] = await poolGroups(config, [vault], client, null);
  if (!group) throw new ConfigError(`vault: ${wanted}; rule: must have a pool`);
  const block = await getBlock(client, "latest");
  const [history, models] = await Promise.all([group.history.at(block), loadConfigured(config)]);
  return withAnyJournal(config.journal.path, (journal) =>
    decideAt({ client, config, journal, models, group, vault, block, history }),
  );
}

/**
 * The decision in words and its best candidates, at most 80 columns wide. Amounts in basis points of NAV over the
 * horizon; "in" is the expected share of the horizon inside the range.
 */
export function formatDecision(decision: Decision, top: number): string {
  const named = decision.candidates.map((candidate, index) => ({ candidate, chosen: index === decision.chosen }));
  const shown = new Set([...named].sort((a, b) => b.candidate.netBps - a.candidate.netBps).slice(0, top));
  for (const entry of named) if (entry.chosen || entry.candidate.kind !== "range") shown.add(entry);
  const sorted = [...shown].sort((a, b) => b.candidate.netBps - a.candidate.netBps);
  const reasons = [...new Set(sorted.flatMap(({ candidate }) => candidate.refusal ?? []))];
  const rows = sorted.map(({ candidate, chosen }) => [
    label(candidate),
    String(candidate.range ? candidate.range.upperTick - candidate.range.lowerTick : ""),
    candidate.kind === "idle" ? "" : `${(candidate.inRange * 100).toFixed(0)}%`,
    ...[candidate.feesBps, candidate.ilBps, candidate.lvrBps, candidate.costBps, candidate.netBps].map((value) =>
      value.toFixed(1),
    ),
    chosen ? "chosen" : candidate.refusal === null ? "ok" : `no [${reasons.indexOf(candidate.refusal) + 1}]`,
  ]);
  const right = { align: "right" as const };
  const table = formatTable(
    [
      { title: "range", max: 17 },
      { title: "width", ...right },
      { title: "in", ...right },
      { title: "fees", ...right },
      { title: "IL", ...right },
      { title: "LVR", ...right },
      { title: "cost", ...right },
      { title: "net bp", ...right },
      { title: "bounds", max: 7 },
    ],
    rows,
  );
  const left = decision.candidates.length - sorted.length;
  return [
    wrap(`${decision.action}: ${decision.reason}`, 2),
    ...(decision.stated === undefined ? [] : [wrap(statedWords(decision.stated), 2)]),
    ...(rows.length === 0 ? [] : ["", table]),
    ...reasons.map((reason, index) => wrap(`[${index + 1}] ${reason}`, 4)),
    ...(left > 0 ? [`${left} more ranges: --top ${decision.candidates.length}`] : []),
  ].join("\n");
}

const label = ({ kind, range }: Candidate) =>
  kind === "range" && range ? `${range.lowerTick}..${range.upperTick}` : kind;
