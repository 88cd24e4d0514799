import { settle } from "../../ml/settle.ts";
import type { PoolHistory } from "../../ml/types.ts";
import type { Context, PoolGroup } from "../context.ts";

/** Writes what became of decisions whose horizon has passed, beside what they predicted. */
export async function settleOutcomes(
  { journal, config }: Context,
  group: PoolGroup,
  history: PoolHistory,
): Promise<void> {
  const { horizonSeconds } = config.evaluate;
  for (const record of journal.unsettled(history.toTimestamp, horizonSeconds, group.meta.address)) {
    // Swaps before the cache begins are gone: such a decision can no longer be judged, and stays without outcome.
    if (record.decision.atSeconds < history.fromTimestamp) continue;
    const outcome = settle({ decision: record.decision, history, horizonSeconds });
    journal.recordOutcome({ decisionId: record.id, settledAtSeconds: history.toTimestamp, outcome });
  }
}
