import { join } from "node:path";
import type { Command } from "commander";
import { EDGE_KINDS, type EdgeRow, edge } from "../../../ml/backtest/checks/edge.ts";
import { VARIANTS } from "../../../ml/backtest/decisionVariants.ts";
import { WALK_VERSION } from "../../../ml/backtest/decisionWalk.ts";
import { loadModelSet } from "../../../ml/models/index.ts";
import { ConfigError } from "../../errors.ts";
import { answer, guarded } from "../options.ts";
import { formatTable } from "../table.ts";
import { wrap } from "../wrap.ts";
import { identityOf, keptIn, keyOf } from "./keptIn.ts";
import { checkSet, numberOf, wholeOf } from "./parse.ts";
import { terminalProgress } from "./progress.ts";
import { readSetup } from "./setup.ts";
import { readProtocol } from "./walk.ts";

interface EdgeFlags {
  readonly kind?: readonly string[];
  readonly markets: string;
  readonly days: string;
  readonly seed: string;
  readonly models: string;
  readonly work?: string;
  readonly json?: boolean;
}

const right = { align: "right" as const };

/** `backtest edge`: the walked decision beside the best rule where it is known what a market pays. */
export function registerEdge(backtest: Command): void {
  backtest
    .command("edge")
    .description("the walked decision in made-up markets of known edge, beside the best rule")
    .option("--kind <id...>", `of ${EDGE_KINDS.map(({ id }) => id).join(", ")} (default: all)`)
    .option("--markets <n>", "of each kind", "20")
    .option("--days <n>", "length of each, from 4", "15")
    .option("--seed <n>", "of the first market", "1")
    .option("-m, --models <set>", "a model set", "rules")
    .option("--work <dir>", "keeps each market's walk, so that a stopped run goes on")
    .option("--json", "answer in JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  rangekeeper backtest edge --markets 4\n  rangekeeper backtest edge --kind rich poor --work DIR --json\n",
    )
    .action((flags: EdgeFlags) => guarded(flags, () => runEdge(flags)));
}

async function runEdge(flags: EdgeFlags): Promise<void> {
  const ids = flags.kind ?? EDGE_KINDS.map(({ id }) => id);
  const kinds = ids.map((id) => {
    const kind = EDGE_KINDS.find((one) => one.id === id);
    if (kind === undefined) {
      throw new ConfigError(`--kind: ${id}; rule: one of ${EDGE_KINDS.map((one) => one.id).join(", ")}`);
    }
    return kind;
  });
  const [markets, days] = [wholeOf("markets", flags.markets, 1, 10_000), numberOf("days", flags.days, 4, 365)];
  const seed = wholeOf("seed", flags.seed, 0, 100_000);
  const { bounds, decision, models: lookup } = readSetup(undefined);
  checkSet(flags.models, lookup);
  const models = await loadModelSet(flags.models, lookup);
  const { rule, blockHours, level, capitalUsd: capital } = readProtocol();
  const walked = { models, bounds, decision, rule, blockHours, level };
  const key = keyOf({ ...walked, models: identityOf(models), EDGE_KINDS, capital, VARIANTS, WALK_VERSION });
  const kept = flags.work === undefined ? {} : { kept: keptIn(join(flags.work, `edge-${key}`)) };
  const progress = terminalProgress(flags.json);
  const rows: EdgeRow[] = [];
  for (const kind of kinds) {
    const onProgress = (done: number) => progress.at(kind.id, done);
    rows.push(await edge({ ...walked, ...kept, kind, seed, markets, days, capital, onProgress }));
  }
  progress.end();
  answer(flags, { kinds, days, seed, rows }, () => formatEdge(rows, days));
}

function formatEdge(rows: readonly EdgeRow[], days: number): string {
  const bps = (value: number) => value.toFixed(1);
  const table = formatTable(
    [
      { title: "market" },
      { title: "ours", ...right },
      { title: "rule", ...right },
      { title: "differ", ...right },
      { title: "±", ...right },
      { title: "costs", ...right },
      { title: "within", ...right },
      { title: "worst", ...right },
      { title: "any rule", ...right },
      { title: "within", ...right },
      { title: "moves", ...right },
    ],
    rows.map((row) => [
      row.kind,
      ...[row.ours, row.baseline, row.difference, row.error, row.costs].map(bps),
      `${row.withinCosts}/${row.markets}`,
      bps(row.worstShort),
      bps(row.unbounded),
      `${row.withinUnbounded}/${row.markets}`,
      `${row.moves.toFixed(0)}/${row.greedyMoves.toFixed(0)}`,
    ]),
  );
  const proven = rows.reduce((sum, row) => sum + row.proven, 0);
  const how =
    `Markets of ${days} days in hourly bars, ${EDGE_KINDS.map(({ id, feeOverLvr }) => `${id}: fees ${feeOverLvr} × LVR`).join(", ")}; ` +
    "basis points of capital over the test windows, means over markets. Rule: the one that earned most on everything " +
    "before, of those that keep to the budget of moves, as ours must; ±: one standard error of the difference. Within: " +
    "markets in which ours is behind by no more than its own costs; worst: most that it was behind beyond them. Any rule: " +
    "the one that earned most before, however often it moved. Moves: of ours and of the greedy reset. Short of the rule " +
    `beyond its costs by more than the difference's interval: ${proven} markets.`;
  return `${table}\n\n${wrap(how, 0)}`;
}
