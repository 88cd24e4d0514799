import { decide } from "../decide.ts";
import type { Outside } from "../features/outsideSeries.ts";
import { type Outlook, outlookOf } from "../outlook.ts";
import type { GridSize } from "../ranges/candidates.ts";
import { advanceCalibration, SETTLED_SECONDS } from "../risk/uncertainty/advance.ts";
import { type CalibrationState, emptyCalibration } from "../risk/uncertainty/calibration.ts";
import type { Bar, Bounds, Decision, DecisionSettings, ModelSet, PoolHistory } from "../types.ts";
import { getTickAtSqrtPrice, lnPriceToSqrtPriceX96 } from "../units.ts";
import { orientationOf } from "./price.ts";
import type { Policy, PolicyAction, PolicyContext, PolicyFactory } from "./types.ts";

export interface ModelPolicyParameters {
  readonly models: ModelSet;
  readonly bounds: Bounds;
  /** Without a cost of gas it is taken from the market at each decision. */
  readonly settings: Omit<DecisionSettings, "gasCost"> & { readonly gasCost?: bigint };
  readonly grid?: GridSize;
  /**
   * Outlooks by time, shared by policies with the same models that play the same bars: bars do not change by what a
   * vault does, so neither does what a model makes of them. Event markets do, and share nothing.
   */
  readonly outlooks?: Map<number, Outlook>;
  /** What was learned of the models' errors by the end of each whole day, shared the same way. */
  readonly calibrations?: Map<number, CalibrationState>;
}

const DAY = 86_400;

/**
 * A model set, deciding by the same `decide` as the live worker, and like it learning from each day that has passed how
 * wrong its forecasts of variance are. Where the market knows its swaps it gets them, else the hourly bars.
 */
export const modelPolicy =
  (parameters: ModelPolicyParameters): PolicyFactory =>
  ({ outside }): Policy => {
    const { id } = parameters.models;
    let calibration = emptyCalibration;
    let learned = Number.NEGATIVE_INFINITY;
    return {
      id: `model-${id}`,
      // Of a long path the end tells it from others.
      label: `model ${id.length > 18 ? `…${id.slice(-17)}` : id}`,
      family: "model",
      clairvoyant: false,
      async decide(context) {
        const day = Math.floor((context.atSeconds - SETTLED_SECONDS) / DAY);
        if (day !== learned) {
          calibration = await learnUntil({ day, state: calibration, outside }, parameters, context);
          learned = day;
        }
        const decision = await modelDecision(parameters, context, { outside, calibration });
        return { action: actionOf(decision), decision };
      },
    };
  };

/** The calibration with the days before `day`, unix days; where bars are shared, so is what they taught. */
async function learnUntil(
  { day, state, outside }: { day: number; state: CalibrationState; outside: Outside | undefined },
  { models, calibrations }: ModelPolicyParameters,
  context: PolicyContext,
): Promise<CalibrationState> {
  const shared = context.history === null ? calibrations : undefined;
  const known = shared?.get(day);
  if (known !== undefined) return known;
  const { numeraire } = context;
  const market = marketOf(context, outside);
  const next = await advanceCalibration({ state, ...market, numeraire, model: models.volatility });
  shared?.set(day, next);
  return next;
}

export interface ModelDecisionExtras {
  /** What was made of this history before. */
  readonly outlook?: Outlook | undefined;
  readonly calibration?: CalibrationState | undefined;
  /** What was known of the world outside of the market. */
  readonly outside?: Outside | undefined;
}

/** What a model set decides on what a policy sees; decisions on one history may share what is made of it. */
export function modelDecision(
  { models, bounds, settings, grid, outlooks }: ModelPolicyParameters,
  context: PolicyContext,
  { outlook: given, calibration, outside }: ModelDecisionExtras = {},
): Promise<Decision> {
  const { assetUnit } = orientationOf(context.pool, context.numeraire);
  const gasCost = settings.gasCost ?? BigInt(Math.round((context.moveGas ?? 0) * assetUnit));
  const market = marketOf(context, outside);
  const outlook = given ?? (outlooks && context.history === null ? sharedOutlook(outlooks, market, models) : undefined);
  return decide({
    ...market,
    state: context.state,
    models,
    bounds,
    settings: { ...settings, gasCost },
    ...(grid === undefined ? {} : { grid }),
    ...(outlook === undefined ? {} : { outlook }),
    ...(calibration === undefined ? {} : { calibration }),
  });
}

/** The outlook of this time, with the history of this vault's own market: they differ by its own liquidity alone. */
function sharedOutlook(
  outlooks: Map<number, Outlook>,
  market: { readonly history: PoolHistory; readonly bars?: readonly Bar[] },
  models: ModelSet,
): Outlook {
  const { history } = market;
  const known = outlooks.get(history.toTimestamp);
  if (known?.models === models && known.history.sqrtPriceX96 === history.sqrtPriceX96) return { ...known, history };
  const fresh = outlookOf({ ...market, models });
  outlooks.set(history.toTimestamp, fresh);
  return fresh;
}

/** The order that a decision stands for; one without a plan leaves everything as it is. */
export function actionOf({ plan, reasonKey }: Decision): PolicyAction {
  if (plan === null) return { kind: "hold", reason: reasonKey };
  if (plan.ranges.length === 0) return { kind: "idle", reason: reasonKey, sell: false };
  return {
    kind: "move",
    reason: reasonKey,
    ranges: plan.ranges.map(({ lowerTick, upperTick, weightWad }) => ({
      lowerTick,
      upperTick,
      weight: Number(weightWad) / 1e18,
    })),
    swap: plan.swap,
  };
}

function marketOf(
  context: PolicyContext,
  outside: Outside | undefined,
): { history: PoolHistory; bars?: readonly Bar[] } {
  // What was made of a history before is known by the history itself.
  if (context.history !== null)
    return { history: outside === undefined ? context.history : { ...context.history, outside } };
  const { pool, numeraire, price, bars, state, atSeconds, block } = context;
  const { assetUnit, otherUnit } = orientationOf(pool, numeraire);
  const sqrtPriceX96 = lnPriceToSqrtPriceX96(Math.log((price * assetUnit) / otherUnit), numeraire);
  const tick = getTickAtSqrtPrice(sqrtPriceX96);
  const last = bars.findLast(({ liquidity }) => !Number.isNaN(liquidity));
  const ours = state.positions
    .filter(({ lowerTick, upperTick }) => lowerTick <= tick && tick < upperTick)
    .reduce((sum, { liquidity }) => sum + liquidity, 0n);
  const history = {
    pool,
    swaps: [],
    fromTimestamp: bars[0]?.startSeconds ?? atSeconds,
    toBlock: block,
    toTimestamp: atSeconds,
    sqrtPriceX96,
    tick,
    liquidity: BigInt(Math.round(last?.liquidity ?? 0)) + ours,
    outside,
  };
  return { history, bars };
}
