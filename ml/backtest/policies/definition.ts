import type { Range } from "../../types.ts";
import type { Policy, PolicyAction, PolicyContext, PolicyFactory, PolicyInput } from "../types.ts";

/** A baseline as the registry lists it. */
export interface PolicyDefinition {
  readonly id: string;
  /** At most 24 characters. */
  readonly label: string;
  /** Baselines of one family differ in one knob, which a walk-forward run chooses on its training window. */
  readonly family: string;
  readonly clairvoyant: boolean;
  /** Where the rule comes from. */
  readonly source: string;
  /** Starts a run; what the rule remembers between decisions lives in the closure. */
  readonly start: (input: PolicyInput) => (context: PolicyContext) => PolicyAction;
}

/** The factory that the backtester calls. */
export const factoryOf =
  ({ id, label, family, clairvoyant, start }: PolicyDefinition): PolicyFactory =>
  (input): Policy => {
    const decide = start(input);
    return {
      id,
      label,
      family,
      clairvoyant,
      decide: (context) => ({ action: decide(context), decision: null }),
    };
  };

export const hold = (reason: string): PolicyAction => ({ kind: "hold", reason });

/** All of NAV into one range, after the swap that it needs. */
export const moveTo = (range: Range, reason: string): PolicyAction => ({
  kind: "move",
  reason,
  ranges: [{ ...range, weight: 1 }],
  swap: "to-ratio",
});
