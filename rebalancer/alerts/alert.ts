/** Every alert there is. deploy/RUNBOOK.md has a section of the same name for each. */
export const ALERT_NAMES = [
  "TickLate",
  "OutOfRange",
  "SimulationsFailing",
  "GasBudgetNearlySpent",
  "KeeperLow",
  "SharePriceDrop",
  "FeatureDrift",
  "ForecastDrift",
  "OutOfDomain",
  "HeadLag",
  "EndpointDown",
  "RefusedByChain",
  "TransactionPending",
  "RolesChanged",
  "BoundsChanged",
  "VaultPaused",
  "KillSwitchOn",
  "DeadLetter",
  "LeaseLost",
  "RedisDown",
  "JournalSlow",
] as const;
export type AlertName = (typeof ALERT_NAMES)[number];

/** `page` asks for a person now, `ticket` within the day. */
export type Severity = "page" | "ticket";

/** One thing that needs a person. */
export interface Alert {
  readonly name: AlertName;
  /** What it is about: a vault's or pool's address, a key's name, "all"; `name` and `scope` together are its identity. */
  readonly scope: string;
  readonly severity: Severity;
  /** One sentence with the value and the limit. */
  readonly summary: string;
}

/** Something that happened once: it is told once, and nothing resolves it. */
export interface AlertEvent extends Alert {
  /** Of the thing itself (a log of the chain, a proposal), so that whoever sees it again says nothing. */
  readonly id: string;
}

export const alertKey = ({ name, scope }: Pick<Alert, "name" | "scope">): string => `${name} ${scope}`;
