import { Gauge, type Registry } from "prom-client";
import type { ModelSet } from "../../ml/types.ts";
import { ratioToBps } from "../../ml/units.ts";
import type { Config } from "../config.ts";
import { type Facts, gasOfDayWei, type PoolFacts, type VaultFacts } from "./facts.ts";

export interface GaugesParameters {
  readonly registry: Registry;
  readonly facts: Facts;
  readonly config: Config;
  readonly models: () => ModelSet;
  readonly version: string;
  readonly now: () => number;
}

type Labels = Readonly<Record<string, string>>;
type Aggregator = "sum" | "max" | "min";

/**
 * What is read from the facts at each scrape and costs nothing in between. Of vaults at most `metrics.vaultSeries`, in
 * the configuration's order, get series of their own: the cardinality is bounded however many there are.
 */
export function registerGauges({ registry, facts, config, models, version, now }: GaugesParameters): void {
  /** One gauge that is emptied and filled at each scrape. `aggregator` says how several workers' values combine. */
  function gauge(
    name: string,
    help: string,
    labelNames: readonly string[],
    aggregator: Aggregator,
    read: (set: (value: number | undefined, labels?: Labels) => void) => void,
  ) {
    new Gauge({
      name,
      help,
      labelNames,
      aggregator,
      registers: [registry],
      collect() {
        this.reset();
        if (labelNames.length === 0) this.remove();
        read((value, labels) => {
          if (value === undefined || !Number.isFinite(value)) return;
          if (labels) this.set(labels, value);
          else this.set(value);
        });
      },
    });
  }

  /** One series per vault, for the first `metrics.vaultSeries` vaults. */
  function vaultGauge(name: string, help: string, read: (vault: VaultFacts) => number | undefined) {
    gauge(name, help, ["vault", "name"], "max", (set) => {
      let left = config.metrics.vaultSeries;
      for (const [vault, known] of facts.vaults) {
        if (left-- <= 0) break;
        set(read(known), { vault, name: known.name });
      }
    });
  }
  function poolGauge(name: string, help: string, read: (pool: PoolFacts) => number | undefined) {
    gauge(name, help, ["pool", "name"], "max", (set) => {
      for (const [pool, known] of facts.pools) set(read(known), { pool, name: known.name });
    });
  }
  const seconds = (milliseconds: number) => milliseconds / 1_000;
  const poolOf = (vault: VaultFacts) => facts.pools.get(vault.pool);

  poolGauge("rangekeeper_tick_age_seconds", "Time since all vaults of a pool last came to rest.", (pool) =>
    seconds(now() - pool.tickedAtMilliseconds),
  );
  vaultGauge("rangekeeper_in_range", "1 when a range of the vault holds the price.", inRange);
  vaultGauge("rangekeeper_share_price", "Whole asset tokens per 1e18 shares, low reference.", (vault) =>
    scaled(vault.sharePrice, vault),
  );
  vaultGauge("rangekeeper_tvl", "Net asset value in whole asset tokens, mid reference.", (vault) =>
    scaled(vault.nav, vault),
  );
  vaultGauge(
    "rangekeeper_predicted_net_bps",
    "Predicted net of the newest decision's choice over its horizon.",
    (vault) => vault.predictedNetBps,
  );
  vaultGauge(
    "rangekeeper_realised_net_bps",
    "Fees less LVR of the newest decision whose horizon has passed.",
    (vault) => vault.realisedNetBps,
  );
  vaultGauge("rangekeeper_twap_deviation_bps", "Distance of spot from the vault's mean, without sign.", (vault) => {
    const tick = poolOf(vault)?.tick;
    if (tick === undefined || vault.referenceTick === undefined) return undefined;
    return ratioToBps(1.0001 ** Math.abs(tick - vault.referenceTick) - 1);
  });
  gauge("rangekeeper_vaults", "Vaults by where the price is.", ["state"], "sum", (set) => {
    const counts = { in_range: 0, out_of_range: 0, idle: 0, unknown: 0 };
    for (const vault of facts.vaults.values()) counts[stateOf(vault)] += 1;
    for (const [state, count] of Object.entries(counts)) set(count, { state });
  });
  gauge("rangekeeper_vaults_paused", "Vaults that are paused on the chain.", [], "sum", (set) =>
    set([...facts.vaults.values()].filter(({ paused }) => paused).length),
  );
  gauge("rangekeeper_out_of_range_seconds", "Longest time that a vault is out of range.", [], "max", (set) =>
    set(Math.max(0, ...each(facts, ({ outOfRangeSince }) => age(facts, outOfRangeSince)))),
  );
  gauge("rangekeeper_share_price_drop_bps", "Largest drop below a vault's highest of the last day.", [], "max", (set) =>
    set(Math.max(0, ...each(facts, dropBps))),
  );
  gauge("rangekeeper_failed_simulations", "Most proposals of a vault that failed in a row.", [], "max", (set) =>
    set(Math.max(0, ...each(facts, ({ failedSimulations }) => failedSimulations))),
  );
  gauge("rangekeeper_out_of_domain_decisions", "Most decisions of a vault out of domain in a row.", [], "max", (set) =>
    set(Math.max(0, ...each(facts, ({ outOfDomain }) => outOfDomain))),
  );
  gauge("rangekeeper_pending_blocks", "Most blocks since a move was sent and not mined.", [], "max", (set) =>
    set(Math.max(0, ...each(facts, ({ pendingBlocks = 0 }) => pendingBlocks))),
  );
  gauge("rangekeeper_forecast_error_bps", "Realised less predicted net of the vault that is worst.", [], "max", (set) =>
    set(worst(each(facts, (vault) => forecastErrorBps(vault, config.trips.driftOutcomes)))),
  );
  gauge("rangekeeper_feature_psi", "Population stability index of the feature that drifted most.", [], "max", (set) =>
    set(Math.max(0, ...[...facts.pools.values()].map(({ drift }) => drift?.psi ?? 0))),
  );
  gauge("rangekeeper_keeper_balance_wei", "Balance of a key that pays for transactions.", ["keeper"], "max", (set) => {
    for (const [keeper, { balanceWei }] of facts.keepers) {
      set(balanceWei === undefined ? undefined : Number(balanceWei), { keeper });
    }
  });
  gauge("rangekeeper_keeper_moves_left", "Moves that a keeper can pay for.", ["keeper"], "max", (set) => {
    for (const [keeper, { movesLeft }] of facts.keepers) set(movesLeft, { keeper });
  });
  gauge("rangekeeper_gas_spent_day_wei", "Wei paid for transactions of every kind in the last day.", [], "sum", (set) =>
    set(gasOfDayWei(facts)),
  );
  gauge("rangekeeper_gas_budget_wei", "What trips.gasGweiPerDay allows.", [], "max", (set) => {
    const { gasGweiPerDay } = config.trips;
    set(gasGweiPerDay === undefined ? undefined : gasGweiPerDay * 1e9);
  });
  gauge("rangekeeper_rpc_head_lag_seconds", "Age of the newest block by this machine's clock.", [], "max", (set) =>
    set(facts.head === null ? undefined : Math.max(0, seconds(now()) - facts.head.timestamp)),
  );
  gauge("rangekeeper_rpc_head_block", "Number of the newest block.", [], "max", (set) => set(facts.head?.number));
  gauge("rangekeeper_rpc_endpoint_up", "1 when an endpoint answers and is believed.", ["endpoint"], "min", (set) => {
    for (const { name, up } of facts.endpoints) set(up ? 1 : 0, { endpoint: name });
  });
  gauge("rangekeeper_rpc_endpoint_failures", "Failed calls since the start.", ["endpoint"], "sum", (set) => {
    for (const { name, failures } of facts.endpoints) set(failures, { endpoint: name });
  });
  gauge("rangekeeper_rpc_endpoint_lag_blocks", "Blocks behind the best endpoint.", ["endpoint"], "max", (set) => {
    for (const { name, lagBlocks } of facts.endpoints) set(lagBlocks, { endpoint: name });
  });
  gauge("rangekeeper_kill_switch", "Level of the order in force, 0 = runs.", ["scope"], "max", (set) => {
    set(0, { scope: "all" });
    for (const { scope, level } of facts.stops.slice(0, config.metrics.vaultSeries)) set(level, { scope });
  });
  gauge("bullmq_job_count", "Jobs of a queue by state.", ["queue", "state"], "max", (set) => {
    for (const [key, count] of facts.jobs) {
      const [queue = "", state = ""] = key.split(" ");
      set(count, { queue, state });
    }
  });
  gauge("rangekeeper_dead_letters", "Jobs that were given up and wait for a person.", ["queue"], "sum", (set) => {
    for (const queue of ["evaluate", "execute", "confirm", "housekeeping"]) {
      set(facts.deadLetters.get(queue) ?? 0, { queue });
    }
  });
  gauge("rangekeeper_leases", "Vaults leased to this worker, and vaults configured.", ["state"], "sum", (set) => {
    set(facts.leases.held, { state: "held" });
    set(facts.leases.configured, { state: "configured" });
  });
  gauge("rangekeeper_redis_up", "1 when Redis answers.", [], "min", (set) => set(facts.redis.up ? 1 : 0));
  gauge("rangekeeper_redis_ping_seconds", "Time that the last PING took.", [], "max", (set) =>
    set(facts.redis.up ? facts.redis.pingSeconds : undefined),
  );
  gauge("rangekeeper_interval_seconds", "evaluate.everySeconds of the configuration.", [], "max", (set) =>
    set(config.evaluate.everySeconds),
  );
  gauge("rangekeeper_worker_info", "Version, chain and mode; always 1.", ["version", "chain", "mode"], "max", (set) =>
    set(1, { version, chain: String(config.chainId), mode: config.worker.mode }),
  );
  gauge("rangekeeper_model_info", "The models in use; always 1.", ["set", "task", "id", "sha256"], "max", (set) => {
    const { id: name, volatility, il, yield: fees } = models();
    for (const { task, id, sha256 } of [volatility, il, fees]) {
      set(1, { set: name, task, id, sha256 });
    }
  });
}

