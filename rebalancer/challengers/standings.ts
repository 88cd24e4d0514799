import type { Address } from "../../ml/types.ts";
import type { Journal } from "../journal.ts";
import { type Duel, type Standing, standingOf } from "./standing.ts";

export interface StandingsParameters {
  /** One vault's decisions; absent = all. */
  readonly vault?: Address | undefined;
  readonly sinceSeconds: number;
  /** How often a vault is looked at. */
  readonly everySeconds?: number;
}

/** Every challenger of a journal against the champion, by model set. */
export function standingsOf(
  journal: Pick<Journal, "challengers" | "challengerOutcomes" | "decision" | "outcomes">,
  { vault, sinceSeconds, everySeconds }: StandingsParameters,
): Standing[] {
  const filter = { ...(vault === undefined ? {} : { vault }), sinceSeconds };
  const outcomes = new Map(
    journal.outcomes(vault === undefined ? {} : { vault }).map(({ decisionId, outcome }) => [decisionId, outcome]),
  );
  const theirs = new Map(
    journal
      .challengerOutcomes(filter)
      .map(({ decisionId, modelSet, outcome }) => [`${modelSet} ${decisionId}`, outcome]),
  );
  const duels = new Map<string, Duel[]>();
  for (const { decisionId, modelSet, decision } of journal.challengers(filter)) {
    const champion = journal.decision(decisionId);
    if (champion === null) continue;
    const duel: Duel = {
      vault: champion.vault,
      atSeconds: champion.decision.atSeconds,
      seen: champion.decision,
      champion: { decision: champion.decision, outcome: outcomes.get(decisionId) ?? null },
      challenger: decision && { decision, outcome: theirs.get(`${modelSet} ${decisionId}`) ?? null },
    };
    const known = duels.get(modelSet);
    if (known === undefined) duels.set(modelSet, [duel]);
    else known.push(duel);
  }
  return [...duels].map(([modelSet, of]) => standingOf(modelSet, of, everySeconds));
}
