import { createHash } from "node:crypto";
import { InvalidInputError } from "../../errors.ts";
import { computeFeatures, FEATURE_NAMES } from "../../features/index.ts";
import type { Outside } from "../../features/outsideSeries.ts";
import type { Decision } from "../../types.ts";
import type { BacktestMarket } from "../market.ts";
import { playRun } from "../play.ts";
import { policyInput } from "../policyInput.ts";
import { checkSettings } from "../settings.ts";
import type { PolicyContext, PolicyFactory, RunSettings } from "../types.ts";

/** What one decision saw and what it came to. */
export interface RecordedDecision {
  readonly atSeconds: number;
  /** The market features that its bars and the world outside give; NaN = missing. */
  readonly features: Readonly<Record<string, number>>;
  /**
   * Everything else that it was shown, as short texts: a difference names what was different. Not the block's number: a
   * replay counts the blocks between two recorded ones by the later of them, and the number tells a policy nothing.
   */
  readonly shown: Readonly<Record<string, string>>;
  /** The action, and for a model its forecast and its whole table of candidates. */
  readonly answer: string;
  readonly kind: "hold" | "move" | "idle";
}

export interface RecordParameters {
  readonly market: BacktestMarket;
  readonly policy: PolicyFactory;
  readonly settings: RunSettings;
  /** What the policy gets to see of a context; everything when left out. */
  readonly view?: (context: PolicyContext) => PolicyContext;
  readonly onProgress?: (done: number) => void;
}

/** Runs a policy and writes down what each of its decisions saw and said. Clairvoyants are given their future. */
export async function recordDecisions(parameters: RecordParameters): Promise<readonly RecordedDecision[]> {
  const { market, policy, settings, view = (context) => context, onProgress } = parameters;
  checkSettings(settings, market);
  const made = await policy(policyInput(market, settings));
  const records: RecordedDecision[] = [];
  const watched = {
    ...made,
    async decide(context: PolicyContext) {
      const seen = view(context);
      const answer = await made.decide(seen);
      records.push({
        atSeconds: context.atSeconds,
        features: featuresOf(seen, market.outside),
        shown: shownOf(seen),
        answer: text({ action: answer.action, ...reasoningOf(answer.decision) }),
        kind: answer.action.kind,
      });
      return answer;
    },
  };
  await playRun({ market, policy: watched, settings, ...(onProgress ? { onProgress } : {}) });
  return records;
}

/** The features that a context's bars and the world outside give, all missing where no bar is known. */
export function featuresOf({ bars }: PolicyContext, outside: Outside | undefined): Readonly<Record<string, number>> {
  const known = bars.some(({ close }) => !Number.isNaN(close));
  if (!known) return Object.fromEntries(FEATURE_NAMES.map((name) => [name, Number.NaN]));
  const { values } = computeFeatures(bars, outside);
  return Object.fromEntries(FEATURE_NAMES.map((name, i) => [name, values[i] ?? Number.NaN]));
}

function shownOf({ bars, history, price, nav, state, moveGas }: PolicyContext): Readonly<Record<string, string>> {
  const swaps = history?.swaps ?? [];
  const first = swaps[0];
  return {
    price: String(price),
    nav: String(nav),
    gas: String(moveGas ?? null),
    positions: text(state.positions),
    bars: `${bars.length} bars, sha256 ${sha256(text(bars))}`,
    swaps:
      first === undefined
        ? "none"
        : `${swaps.length} swaps from ${first.timestamp} to ${swaps.at(-1)?.timestamp}, sha256 ${sha256(text(swaps))}`,
    pool: text([history?.sqrtPriceX96, history?.liquidity, history?.tick, history?.toTimestamp]),
  };
}

function reasoningOf(decision: Decision | null): Partial<Decision> {
  if (decision === null) return {};
  const { reasonKey, candidates, chosen, plan, spreadWad, volatility, features } = decision;
  return { reasonKey, candidates, chosen, plan, spreadWad, volatility, features };
}

const text = (value: unknown): string =>
  JSON.stringify(value, (_key, inner) => (typeof inner === "bigint" ? `${inner}n` : inner)) ?? "undefined";

const sha256 = (of: string): string => createHash("sha256").update(of).digest("hex").slice(0, 12);

/** Refuses a check that would compare nothing. */
export function needDecisions(records: readonly RecordedDecision[], settings: RunSettings): void {
  if (records.length >= 2) return;
  throw new InvalidInputError(
    `span ${settings.fromSeconds} to ${settings.toSeconds} holds ${records.length} decisions every ${settings.decisionSeconds} s; rule: at least 2 to check`,
  );
}
