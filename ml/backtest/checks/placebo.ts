import type { MarketData } from "../../data/market.ts";
import { type DecisionWalkParameters, walkDecision } from "../decisionWalk.ts";
import { createEventMarket } from "../events/eventMarket.ts";
import type { BacktestMarket } from "../market.ts";
import { policies as registry } from "../policies/index.ts";
import { runBacktest } from "../run.ts";
import { studentQuantile } from "../studentQuantile.ts";
import type { PolicyFactory, RunSettings } from "../types.ts";
import { FREE } from "./free.ts";
import { type Kept, keptOr } from "./kept.ts";
import { type PlaceboMarketParameters, placeboMarket } from "./placeboMarket.ts";

export interface PlaceboParameters {
  /** Of the whole check; each market draws its own from it. */
  readonly seed: number;
  /** Markets, at least 4: the interval comes from the scatter between them. */
  readonly markets: number;
  readonly days: number;
  readonly feePips: number;
  readonly sigmaPerDay: number;
  /** Whole asset units; the pool holds about a billion. */
  readonly capital: number;
  /** Checked policies: id → factory. The registry when left out. */
  readonly policies?: Readonly<Record<string, PolicyFactory>>;
  /** The decision is walked forward through each market too: its settings are chosen on the market's own past. */
  readonly walked?: Pick<
    DecisionWalkParameters,
    "models" | "bounds" | "decision" | "rule" | "blockHours" | "variants" | "rules"
  >;
  /** What the pool charges instead of `feePips`: shows that the check sees a fee bug. */
  readonly chargedPips?: number;
  /** Keeps what each market came to, all policies of it together. */
  readonly kept?: Kept;
  readonly onProgress?: (done: number) => void;
}

/** One policy over all markets. Basis points of the starting capital. */
export interface PlaceboRow {
  readonly id: string;
  readonly label: string;
  /** Looks into the future and so is not held to the rule. */
  readonly clairvoyant: boolean;
  readonly moves: number;
  /** Mean of fees − LVR, and the lower end of its interval: sees a wrong fee that the cost of swaps would hide. */
  readonly edge: number;
  readonly edgeLower: number;
  /** Mean of fees − LVR − swap cost − MEV − gas, with the interval that holds for all policies at once. */
  readonly headline: number;
  readonly lower: number;
  readonly upper: number;
  /** Both intervals reach down to 0 or below: no edge is shown where there is none. */
  readonly passes: boolean;
}

export interface PlaceboReport {
  readonly rows: readonly PlaceboRow[];
  /** All rows that are no clairvoyant pass. */
  readonly passes: boolean;
  /** Ids that are not held to the rule. */
  readonly excluded: readonly string[];
  readonly markets: number;
  readonly events: number;
  /** Chance that at least one of the policies without any edge fails. */
  readonly level: number;
}

const LEVEL = 0.05;
/** Id of the decision's row. */
const WALKED = "decision-walked";
/** What a walk takes in runs of a policy, about: for how far the check is. */
const WALKED_RUNS = 200;

/** Policies that read the past get three days of it. */
const WARM_UP_SECONDS = 3 * 86_400;

/**
 * Runs every policy over markets in which nobody who provides liquidity has an edge (see placeboMarket). A headline, or
 * fees less LVR, above 0 beyond its interval is an error of the backtester, the engine or the policy: it saw the future, or was paid
 * what nobody paid. Intervals are Student's over the markets, widened so that they hold for all policies at once.
 */
