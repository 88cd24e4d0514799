import type { Command } from "commander";
import type { Standing, StatedDays } from "../challengers/standing.ts";
import { standingsOf } from "../challengers/standings.ts";
import { timeOf } from "./data/options.ts";
import { withJournal } from "./journalFile.ts";
import { answer, type CommonOptions, examples, guarded, readConfig, withCommonOptions } from "./options.ts";
import { formatTable } from "./table.ts";
import { vaultNamed } from "./vaultNamed.ts";
import { wrap } from "./wrap.ts";

interface ChallengersOptions extends CommonOptions {
  readonly vault?: string;
  readonly since?: string;
}

/** `challengers`: how the model sets that decide beside the champion stand against it. */
export function registerChallengers(program: Command): void {
  const verb = withCommonOptions(
    program.command("challengers").description("how the challengers' decisions compare with the champion's"),
  )
    .option("--vault <vault>", "name or address of one configured vault (default: all in the journal)")
    .option("--since <date>", "decisions from then on, as 2026-01-31 (default: all)");
  examples(
    verb,
    "rangekeeper challengers --config FILE",
    "rangekeeper challengers --config FILE --since 2026-01-01",
  ).action((options: ChallengersOptions) =>
    guarded(options, async () => {
      const config = readConfig(options);
      const vault = options.vault === undefined ? undefined : vaultNamed(config, options.vault, "--vault").vault;
      const sinceSeconds = timeOf("--since", options.since) ?? 0;
      const standings = await withJournal(config.journal.path, (journal) =>
        standingsOf(journal, { vault, sinceSeconds, everySeconds: config.evaluate.everySeconds }),
      );
      answer(options, standings, () => formatStandings(standings));
    }),
  );
}

const VERDICTS: Readonly<Record<Standing["verdict"], string>> = {
  challenger: "the challenger earned more: the whole interval is above zero",
  champion: "the champion earned more: the whole interval is below zero",
  undecided: "no difference can be told: the interval holds zero",
  "too-little": "too little to tell: fewer than 14 horizons that do not overlap",
};

/** Champion against each challenger, at most 80 columns wide. */
export function formatStandings(standings: readonly Standing[]): string {
  if (standings.length === 0) return "no challenger has decided anything yet (config models.challengers)";
  return standings.map(formatStanding).join("\n\n");
}

function formatStanding(standing: Standing): string {
  const { modelSet, decisions, answered, agreement, moves, settled, difference, days } = standing;
  const bps = (value: number | undefined): string => (value === undefined ? "-" : value.toFixed(2));
  const width = (stated: StatedDays | null) =>
    stated === null ? "-" : `±${(100 * Math.expm1(stated.halfWidth)).toFixed(2)} %`;
  const held = (stated: StatedDays | null) =>
    stated === null || stated.ended === 0 ? "-" : `${stated.inside} of ${stated.ended}`;
  const right = { align: "right" as const };
  const name = shortened(modelSet);
  const table = formatTable(
    [{ title: `${name} against the champion` }, { title: "champion", ...right }, { title: "challenger", ...right }],
    [
      ["moves", String(moves.champion), String(moves.challenger)],
      ["predicted net, bp", bps(standing.predictedBps?.champion), bps(standing.predictedBps?.challenger)],
      ["realised net, bp", bps(standing.realisedBps?.champion), bps(standing.realisedBps?.challenger)],
      ["95 % interval of a day, mean", width(standing.stated.champion), width(standing.stated.challenger)],
      ["price inside a day later", held(standing.stated.champion), held(standing.stated.challenger)],
    ],
  );
  const agreed = agreement === null ? "-" : `${(100 * agreement).toFixed(1)} %`;
  return [
    table,
    ...(name === modelSet ? [] : [modelSet]),
    wrap(`answered ${answered} of ${decisions} decisions of ${standing.vaults} vaults; agreed in ${agreed}`, 2),
    wrap(
      difference === null
        ? "difference: nothing is settled yet"
        : `difference ${bps(difference.mean)} bp (95 % ${bps(difference.low)} to ${bps(difference.high)}), ` +
            `${settled} settled decisions over ${days.toFixed(1)} days`,
      2,
    ),
    wrap(VERDICTS[standing.verdict], 2),
  ].join("\n");
}

const MOST_NAME = 32;

/** A name in the head of a table; of a long path its end. */
const shortened = (name: string): string => (name.length <= MOST_NAME ? name : `…${name.slice(1 - MOST_NAME)}`);
