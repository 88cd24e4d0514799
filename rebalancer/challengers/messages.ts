import type { Bar, Decision, PoolHistory } from "../../ml/types.ts";
import type { DecisionInputs } from "../journal/inputs.ts";

/** One pool's decisions for a challenger to take as well. */
export interface ToChallenger {
  readonly batch: number;
  /** Without its swaps: their bars are what a decision looks at, and much less to hand over. */
  readonly history: PoolHistory;
  /** Hourly bars by numeraire; empty where no vault has it. */
  readonly bars: readonly [readonly Bar[], readonly Bar[]];
  readonly cases: readonly { readonly id: string; readonly inputs: DecisionInputs }[];
}

export type FromChallenger =
  | { readonly kind: "decided"; readonly batch: number; readonly id: string; readonly decision: Decision }
  | { readonly kind: "failed"; readonly batch: number; readonly id: string; readonly reason: string }
  | { readonly kind: "done"; readonly batch: number };
