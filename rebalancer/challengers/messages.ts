import type { CalibrationState } from "../../ml/risk/uncertainty/calibration.ts";
import type { Bar, Decision, Numeraire, PoolHistory } from "../../ml/types.ts";
import type { DecisionInputs } from "../journal/inputs.ts";

/** One pool's decisions for a challenger to take as well. */
export interface ToChallenger {
  readonly batch: number;
  /** Without its swaps: their bars are what a decision looks at, and much less to hand over. */
  readonly history: PoolHistory;
  /** Hourly bars by numeraire; empty where no vault has it. */
  readonly bars: readonly [readonly Bar[], readonly Bar[]];
  /** Hourly bars that begin on the hour, by numeraire, once a day is over; empty while there is nothing to learn. */
  readonly days: readonly [readonly Bar[], readonly Bar[]];
  /** What past days taught it about its own models, by numeraire; null = nothing yet. */
  readonly calibrations: readonly [CalibrationState | null, CalibrationState | null];
  readonly cases: readonly { readonly id: string; readonly inputs: DecisionInputs }[];
}

/** What a challenger knows of its own errors now that it has been through the days that are over. */
export interface Learned {
  readonly numeraire: Numeraire;
  /** Null = none of them taught anything. */
  readonly state: CalibrationState | null;
  /** Start of the last day that is over. */
  readonly throughSeconds: number;
}

export type FromChallenger =
  | ({ readonly kind: "learned"; readonly batch: number } & Learned)
  | { readonly kind: "decided"; readonly batch: number; readonly id: string; readonly decision: Decision }
  | { readonly kind: "failed"; readonly batch: number; readonly id: string; readonly reason: string }
  | { readonly kind: "done"; readonly batch: number };
