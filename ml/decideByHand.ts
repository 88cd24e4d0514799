import { type DecideParameters, marketOf, outsideDomain } from "./decide.ts";
import { outlookOf } from "./outlook.ts";
import { candidateAt } from "./ranges/candidateTable.ts";
import { confidenceLimits } from "./ranges/confidence.ts";
import { holdingsOf } from "./ranges/holdings.ts";
import { planMove, planStandAside } from "./ranges/plan.ts";
import { planWeighted } from "./ranges/planWeighted.ts";
import { score } from "./ranges/score.ts";
import { seal } from "./seal.ts";
import { stateDay } from "./stated.ts";
import type { Candidate, Decision, Range } from "./types.ts";

/** A range that a person wants; `weightWad` is the part of both tokens offered to it, null = as much as bounds allow. */
export interface WantedRange extends Range {
  readonly weightWad: bigint | null;
}

export interface DecideByHandParameters extends Omit<DecideParameters, "grid" | "bars" | "outlook"> {
  /** None = to idle, which no bound refuses. */
  readonly ranges: readonly WantedRange[];
}

/** Why a person's order is not even proposed, in words. */
export interface OrderRefusal {
  readonly refusal: string;
}

/**
 * A person's own move in the shape of a decision: the models say what it would earn and cost, the person says where to.
 * One range without a weight is entered with the swap that it needs; weighted ranges are entered without a swap.
 */
export async function decideByHand(parameters: DecideByHandParameters): Promise<Decision | OrderRefusal> {
  const { ranges, state } = parameters;
  if (ranges.length === 0) {
    const plan = planStandAside();
    const verdict = { table: null, chosen: -1, plan, spreadWad: 0n, volatility: null, features: null };
    const reason = "To idle, by an operator's order.";
    return seal(parameters, { action: "stand-aside", reasonKey: "by-hand", reason, ...verdict });
  }
  const outlook = outlookOf(parameters);
  const features = outlook.features(state.numeraire);
  if (features === null) return { refusal: "the history holds no price to measure from" };
  const outside = outsideDomain(parameters.models, features);
  if (outside.length > 0) return { refusal: `the models know nothing like this market (${outside.join(", ")})` };

  const { history, bounds, settings } = parameters;
  const volatility = await outlook.volatility(state.numeraire);
  const { calibration } = parameters;
  const day = stateDay({ outlook, numeraire: state.numeraire, volatility, calibration });
  const { spreadWad } = day;
  const confidence = confidenceLimits(bounds, spreadWad);
  const holdings = holdingsOf(state, history);
  if (holdings.value === 0n) return { refusal: "the vault holds nothing to place" };
  const market = marketOf(parameters, holdings);
  const forecasts = (wanted: readonly Range[]) => outlook.held(state.numeraire, wanted, settings.horizonSeconds);
  const table = score({
    candidates: await forecasts(ranges.map(({ lowerTick, upperTick }) => ({ lowerTick, upperTick }))),
    held: await forecasts(state.positions.filter(({ liquidity }) => liquidity > 0n)),
    state,
    holdings,
    market,
    sqrtPriceX96: history.sqrtPriceX96,
    bounds,
    confidence,
    settings,
    volatility,
  });
  const first = table.rows - ranges.length;
  const row = (index: number): Candidate => candidateAt(table, index) as Candidate;
  // Idle comes first, and what is held after it.
  const stayNetBps = row(first - 1).netBps;
  const shared = { stayNetBps, state, holdings, market, bounds, spreadWad };
  const [only] = ranges;
  let plan: ReturnType<typeof planMove>;
  if (ranges.length === 1 && only?.weightWad === null) {
    const candidate = row(first);
    if (candidate.refusal !== null) return { refusal: candidate.refusal };
    plan = planMove({ ...shared, candidate, confidence });
  } else {
    const orders = ranges.map(({ weightWad, ...range }, index) => ({
      range,
      weightWad: weightWad ?? 0n,
      candidate: row(first + index),
    }));
    plan = planWeighted({ ...shared, orders });
  }
  if ("refusal" in plan) return plan;
  const places = ranges.map(({ lowerTick, upperTick }) => `${lowerTick}..${upperTick}`).join(", ");
  const reason = `Move to ticks ${places}, by an operator's order.`;
  const verdict = { table, chosen: first, plan, ...day, volatility, features };
  return seal(parameters, { action: "move", reasonKey: "by-hand", reason, ...verdict });
}
