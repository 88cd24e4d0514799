import { type DecisionWalk, type DecisionWalkParameters, walkDecision } from "../decisionWalk.ts";
import { type EdgeMarketParameters, edgeMarket } from "./edgeMarket.ts";
import { FREE } from "./free.ts";
import { type Kept, keptOr } from "./kept.ts";

/** A kind of market: what its fees pay, and how its price goes. */
export type EdgeKind = Omit<EdgeMarketParameters, "seed" | "days"> & { readonly id: string };

const SIGMA = 0.04;
const calm = { sigmaPerDay: SIGMA, driftPerDay: 0, reversionPerDay: 0 };

/** From fees that never pay to fees that always do, and prices that come back or run away. */
export const EDGE_KINDS: readonly EdgeKind[] = [
  { id: "poor", feeOverLvr: 0.7, ...calm },
  { id: "fair", feeOverLvr: 1, ...calm },
  { id: "rich", feeOverLvr: 2, ...calm },
  { id: "reverting", feeOverLvr: 1.5, ...calm, reversionPerDay: 1 },
  { id: "trending", feeOverLvr: 1.5, ...calm, driftPerDay: 0.03 },
];

export interface EdgeParameters
  extends Omit<DecisionWalkParameters, "market" | "settings" | "memory" | "now" | "onProgress"> {
  readonly kind: EdgeKind;
  readonly seed: number;
  readonly markets: number;
  readonly days: number;
  readonly capital: number;
  /** Keeps each market's walk. */
  readonly kept?: Kept;
  readonly onProgress?: (done: number) => void;
}

/**
 * The walked decision beside the best train-selected baseline over all markets of a kind; basis points of capital. The
 * baseline is of the rules that keep to the budget of moves, as ours must: what the budget forbids is no choice.
 */
export interface EdgeRow {
  readonly kind: string;
  readonly markets: number;
  readonly ours: number;
  readonly baseline: number;
  /** The best baseline however often it moved. */
  readonly unbounded: number;
  /** Markets in which ours is behind that by no more than its own costs. */
  readonly withinUnbounded: number;
  /** Mean of ours less the baseline's over the markets, and its standard error. */
  readonly difference: number;
  readonly error: number;
  readonly costs: number;
  /** Markets in which ours is behind by no more than its own costs. */
  readonly withinCosts: number;
  /** Of the others, those in which the difference's interval lies below that too. */
  readonly proven: number;
  /** Most that ours was behind beyond its own costs. */
  readonly worstShort: number;
  /** Moves of ours and of the greedy reset, a market. */
  readonly moves: number;
  readonly greedyMoves: number;
}

const HOUR = 3600;
/** Equal vaults may differ in the last digit of a float. */
const EQUAL_BPS = 1e-6;

/** Walks the decision through markets of one kind, whose edge is known, beside the best train-selected baseline. */
export async function edge(parameters: EdgeParameters): Promise<EdgeRow> {
  const { kind, seed, markets, days, capital, kept, onProgress, ...walked } = parameters;
  const walks: DecisionWalk[] = [];
  for (let i = 0; i < markets; i++) {
    const drawn = seed * 10_000 + i;
    const market = edgeMarket({ ...kind, days, seed: drawn });
    const { fromSeconds, toSeconds } = market.description;
    const settings = {
      ...{ capital, numeraire: 0 as const, decisionSeconds: HOUR, latencyBlocks: 1, costs: FREE, seed, limits: null },
      ...{ fromSeconds, toSeconds },
    };
    const toldAt = (done: number) => onProgress?.((i + done) / markets);
    const walk = () => walkDecision({ ...walked, market, settings, onProgress: toldAt });
    walks.push(await keptOr(kept, `${kind.id}-${days}d-${drawn}`, walk));
    toldAt(1);
  }
  return rowOf(kind.id, walks);
}

function rowOf(kind: string, walks: readonly DecisionWalk[]): EdgeRow {
  const mean = (pick: (walk: DecisionWalk) => number): number =>
    walks.reduce((sum, walk) => sum + pick(walk), 0) / walks.length;
  const difference = mean(({ calm }) => calm.difference.totalBps);
  const squares = mean(({ calm }) => (calm.difference.totalBps - difference) ** 2);
  const shortOf = ({ calm, ours }: DecisionWalk): number => -calm.difference.totalBps - ours.costsBps;
  const short = walks.filter((walk) => shortOf(walk) > EQUAL_BPS);
  return {
    kind,
    markets: walks.length,
    ours: mean(({ ours }) => ours.headlineBps),
    baseline: mean(({ calm }) => calm.baseline.headlineBps),
    unbounded: mean(({ baseline }) => baseline.headlineBps),
    withinUnbounded: walks.filter(({ difference, ours }) => -difference.totalBps - ours.costsBps <= EQUAL_BPS).length,
    difference,
    error: Math.sqrt(squares / Math.max(1, walks.length - 1)),
    costs: mean(({ ours }) => ours.costsBps),
    withinCosts: walks.length - short.length,
    proven: short.filter(({ calm, ours }) => (calm.difference.highBps ?? 0) < -ours.costsBps).length,
    worstShort: Math.max(0, ...walks.map(shortOf)),
    moves: mean(({ ours }) => ours.moves),
    greedyMoves: mean(({ greedyMoves }) => greedyMoves),
  };
}
