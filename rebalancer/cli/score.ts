import type { Command } from "commander";
import { loadModelSet } from "../../ml/models/index.ts";
import type { Candidate, Decision } from "../../ml/types.ts";
import { openChain } from "../chain/open.ts";
import { getBlock } from "../chain.ts";
import { resolveVaults } from "../config.ts";
import { decideAt } from "../decideAt.ts";
import { ConfigError } from "../errors.ts";
import { poolGroups } from "../main.ts";
import { answer, type CommonOptions, guarded, readConfig, withCommonOptions } from "./options.ts";
import { formatTable } from "./table.ts";
import { wrap } from "./wrap.ts";

type ScoreOptions = CommonOptions & { readonly top: string };

/** `score VAULT`: the candidate table at the newest block; nothing is journaled or sent. */
export function registerScore(program: Command): void {
  withCommonOptions(
    program
      .command("score")
      .argument("<vault>", "address or name")
      .description("the candidate table now; nothing is sent"),
  )
    .option("--top <n>", "how many ranges", "12")
    .action((wanted: string, options: ScoreOptions) =>
      guarded(options, async () => {
        const config = readConfig(options);
        const vaults = resolveVaults(config);
        const vault = vaults.find(({ name, vault }) => name === wanted || vault.toLowerCase() === wanted.toLowerCase());
        if (!vault)
          throw new ConfigError(`score vault: ${wanted}; rule: one of ${vaults.map(({ name }) => name).join(", ")}`);
        const { client } = await openChain(config);
        const [group] = await poolGroups(config, [vault], client, null);
        if (!group) throw new ConfigError(`score vault: ${wanted}; rule: must have a pool`);
        const block = await getBlock(client, "latest");
        const [history, models] = await Promise.all([group.history.at(block), loadModelSet(config.models.set)]);
        const { decision } = await decideAt({ client, config, models, group, vault, block, history });
        answer(options, decision, () => formatDecision(decision, Number(options.top)));
      }),
    );
}

/** The decision in words and its best candidates, at most 80 columns wide. Amounts in basis points of NAV. */
export function formatDecision(decision: Decision, top: number): string {
  const named = decision.candidates.map((candidate, index) => ({ candidate, chosen: index === decision.chosen }));
  const shown = new Set([...named].sort((a, b) => b.candidate.netBps - a.candidate.netBps).slice(0, top));
  for (const entry of named) if (entry.chosen || entry.candidate.kind !== "range") shown.add(entry);
  const rows = [...shown]
    .sort((a, b) => b.candidate.netBps - a.candidate.netBps)
    .map(({ candidate, chosen }) => [
      label(candidate),
      String(candidate.range ? candidate.range.upperTick - candidate.range.lowerTick : ""),
      candidate.kind === "idle" ? "" : `${(candidate.inRange * 100).toFixed(0)}%`,
      ...[candidate.feesBps, candidate.ilBps, candidate.lvrBps, candidate.costBps, candidate.netBps].map((value) =>
        value.toFixed(1),
      ),
      chosen ? "chosen" : (candidate.refusal ?? ""),
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
      { title: "net bps", ...right },
      { title: "", max: 14 },
    ],
    rows,
  );
  return `${wrap(`${decision.action}: ${decision.reason}`, 2)}\n\n${table}`;
}

const label = ({ kind, range }: Candidate) =>
  kind === "range" && range ? `${range.lowerTick}..${range.upperTick}` : kind;
