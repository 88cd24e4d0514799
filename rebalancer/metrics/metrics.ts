import type { Worker } from "bullmq";
import { collectDefaultMetrics, Registry } from "prom-client";
import { chosenOf } from "../../ml/table.ts";
import type { Address, Decision, ModelSet, PoolMeta, VaultState } from "../../ml/types.ts";
import type { BlockStamp } from "../chain.ts";
import type { Config, VaultConfig } from "../config.ts";
import { emptyFacts, type Facts } from "./facts.ts";
import { registerGauges } from "./gauges.ts";
import { createInstruments, type Instruments } from "./instruments.ts";

/** Rows of features kept per pool for measuring drift: a week of hours. */
const REMEMBERED_FEATURES = 168;

/** What was decided for a vault, and on what. */
export interface DecidedEvent {
  readonly decision: Decision;
  readonly state: VaultState;
  /** Spot at the end of the decision's block. */
  readonly tick: number;
}

/** Where the worker says what happens; every method returns at once and never throws. */
export interface Metrics {
  readonly registry: Registry;
  readonly instruments: Instruments;
  readonly facts: Facts;
  /** A head was read. */
  headSeen(head: BlockStamp): void;
  /** All vaults of a pool came to rest with a block. */
  ticked(pool: Address): void;
  /** A vault was decided upon. */
  decided(event: DecidedEvent): void;
  /** Times the jobs of a queue's receiving end. */
  watch(worker: Worker): void;
}

export interface CreateMetricsParameters {
  readonly config: Config;
  /** Those that decide now. */
  readonly models: () => ModelSet;
  readonly version: string;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** Also process, memory and event-loop figures. */
  readonly process?: boolean;
}

/** The counters of one worker and what it knows of itself. */
export function createMetrics(parameters: CreateMetricsParameters): Metrics {
  const { config, models, version, now = Date.now } = parameters;
  const registry = new Registry();
  const instruments = createInstruments(registry);
  const facts = emptyFacts(now());
  registerGauges({ registry, facts, config, models, version, now });
  if (parameters.process) collectDefaultMetrics({ register: registry });

  return {
    registry,
    instruments,
    facts,
    headSeen({ number, hash, timestamp, baseFeePerGas }) {
      facts.head = { number, hash, timestamp, baseFeePerGas, seenAtMilliseconds: now() };
    },
    ticked(pool) {
      const known = facts.pools.get(pool);
      if (known) known.tickedAtMilliseconds = now();
    },
    decided({ decision, state, tick }) {
      const vault = facts.vaults.get(decision.vault);
      const pool = facts.pools.get(decision.pool);
      if (!vault || !pool) return;
      pool.tick = tick;
      vault.assetDecimals = pool.decimals[decision.numeraire];
      vault.ranges = state.positions;
      vault.referenceTick = state.referenceTick;
      vault.paused = state.paused;
      const chosen = chosenOf(decision);
      if (chosen !== undefined) vault.predictedNetBps = chosen.netBps;
      placeVault(facts, decision.vault, decision.atSeconds);
      if (decision.features !== null && pool.features.at(-1)?.block !== decision.block) {
        pool.features.push({ block: decision.block, ...decision.features });
        if (pool.features.length > REMEMBERED_FEATURES) pool.features.shift();
      }
    },
    watch(worker) {
      const queue = worker.name;
      worker.on("completed", (job) => {
        const { timestamp, processedOn = timestamp, finishedOn = now(), attemptsMade } = job;
        if (attemptsMade <= 1) instruments.queueWait.observe({ queue }, Math.max(0, processedOn - timestamp) / 1_000);
        instruments.jobTime.observe({ queue, result: "done" }, Math.max(0, finishedOn - processedOn) / 1_000);
      });
      worker.on("failed", (job) => {
        const started = job?.processedOn ?? now();
        instruments.jobTime.observe({ queue, result: "failed" }, Math.max(0, now() - started) / 1_000);
      });
    },
  };
}

/** Tells the facts which pools and vaults there are; what is not configured is never counted. */
export function nameVaults(
  { facts }: Pick<Metrics, "facts">,
  pools: readonly { readonly meta: PoolMeta; readonly vaults: readonly VaultConfig[] }[],
  now: () => number = Date.now,
): void {
  for (const { meta, vaults } of pools) {
    facts.pools.set(meta.address, {
      name: `${meta.token0.symbol}/${meta.token1.symbol} ${meta.feePips / 10_000}%`,
      decimals: [meta.token0.decimals, meta.token1.decimals],
      tokens: [meta.token0.address, meta.token1.address],
      tickedAtMilliseconds: now(),
      features: [],
    });
    for (const { name, vault } of vaults) {
      facts.vaults.set(vault, {
        name,
        pool: meta.address,
        highestByHour: new Map(),
        forecastErrorsBps: [],
        failedSimulations: 0,
        outOfDomain: 0,
      });
    }
  }
  facts.leases = { ...facts.leases, configured: facts.vaults.size };
}

/** Notes since when a vault's ranges do not hold the price; an idle vault is in no range and out of none. */
export function placeVault(facts: Facts, address: Address, atSeconds: number): void {
  const vault = facts.vaults.get(address);
  const tick = vault && facts.pools.get(vault.pool)?.tick;
  if (!vault?.ranges || tick === undefined) return;
  const holds = vault.ranges.some(({ lowerTick, upperTick }) => lowerTick <= tick && tick < upperTick);
  if (holds || vault.ranges.length === 0) vault.outOfRangeSince = null;
  else vault.outOfRangeSince ??= atSeconds;
}
