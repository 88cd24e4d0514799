import { withBaseFee } from "../features/blockOutside.ts";
import { type Outlook, outlookOf } from "../outlook.ts";
import type { GridSize } from "../ranges/candidates.ts";
import type { CalibrationState } from "../risk/uncertainty/calibration.ts";
import type { Bounds, Decision, DecisionSettings, ModelSet, PoolHistory, VaultState } from "../types.ts";
import type { MarketSession } from "./market.ts";
import { modelDecision } from "./modelPolicy.ts";
import { orientationOf, priceAtSqrt } from "./price.ts";
import type { PolicyContext } from "./types.ts";

/** What a decision that was taken somewhere else was made from, beside models and swaps. */
export interface DecisionCase {
  readonly atSeconds: number;
  /** Since when its history was complete, unix seconds. */
  readonly fromTimestamp: number;
  readonly state: VaultState;
  readonly bounds: Bounds;
  readonly settings: DecisionSettings;
  /** Null = the default. */
  readonly grid: GridSize | null;
  readonly calibration?: CalibrationState;
  /** Wei per gas that its block's header told; absent = features were not told. */
  readonly baseFeePerGas?: bigint;
}

/** As much of a market's session as deciding again needs. */
export type ReplaySession = Pick<MarketSession, "advance" | "history" | "atSeconds" | "block">;

export interface ReplayDecisionsParameters<Case extends DecisionCase> {
  /** A session that stands at or before the first case. */
  readonly session: ReplaySession;
  readonly models: ModelSet;
  /** In the order of their times. */
  readonly cases: Iterable<Case>;
}

export interface ReplayedDecision<Case> {
  readonly of: Case;
  readonly decision: Decision;
  readonly history: PoolHistory;
}

/**
 * Takes decisions again in a backtest's session: the market comes from its record, what the vault held and was allowed
 * comes from each case, and the deciding is that of the model policy.
 */
export async function* replayDecisions<Case extends DecisionCase>({
  session,
  models,
  cases,
}: ReplayDecisionsParameters<Case>): AsyncGenerator<ReplayedDecision<Case>> {
  let shared: Outlook | null = null;
  let baseFee: bigint | undefined;
  for (const of of cases) {
    session.advance(of.atSeconds, () => {});
    const last: PoolHistory | null = shared?.history ?? null;
    const same =
      last?.toTimestamp === of.atSeconds && last.fromTimestamp === of.fromTimestamp && baseFee === of.baseFeePerGas;
    baseFee = of.baseFeePerGas;
    const bare: PoolHistory | null = same ? last : session.history(of.atSeconds - of.fromTimestamp);
    if (bare === null) throw new TypeError("a decision can be taken again only where the market knows its swaps");
    const history = same ? bare : withBaseFee(bare, of.baseFeePerGas);
    const outlook: Outlook = same && shared !== null ? shared : outlookOf({ history, models });
    shared = outlook;
    const { state, bounds, settings, grid, calibration } = of;
    const { pool } = history;
    const orientation = orientationOf(pool, state.numeraire);
    const context: PolicyContext = {
      pool,
      numeraire: state.numeraire,
      atSeconds: session.atSeconds,
      block: session.block,
      bars: [],
      history,
      state,
      price: priceAtSqrt(history.sqrtPriceX96, orientation),
      nav: Number(state.nav) / orientation.assetUnit,
    };
    const given = { models, bounds, settings, ...(grid === null ? {} : { grid }) };
    const decision = await modelDecision(given, context, { outlook, calibration });
    yield { of, decision, history };
  }
}