const each = (facts: Facts, read: (vault: VaultFacts) => number) => [...facts.vaults.values()].map(read);

/** Mean over the newest outcomes; 0 while there are too few. */
const forecastErrorBps = ({ forecastErrorsBps }: VaultFacts, fewest: number): number =>
  forecastErrorsBps.length < fewest
    ? 0
    : forecastErrorsBps.reduce((sum, error) => sum + error, 0) / forecastErrorsBps.length;

const worst = (errors: readonly number[]): number =>
  errors.reduce((most, error) => (Math.abs(error) > Math.abs(most) ? error : most), 0);

const age = (facts: Facts, since: number | null | undefined): number =>
  since === null || since === undefined ? 0 : Math.max(0, (facts.head?.timestamp ?? since) - since);

const inRange = ({ outOfRangeSince, ranges }: VaultFacts): number | undefined => {
  if (ranges === undefined || outOfRangeSince === undefined) return undefined;
  return ranges.length > 0 && outOfRangeSince === null ? 1 : 0;
};

const stateOf = (vault: VaultFacts): "in_range" | "out_of_range" | "idle" | "unknown" => {
  if (vault.ranges === undefined || vault.outOfRangeSince === undefined) return "unknown";
  if (vault.ranges.length === 0) return "idle";
  return vault.outOfRangeSince === null ? "in_range" : "out_of_range";
};

const dropBps = (vault: VaultFacts): number => {
  const highest = Math.max(0, ...vault.highestByHour.values());
  return highest > 0 && vault.sharePrice !== undefined ? ((highest - vault.sharePrice) * 10_000) / highest : 0;
};

const scaled = (units: number | undefined, { assetDecimals }: VaultFacts): number | undefined =>
  units === undefined || assetDecimals === undefined ? undefined : units / 10 ** assetDecimals;
