import { InvalidInputError } from "./errors.ts";
import { type Outlook, outlookOf } from "./outlook.ts";
import { DEFAULT_GRID, type GridSize } from "./ranges/candidates.ts";
import { type CandidateTable, CURRENT, candidateAt, RANGE } from "./ranges/candidateTable.ts";
import { type Confidence, confidenceLimits } from "./ranges/confidence.ts";
import type { MoveMarket } from "./ranges/cost.ts";
import { type Holdings, holdingsOf } from "./ranges/holdings.ts";
import { planMove, planStandAside } from "./ranges/plan.ts";
import { bestRow } from "./ranges/rank.ts";
import { score } from "./ranges/score.ts";
import type { CalibrationState } from "./risk/uncertainty/calibration.ts";
import { seal } from "./seal.ts";
import { stateDay } from "./stated.ts";
import type {
  Bar,
  Bounds,
  Candidate,
  Decision,
  DecisionSettings,
  Features,
  ModelSet,
  PoolHistory,
  StatedDay,
  VaultState,
  VolatilityPrediction,
} from "./types.ts";
import { sqrtPriceX96ToLnPrice, tickToLnPrice } from "./units.ts";

const HOUR = 3600;

export interface DecideParameters {
  readonly history: PoolHistory;
  readonly state: VaultState;
  readonly models: ModelSet;
  readonly bounds: Bounds;
  readonly settings: DecisionSettings;
  /** Finer or coarser candidates than the default. */
  readonly grid?: GridSize;
  /** Hourly bars that end with the history, from a market whose swaps are not known; absent = made of its swaps. */
  readonly bars?: readonly Bar[];
  /** What these models make of this history, where decisions share it; absent = worked out for this decision alone. */
  readonly outlook?: Outlook;
  /** What past days taught of the volatility model's errors; absent = the model is taken at its word. */
  readonly calibration?: CalibrationState;
}

/**
 * What to do with a vault at the block where its history ends: move to a range, hold what is there, or stand aside. Uses
 * nothing from after that block. Never throws for what a model does: an answer that is no forecast means hold.
 */
export async function decide(parameters: DecideParameters): Promise<Decision> {
  const { history, state, models, settings } = parameters;
  const covered = history.toTimestamp - history.fromTimestamp;
  if (covered < settings.minHistorySeconds) {
    const reason = `Only ${hours(covered)} of history; ${hours(settings.minHistorySeconds)} are needed before anything moves.`;
    return rest(parameters, "history", reason);
  }
  if (holdingsOf(state, history).value === 0n) return rest(parameters, "empty", "The vault holds nothing to place.");
  const outlook = parameters.outlook ?? outlookOf(parameters);
  if (outlook.history !== history || outlook.models !== models) {
    throw new InvalidInputError("outlook must be of the history and the models of the decision");
  }
  const features = outlook.features(state.numeraire);
  if (features === null) return rest(parameters, "history", "The history holds no price to measure from.");
  const outside = outsideDomain(models, features);
  if (outside.length > 0) {
    const reason = `The market is unlike anything the models were trained on (${outside.join(", ")}), so nothing moves.`;
    return rest(parameters, "out-of-domain", reason, { features });
  }
  try {
    return await decideOnForecasts(parameters, outlook, features);
  } catch (error) {
    const reason = `A model failed, so nothing moves: ${error instanceof Error ? error.message : String(error)}`;
    return rest(parameters, "model-error", reason, { features });
  }
}

async function decideOnForecasts(
  parameters: DecideParameters,
  outlook: Outlook,
  features: Features,
): Promise<Decision> {
  const { history, state, bounds, settings, grid = DEFAULT_GRID } = parameters;
  const { numeraire, referenceTick } = state;
  const { horizonSeconds } = settings;
  const volatility = await outlook.volatility(numeraire);
  requireFinite("volatility", [volatility.mean, volatility.q10, volatility.q50, volatility.q90]);
  const { calibration } = parameters;
  const day = stateDay({ outlook, numeraire, volatility, calibration });
  const { spreadWad } = day;
  const confidence = confidenceLimits(bounds, spreadWad);
  const holdings = holdingsOf(state, history);
  const market = marketOf(parameters, holdings);
  const { minWidthTicks } = confidence;
  const table = score({
    candidates: await outlook.candidates({ numeraire, bounds, minWidthTicks, referenceTick, horizonSeconds, grid }),
    held: await outlook.held(
      numeraire,
      state.positions.filter((position) => position.liquidity > 0n),
      horizonSeconds,
    ),
    state,
    holdings,
    market,
    sqrtPriceX96: history.sqrtPriceX96,
    bounds,
    confidence,
    settings,
    volatility,
  });
  return choose({ parameters, features, volatility, ...day, confidence, holdings, market, table });
}

