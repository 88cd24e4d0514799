import { Counter, Gauge, Histogram, type Registry } from "prom-client";

/** Sub-millisecond steps to minutes, in seconds. */
const FAST_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];
const SLOW_BUCKETS = [0.01, 0.05, 0.1, 0.5, 1, 2, 5, 12, 30, 60, 300, 3_600];

/** What is counted and timed as it happens. Labels have few values each: never a vault, never a message. */
export function createInstruments(registry: Registry) {
  const registers = [registry];
  const instruments = {
    decisions: new Counter({
      name: "rangekeeper_decisions_total",
      help: "Decisions journaled, by action and by the key of their reason.",
      labelNames: ["action", "reason"] as const,
      registers,
    }),
    rebalances: new Counter({
      name: "rangekeeper_rebalances_total",
      help: "Steps of proposals journaled, by the status that each step led to.",
      labelNames: ["status"] as const,
      registers,
    }),
    fees: new Counter({
      name: "rangekeeper_fees_total",
      help: "Fees collected by confirmed moves, in whole tokens, by the token's address.",
      labelNames: ["token"] as const,
      registers,
    }),
    gasSpent: new Counter({
      name: "rangekeeper_gas_spent_wei_total",
      help: "Wei paid for transactions that were mined.",
      registers,
    }),
    challengerFailures: new Counter({
      name: "rangekeeper_challenger_failures_total",
      help: "Decisions that a challenger did not answer, by its model set.",
      labelNames: ["model_set"] as const,
      registers,
    }),
    outOfDomain: new Counter({
      name: "rangekeeper_model_input_out_of_domain_total",
      help: "Decisions that stood aside because an input lay outside of what the models know.",
      registers,
    }),
    refusedByChain: new Counter({
      name: "rangekeeper_refused_by_chain_total",
      help: "Moves that the chain refused although simulation had let them through.",
      registers,
    }),
    chainChanges: new Counter({
      name: "rangekeeper_chain_changes_total",
      help: "Events of vaults, strategies and their roles that a person should know of, by alert.",
      labelNames: ["alert"] as const,
      registers,
    }),
    modelLatency: new Histogram({
      name: "rangekeeper_model_latency_seconds",
      help: "Time that scoring and deciding took, per vault or group of vaults that was decided at once.",
      buckets: FAST_BUCKETS,
      registers,
    }),
    journalWrite: new Histogram({
      name: "rangekeeper_journal_write_seconds",
      help: "Time that a write to the journal took until it was on disk.",
      buckets: FAST_BUCKETS,
      registers,
    }),
    queueWait: new Histogram({
      name: "rangekeeper_queue_wait_seconds",
      help: "Time from queueing a job to its first start.",
      labelNames: ["queue"] as const,
      buckets: SLOW_BUCKETS,
      registers,
    }),
    jobTime: new Histogram({
      name: "rangekeeper_job_seconds",
      help: "Time that the last run of a job took.",
      labelNames: ["queue", "result"] as const,
      buckets: SLOW_BUCKETS,
      registers,
    }),
    alertsFiring: new Gauge({
      name: "rangekeeper_alerts_firing",
      help: "Alerts that fire by this worker's own look, by name.",
      labelNames: ["alert"] as const,
      aggregator: "max",
      registers,
    }),
    alertsSent: new Counter({
      name: "rangekeeper_alert_messages_total",
      help: "Messages to alert sinks, by sink and by what became of them.",
      labelNames: ["sink", "result"] as const,
      registers,
    }),
  };
  // A series that is there from the start at 0 shows its first increase.
  for (const alert of ["RolesChanged", "BoundsChanged", "VaultPaused"]) instruments.chainChanges.inc({ alert }, 0);
  return instruments;
}

export type Instruments = ReturnType<typeof createInstruments>;
