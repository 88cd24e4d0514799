import type { DecisionSettings } from "../types.ts";

const HOUR = 3600;

/** Settings of the decision that compete on the training windows. */
export interface DecisionVariant {
  readonly id: string;
  readonly settings: Pick<
    DecisionSettings,
    "horizonSeconds" | "riskAversion" | "deviationWeight" | "breachWeightBps" | "hysteresisBps" | "waitWeight"
  >;
}

/** What a move must pay back in. */
const HORIZON_HOURS = [24, 168] as const;

/** The price of the loss tail, of distance from the reference and of a likely breach of the loss bound, together. */
const RISKS = [
  { key: "bold", riskAversion: 0, deviationWeight: 0, breachWeightBps: 0 },
  { key: "even", riskAversion: 0.1, deviationWeight: 0.002, breachWeightBps: 20 },
  { key: "careful", riskAversion: 0.5, deviationWeight: 0.01, breachWeightBps: 100 },
] as const;

const HASTES = [
  { key: "soon", hysteresisBps: 2, waitWeight: 0.5 },
  { key: "late", hysteresisBps: 10, waitWeight: 1 },
] as const;

/** Every horizon with every attitude to risk and haste. The loss bound and the weight of the expected LVR are the operator's. */
export const VARIANTS: readonly DecisionVariant[] = HORIZON_HOURS.flatMap((hours) =>
  RISKS.flatMap(({ key: risk, ...risks }) =>
    HASTES.map(({ key: haste, ...hastes }) => ({
      id: `decision-${hours}h-${risk}-${haste}`,
      settings: { horizonSeconds: hours * HOUR, ...risks, ...hastes },
    })),
  ),
);