interface Scored {
  readonly parameters: DecideParameters;
  readonly features: Features;
  readonly volatility: VolatilityPrediction;
  readonly spreadWad: bigint;
  readonly stated?: StatedDay;
  readonly confidence: Confidence;
  readonly holdings: Holdings;
  readonly market: MoveMarket;
  readonly table: CandidateTable;
}

/** Rows of the table that are always where they are. */
const IDLE_ROW = 0;
const CURRENT_ROW = 1;

function choose(scored: Scored): Decision {
  const { parameters, table } = scored;
  const { state, settings } = parameters;
  const holds = table.kind[CURRENT_ROW] === CURRENT && table.rows > CURRENT_ROW;
  const stay = holds ? CURRENT_ROW : IDLE_ROW;
  const stayNet = table.netBps[stay] as number;
  // What is ahead of staying by enough has paid for itself within the horizon: its cost is in its net.
  const clears = (row: number): boolean => marginAt(table, row, stayNet, settings) > 0;

  const blocked = moveBlocked(parameters);
  // Try the best range; a plan may still meet a bound, and then the next best is tried.
  for (;;) {
    const pick = bestRange(table, (row) => table.refusal[row] === null && clears(row));
    const candidate = candidateAt(table, pick);
    if (candidate === undefined) break;
    if (blocked !== null) {
      return finish(scored, stay, restAction(state), blocked.key, `${blocked.reason} ${wouldMove(candidate)}`);
    }
    const plan = planMove({ ...scored, bounds: parameters.bounds, state, candidate, stayNetBps: stayNet });
    if (!("refusal" in plan)) {
      const edge = (candidate.netBps - stayNet).toFixed(2);
      const reason = `Move to ${rangeText(candidate)}: it is expected to earn ${edge} bp more than ${holds ? "staying" : "standing aside"}.`;
      return finish(scored, pick, "move", "edge", reason, plan);
    }
    table.refusal[pick] = plan.refusal;
  }
  // A score that was measured from a price nobody trusts is no reason to leave.
  if (holds && state.calm && stayNet < -settings.hysteresisBps) {
    const reason = `Close the position: staying is expected to lose ${(-stayNet).toFixed(2)} bp, and no allowed range pays.`;
    return finish(scored, IDLE_ROW, "stand-aside", "loss-exceeds-fees", reason, planStandAside());
  }
  return finish(scored, stay, restAction(state), ...whyRest(scored, stayNet));
}

/** What a range is worth now, the right to decide later given up. */
const worthAt = ({ netBps, waitBps }: CandidateTable, row: number): number =>
  (netBps[row] as number) - (waitBps[row] as number);

/** The range that is worth most of those that qualify, or -1. */
const bestRange = (
  table: CandidateTable,
  qualifies: (row: number) => boolean,
  worth = (row: number): number => worthAt(table, row),
): number =>
  bestRow({
    rows: table.rows,
    qualifies: (row) => table.kind[row] === RANGE && qualifies(row),
    worth,
    width: (row) => (table.upperTick[row] as number) - (table.lowerTick[row] as number),
  });

/** How far a range is beyond what it must beat: staying, the hysteresis and the right to wait, and nothing at all. */
export const marginOf = ({ netBps, waitBps }: Candidate, stayNetBps: number, settings: DecisionSettings): number =>
  marginBeyond(netBps, netBps - waitBps, stayNetBps, settings);

const marginAt = (table: CandidateTable, row: number, stayNetBps: number, settings: DecisionSettings): number =>
  marginBeyond(table.netBps[row] as number, worthAt(table, row), stayNetBps, settings);

const marginBeyond = (
  netBps: number,
  worthBps: number,
  stayNetBps: number,
  { hysteresisBps }: DecisionSettings,
): number => Math.min(netBps, worthBps - stayNetBps - hysteresisBps);

/** Why moving into ranges is closed now whatever they promise, or null. De-risking stays open. */
function moveBlocked({ history, state, bounds }: DecideParameters): { key: string; reason: string } | null {
  if (state.paused) return { key: "paused", reason: "The vault is paused." };
  if (!state.calm) return { key: "not-calm", reason: "The reference prices disagree, so the vault is not calm." };
  const since = history.toTimestamp - state.lastMoveAt;
  if (state.lastMoveAt > 0 && since < bounds.cooldownSeconds) {
    return { key: "cooldown", reason: `The last move is ${since} s ago and ${bounds.cooldownSeconds} s must pass.` };
  }
  if (state.movesToday >= bounds.maxMovesPerDay) {
    return { key: "moves-per-day", reason: `All ${bounds.maxMovesPerDay} moves of the day are used.` };
  }
  if (state.lossBudgetLeftWad === 0n) return { key: "loss-budget", reason: "The loss budget is used up." };
  return null;
}

