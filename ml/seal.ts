import type { DecideParameters } from "./decide.ts";
import { digestOf } from "./digest.ts";
import { lazily } from "./lazily.ts";
import { type CandidateTable, emptyTable } from "./ranges/candidateTable.ts";
import { bytesDigest, encodeColumns, withTable } from "./table.ts";
import type { Decision, Features, ModelIdentity, StatedDay, VolatilityPrediction } from "./types.ts";

export interface Verdict {
  readonly action: Decision["action"];
  readonly reasonKey: string;
  readonly reason: string;
  /** Written down at once; null = nothing was scored. */
  readonly table: CandidateTable | null;
  readonly chosen: number;
  readonly plan: Decision["plan"];
  readonly spreadWad: bigint;
  readonly volatility: VolatilityPrediction | null;
  readonly stated?: StatedDay;
  readonly features: Features | null;
}

/** A verdict with its identity and digest. */
export function seal(
  { history, state, models, bounds, settings, calibration }: DecideParameters,
  verdict: Verdict,
): Decision {
  const { action, reason, reasonKey, table, chosen, plan, spreadWad, volatility, stated } = verdict;
  const identities = [models.volatility, models.il, models.yield].map(identityOf);
  const features = verdict.features && {
    schema: verdict.features.schema,
    values: Array.from(verdict.features.values, (value) => (Number.isNaN(value) ? null : value)),
  };
  const block = history.toBlock;
  const bytes = table === null ? NO_TABLE : encodeColumns(table);
  const decision: Decision = {
    version: 1,
    vault: state.vault,
    pool: history.pool.address,
    block,
    atSeconds: history.toTimestamp,
    numeraire: state.numeraire,
    sqrtPriceX96: history.sqrtPriceX96,
    action,
    reason,
    reasonKey,
    candidates: [],
    chosen,
    plan,
    spreadWad,
    volatility,
    ...(stated === undefined ? {} : { stated }),
    models: identities,
    features,
    inputsDigest: "0x",
  };
  // Of the many decisions of a backtest nobody asks for the digest, which takes longer than the decision.
  lazily(decision, "inputsDigest", () =>
    digestOf({
      block,
      state,
      bounds,
      settings,
      features,
      volatility,
      candidates: bytesDigest(bytes),
      models: identities,
      ...(calibration === undefined ? {} : { calibration }),
    }),
  );
  return table === null ? decision : withTable(decision, bytes);
}

const NO_TABLE = encodeColumns(emptyTable(0));

const identityOf = ({ id, version, task, sha256 }: ModelIdentity): ModelIdentity => ({ id, version, task, sha256 });