export async function placebo(parameters: PlaceboParameters): Promise<PlaceboReport> {
  const { seed, markets, days, feePips, sigmaPerDay, chargedPips, walked, kept, onProgress } = parameters;
  const checked = Object.entries(parameters.policies ?? registry);
  const results = new Map<string, Outcome[]>();
  const each = checked.length + (walked === undefined ? 0 : WALKED_RUNS);
  let events = 0;
  for (let i = 0; i < markets; i++) {
    const drawn: PlaceboMarketParameters = { seed: seed * 10_000 + i, days, feePips, sigmaPerDay };
    const toldAt = (done: number) => onProgress?.((i + done / each) / markets);
    const played = await keptOr(kept, `${days}d-${drawn.seed}`, async () => {
      const data = placeboMarket(chargedPips === undefined ? drawn : { ...drawn, chargedPips });
      return { events: data.events.length, outcomes: await outcomesOf(data, checked, parameters, toldAt) };
    });
    toldAt(each);
    events += played.events;
    for (const [id, outcome] of played.outcomes) results.set(id, [...(results.get(id) ?? []), outcome]);
  }
  const competitors = [...results.values()].filter(([first]) => first?.clairvoyant === false).length;
  const reach = studentQuantile(1 - LEVEL / Math.max(1, competitors), markets - 1);
  const rows = [...results].map(([id, outcomes]) => rowOf(id, outcomes, reach));
  return {
    rows,
    passes: rows.every(({ clairvoyant, passes }) => clairvoyant || passes),
    excluded: rows.filter(({ clairvoyant }) => clairvoyant).map(({ id }) => id),
    markets,
    events,
    level: LEVEL,
  };
}

interface Outcome {
  readonly label: string;
  readonly clairvoyant: boolean;
  readonly edge: number;
  readonly headline: number;
  readonly moves: number;
}

function settingsOf({ description: { fromSeconds, toSeconds } }: BacktestMarket, capital: number): RunSettings {
  return {
    capital,
    numeraire: 1,
    decisionSeconds: 3600,
    latencyBlocks: 1,
    costs: FREE,
    seed: 0,
    fromSeconds: fromSeconds + WARM_UP_SECONDS,
    toSeconds,
  };
}

/** Every policy's outcome on one market, and the walked decision's where it is asked for. */
async function outcomesOf(
  data: MarketData,
  checked: readonly (readonly [string, PolicyFactory])[],
  { capital, walked }: Pick<PlaceboParameters, "capital" | "walked">,
  toldAt: (done: number) => void,
): Promise<[string, Outcome][]> {
  const market = createEventMarket({ data, dataSha256: "" });
  const outcomes: [string, Outcome][] = [];
  for (const [id, policy] of checked) {
    outcomes.push([id, await outcomeOf(market, policy, capital)]);
    toldAt(outcomes.length);
  }
  if (walked === undefined) return outcomes;
  const onProgress = (done: number) => toldAt(checked.length + done * WALKED_RUNS);
  return [...outcomes, [WALKED, await walkedOutcome(market, walked, capital, onProgress)]];
}

async function walkedOutcome(
  market: BacktestMarket,
  walked: NonNullable<PlaceboParameters["walked"]>,
  capital: number,
  onProgress: (done: number) => void,
): Promise<Outcome> {
  const settings = settingsOf(market, capital);
  const { ours } = await walkDecision({ ...walked, market, settings, level: 1 - LEVEL, onProgress });
  const { feesBps, lvrBps, headlineBps, moves } = ours;
  return { label: "decision, walked", clairvoyant: false, edge: feesBps - lvrBps, headline: headlineBps, moves };
}

async function outcomeOf(market: BacktestMarket, policy: PolicyFactory, capital: number): Promise<Outcome> {
  const run = await runBacktest({ market, policy, settings: settingsOf(market, capital) });
  const { fees, lvr, headline } = run.waterfall;
  const { label, clairvoyant } = run.policy;
  const bps = 10_000 / capital;
  return { label, clairvoyant, edge: (fees - lvr) * bps, headline: headline * bps, moves: run.moves.length };
}

function rowOf(id: string, outcomes: readonly Outcome[], reach: number): PlaceboRow {
  const edge = meanOf(outcomes.map((outcome) => outcome.edge));
  const headline = meanOf(outcomes.map((outcome) => outcome.headline));
  const lower = headline.mean - reach * headline.error;
  const edgeLower = edge.mean - reach * edge.error;
  return {
    id,
    label: outcomes[0]?.label ?? id,
    clairvoyant: outcomes[0]?.clairvoyant ?? false,
    edge: edge.mean,
    edgeLower,
    headline: headline.mean,
    lower,
    upper: headline.mean + reach * headline.error,
    moves: outcomes.reduce((sum, { moves }) => sum + moves, 0) / outcomes.length,
    passes: lower <= 0 && edgeLower <= 0,
  };
}

function meanOf(values: readonly number[]): { readonly mean: number; readonly error: number } {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, error: Math.sqrt(squares / (n - 1) / n) };
}