function whyRest({ parameters, confidence, table }: Scored, stayNet: number): [string, string] {
  const { settings, state } = parameters;
  if (!state.calm) return ["not-calm", "The reference prices disagree, so the vault is not calm and nothing moves."];
  const refused = bestRange(table, (row) => marginAt(table, row, stayNet, settings) > 0);
  const candidate = candidateAt(table, refused);
  if (candidate !== undefined && confidence.deRiskOnly) {
    return ["spread-ceiling", "The price may move so far in a day that only de-risking is accepted."];
  }
  if (candidate !== undefined) {
    return [
      "refused",
      `${rangeText(candidate)} would pay ${candidate.netBps.toFixed(2)} bp but is refused: ${candidate.refusal}.`,
    ];
  }
  const every = (): boolean => true;
  const leader = candidateAt(
    table,
    bestRange(table, every, (row) => table.netBps[row] as number),
  );
  const bestText =
    leader === undefined ? "No range fits the bounds" : `The best range nets ${leader.netBps.toFixed(2)} bp`;
  const stayText = stayNet === 0 ? "standing aside nets 0" : `staying nets ${stayNet.toFixed(2)} bp`;
  const waitBps = leader?.waitBps ?? 0;
  const waiting = waitBps > 0 ? `, and ${waitBps.toFixed(2)} bp more for the right to wait` : "";
  return ["no-edge", `${bestText}; ${stayText}, and a move must be ${settings.hysteresisBps} bp better${waiting}.`];
}

function finish(
  { parameters, features, volatility, spreadWad, stated, table }: Scored,
  chosen: number,
  action: Decision["action"],
  reasonKey: string,
  reason: string,
  plan: Decision["plan"] = null,
): Decision {
  const verdict = { action, reasonKey, reason, table, chosen, plan, spreadWad, volatility, features };
  return seal(parameters, stated === undefined ? verdict : { ...verdict, stated });
}

/** A decision that leaves everything as it is, before or without a candidate table. */
function rest(
  parameters: DecideParameters,
  reasonKey: string,
  reason: string,
  more: { features?: Features } = {},
): Decision {
  return seal(parameters, {
    action: restAction(parameters.state),
    reasonKey,
    reason,
    table: null,
    chosen: -1,
    plan: null,
    spreadWad: 0n,
    volatility: null,
    features: more.features ?? null,
  });
}

const restAction = (state: VaultState): "hold" | "stand-aside" =>
  state.positions.some((position) => position.liquidity > 0n) ? "hold" : "stand-aside";

/** Names of the features that a model was not trained on. */
export function outsideDomain(models: ModelSet, features: Features): string[] {
  const all = [models.volatility, models.il, models.yield];
  return [...new Set(all.flatMap((model) => model.outOfDomain?.(features) ?? []))];
}

/** The pool as a move of this vault meets it. */
export function marketOf({ history, state }: DecideParameters, holdings: Holdings): MoveMarket {
  const { numeraire } = state;
  const lnPrice = sqrtPriceX96ToLnPrice(history.sqrtPriceX96, numeraire);
  const others = history.liquidity - holdings.liquidityInRange;
  // The reference tick is a whole number: what lies inside one tick is no gap.
  const gap = tickToLnPrice(state.referenceTick, numeraire) - tickToLnPrice(history.tick, numeraire);
  return {
    numeraire,
    lnPrice,
    otherLiquidity: Number(others > 0n ? others : 0n),
    feePips: history.pool.feePips,
    referenceGap: gap,
  };
}

function requireFinite(what: string, values: readonly number[]): void {
  const bad = values.find((value) => !Number.isFinite(value));
  if (bad !== undefined) throw new TypeError(`${what} holds ${bad}, but every forecast must be finite`);
}

const hours = (seconds: number): string => `${(seconds / HOUR).toFixed(1)} h`;

const rangeText = ({ range }: Candidate): string =>
  range === null ? "idle" : `ticks ${range.lowerTick}..${range.upperTick}`;

const wouldMove = (candidate: Candidate): string =>
  `Otherwise ${rangeText(candidate)} would be taken for ${candidate.netBps.toFixed(2)} bp.`;
