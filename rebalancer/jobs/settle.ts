import { settler } from "../../ml/settle.ts";
import type { PoolHistory } from "../../ml/types.ts";
import type { Context, PoolGroup } from "../context.ts";

/** Outcomes written in one transaction. */
const BATCH = 100;

/**
 * Writes what became of decisions whose horizon has passed, beside what they predicted: once for the pool, the champion's
 * and then its challengers'. Decisions of before the history begins can no longer be judged, and stay without outcome; a
 * worker that was away catches up with all others.
 */
export async function settleOutcomes(
  { journal, config }: Pick<Context, "journal" | "config">,
  group: Pick<PoolGroup, "meta">,
  history: PoolHistory,
): Promise<void> {
  const { horizonSeconds } = config.evaluate;
  const pool = group.meta.address;
  const { fromTimestamp: fromSeconds, toTimestamp: settledAtSeconds } = history;
  const toSeconds = settledAtSeconds - horizonSeconds;
  if (toSeconds < fromSeconds) return;
  const outcomeOf = settler({ history, horizonSeconds });
  for (;;) {
    const due = journal.unsettled(settledAtSeconds, horizonSeconds, pool, fromSeconds);
    journal.together(() => {
      for (const { id, decision } of due) {
        journal.recordOutcome({ decisionId: id, settledAtSeconds, outcome: outcomeOf(decision) });
      }
    });
    if (due.length < BATCH) break;
  }
  for (;;) {
    const due = journal.unsettledChallengers({ pool, fromSeconds, toSeconds, limit: BATCH });
    journal.together(() => {
      for (const { decisionId, modelSet, decision } of due) {
        if (decision === null) continue;
        journal.recordChallengerOutcome({ decisionId, modelSet, settledAtSeconds, outcome: outcomeOf(decision) });
      }
    });
    if (due.length < BATCH) break;
  }
}
