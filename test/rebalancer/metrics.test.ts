import { Redis } from "ioredis";
import { AggregatorRegistry } from "prom-client";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { loadModelSet } from "../../ml/models/index.ts";
import type { Decision, ModelSet, PoolMeta, VaultState } from "../../ml/types.ts";
import { accounts } from "../../rebalancer/cli/demo/accounts.ts";
import { enqueue } from "../../rebalancer/cli/demo/market/chain.ts";
import { type Config, parseConfig, type VaultConfig } from "../../rebalancer/config.ts";
import { type Journal, openJournal } from "../../rebalancer/journal.ts";
import { createLogger } from "../../rebalancer/log/log.ts";
import { run } from "../../rebalancer/main.ts";
import { driftOf } from "../../rebalancer/metrics/drift.ts";
import { createMetrics, nameVaults } from "../../rebalancer/metrics/metrics.ts";
import { readPublishedMetrics } from "../../rebalancer/metrics/publish.ts";
import { openTallies } from "../../rebalancer/metrics/tallies.ts";
import { createKillSwitch } from "../../rebalancer/stops/killSwitch.ts";
import { encodePauseVault } from "../../sdk/actions/pauseVault.ts";
import { type LocalDeployment, startLocalDeployment } from "../support/deployment.ts";
import { decision, decisionRecord, digest, proposalRecord, VAULT } from "../support/journalRecords.ts";
import { settled } from "../support/lockstep.ts";
import { until } from "../support/until.ts";

let models: ModelSet;
beforeAll(async () => {
  models = await loadModelSet("rules");
});

const pool: PoolMeta = {
  chainId: 1,
  address: VAULT,
  token0: { address: "0x00000000000000000000000000000000000000A1", symbol: "WETH", decimals: 18 },
  token1: { address: "0x00000000000000000000000000000000000000b2", symbol: "USDC", decimals: 6 },
  feePips: 3000,
  tickSpacing: 60,
};
const vaultAt = (index: number): VaultConfig => {
  const address = `0x${(index + 170).toString(16).padStart(40, "0")}` as const;
  return {
    name: `v${index}`,
    keeper: "keeper",
    signer: "signer",
    pool: VAULT,
    vault: address,
    lens: VAULT,
    strategy: VAULT,
  };
};
const configWith = (changes: Record<string, unknown> = {}): Config =>
  parseConfig({ chainId: 1, rpcUrl: "http://127.0.0.1:1", vaults: [{ name: "a" }], ...changes });

/** Metrics of vaults on one pool. */
function metricsOf(vaults: readonly VaultConfig[], changes: Record<string, unknown> = {}, now = () => 5_000) {
  const metrics = createMetrics({ config: configWith(changes), models: () => models, version: "test", now });
  nameVaults(metrics, [{ meta: pool, vaults }], now);
  return metrics;
}

/** The value of one series in the text that Prometheus reads; undefined when it is not there. */
const seriesIn = (text: string) => (name: string) => {
  const line = text.split("\n").find((candidate) => candidate.startsWith(`${name} `));
  return line === undefined ? undefined : Number(line.split(" ").at(-1));
};

const stateWith = (ranges: VaultState["positions"]): VaultState =>
  ({ positions: ranges, referenceTick: 5, paused: false }) as unknown as VaultState;
const range = (lowerTick: number, upperTick: number) =>
  ({ lowerTick, upperTick }) as unknown as VaultState["positions"][number];

describe("gauges", () => {
  it("say where the price is, since when, and how far from the mean", async () => {
    const metrics = metricsOf([vaultAt(0), vaultAt(1), vaultAt(2)]);
    const on = (index: number, block: number, ranges: VaultState["positions"], tick: number) => {
      const taken: Decision = { ...decision(block), vault: vaultAt(index).vault };
      metrics.decided({ decision: taken, state: stateWith(ranges), tick });
    };
    metrics.headSeen({ number: 10, hash: digest(1), parentHash: digest(0), timestamp: 500, baseFeePerGas: 1n });
    on(0, 10, [range(-60, 60)], 105);
    on(1, 10, [range(-60, 60), range(60, 120)], 105);
    on(2, 10, [], 105);
    metrics.headSeen({ number: 11, hash: digest(2), parentHash: digest(1), timestamp: 620, baseFeePerGas: 1n });
    const value = seriesIn(await metrics.registry.metrics());
    expect(value(`rangekeeper_in_range{vault="${vaultAt(0).vault}",name="v0"}`)).toBe(0);
    expect(value(`rangekeeper_in_range{vault="${vaultAt(1).vault}",name="v1"}`)).toBe(1);
    expect(value('rangekeeper_vaults{state="in_range"}')).toBe(1);
    expect(value('rangekeeper_vaults{state="out_of_range"}')).toBe(1);
    expect(value('rangekeeper_vaults{state="idle"}')).toBe(1);
    // decided at 10 blocks x 12 s, head at 620 s
    expect(value("rangekeeper_out_of_range_seconds")).toBe(500);
    expect(value(`rangekeeper_twap_deviation_bps{vault="${vaultAt(0).vault}",name="v0"}`)).toBeCloseTo(100.5, 1);
  });

  it("give no more vaults series of their own than the configuration allows, and count all of them", async () => {
    const vaults = Array.from({ length: 30 }, (_, index) => vaultAt(index));
    const metrics = metricsOf(vaults, { metrics: { vaultSeries: 7 } });
    for (const { vault } of vaults) {
      metrics.decided({ decision: { ...decision(1), vault }, state: stateWith([range(-60, 60)]), tick: 0 });
    }
    const text = await metrics.registry.metrics();
    expect(text.match(/^rangekeeper_in_range\{/gm)).toHaveLength(7);
    expect(seriesIn(text)('rangekeeper_vaults{state="in_range"}')).toBe(30);
  });
});

describe("tallies", () => {
  const spent = (journal: Journal, block: number, nonce: number, kind: "rebalance" | "cancel" = "rebalance") =>
    journal.recordSpent({
      sender: VAULT,
      nonce,
      kind,
      subject: digest(1_000 + nonce),
      hash: digest(nonce),
      block,
      blockHash: digest(block),
      atSeconds: block * 12,
      gasUsed: 500_000n,
      effectiveGasPrice: 20_000_000_000n,
      succeeded: true,
    });
  const confirmed = (journal: Journal, block: number, fees0: bigint) => {
    journal.recordDecision(decisionRecord(block));
    const { digest: key } = journal.recordProposal(proposalRecord(block));
    journal.advance(key, "sent");
    journal.recordMeasured(key, {
      transactionHash: digest(block),
      block,
      blockHash: digest(block),
      gasUsed: 500_000n,
      effectiveGasPrice: 20_000_000_000n,
      events: [{ name: "Rebalanced", args: { report: { fees0, fees1: 2_500_000n } } }],
    });
    journal.advance(key, "confirmed", `block ${block}`);
    spent(journal, block, block);
  };
  const vault = { ...vaultAt(0), vault: VAULT } as const;
  const opened = (journal: Journal) => {
    const metrics = metricsOf([vault]);
    return { metrics, tallies: openTallies({ journal, metrics, config: configWith() }) };
  };
  const counters = async ({ metrics }: ReturnType<typeof opened>) => {
    const value = seriesIn(await metrics.registry.metrics());
    return {
      moves: value('rangekeeper_decisions_total{action="move",reason="edge"}'),
      confirmed: value('rangekeeper_rebalances_total{status="confirmed"}'),
      gas: value("rangekeeper_gas_spent_wei_total"),
      fees0: value(`rangekeeper_fees_total{token="${pool.token0.address}"}`),
      fees1: value(`rangekeeper_fees_total{token="${pool.token1.address}"}`),
      day: value("rangekeeper_gas_spent_day_wei"),
    };
  };

  it("count the same after a restart, with and without totals that were saved, and a mined move once", async () => {
    const journal = openJournal(":memory:", () => "worker");
    for (const block of [1, 2, 3]) confirmed(journal, block, 10n ** 18n);
    const first = opened(journal);
    await first.tallies.follow();
    const expected = { moves: 3, confirmed: 3, gas: 3e16, fees0: 3, fees1: 7.5, day: 3e16 };
    expect(await counters(first)).toEqual(expected);
    // the same move again, in another block after a reorganisation
    const again = journal.proposal(digest(1003));
    if (!again?.measured) throw new Error("no measure");
    journal.recordMeasured(again.digest, { ...again.measured, block: 4 });
    spent(journal, 4, 3);
    await first.tallies.follow();
    expect(await counters(first)).toEqual(expected);
    first.tallies.save();
    confirmed(journal, 5, 10n ** 18n);
    // a cancel moves nothing and is paid for all the same
    spent(journal, 6, 6, "cancel");
    const second = opened(journal);
    await second.tallies.follow();
    const more = { moves: 4, confirmed: 4, gas: 5e16, fees0: 4, fees1: 10, day: 5e16 };
    expect(await counters(second)).toEqual(more);
    journal.saveTally("metrics@2", { broken: true });
    const third = opened(journal);
    await third.tallies.follow();
    expect(await counters(third)).toEqual(more);
  });

  it("remember failed simulations, forecast errors and pending moves over a restart", async () => {
    const journal = openJournal(":memory:", () => "worker");
    for (const block of [1, 2]) {
      journal.recordDecision(decisionRecord(block));
      const { digest: key } = journal.recordProposal(proposalRecord(block));
      journal.advance(key, "refused", "simulation too narrow");
      const outcome = { netBps: 3, predicted: { feesBps: 10, lvrBps: 2 } };
      journal.recordOutcome({ decisionId: `d${block}`, settledAtSeconds: block, outcome });
    }
    journal.recordDecision(decisionRecord(3));
    journal.advance(journal.recordProposal(proposalRecord(3)).digest, "sent");
    const first = opened(journal);
    await first.tallies.follow();
    first.tallies.save();
    const { metrics, tallies } = opened(journal);
    metrics.headSeen({ number: 30, hash: digest(2), parentHash: digest(1), timestamp: 620, baseFeePerGas: 1n });
    await tallies.follow();
    expect(metrics.facts.vaults.get(VAULT)).toMatchObject({
      failedSimulations: 2,
      lastFailure: "simulation too narrow",
      forecastErrorsBps: [-5, -5],
      realisedNetBps: 3,
      pendingBlocks: 27,
      sharePrice: 7,
    });
  });
});

describe("driftOf", () => {
  const domain = { calm: { p1: -1, p99: 1 }, wild: { p1: 0, p99: 10 } };
  const rows = (count: number, outside: number) =>
    Array.from({ length: count }, (_, index) => ({ values: [0.5, index < outside ? 11 : 5] }));

  it("finds the feature that left its training range, and is small where nothing did", () => {
    const names = ["calm", "wild"];
    expect(driftOf({ names, rows: rows(100, 0), domain })?.psi).toBeLessThan(0.04);
    const drift = driftOf({ names, rows: rows(100, 12), domain });
    expect(drift?.feature).toBe("wild");
    // (0.2/120, 107.6/120, 12.2/120) against (0.01, 0.98, 0.01)
    expect(drift?.psi).toBeCloseTo(0.235, 2);
    expect(driftOf({ names, rows: rows(23, 23), domain })).toBeNull();
    expect(driftOf({ names, rows: rows(100, 50), domain: {} })).toBeNull();
  });
});

describe("a worker", () => {
  let local: LocalDeployment;
  let redis: Redis;
  beforeAll(async () => {
    local = await startLocalDeployment();
    redis = new Redis(local.redis.url);
  }, 400_000);
  afterAll(async () => {
    redis?.disconnect();
    await local?.stop();
  });

  /** A worker that a failed test left running would keep the vault from the next one. */
  let stopLast: (() => Promise<void>) | null = null;
  afterEach(async () => {
    await stopLast?.().catch(() => undefined);
    stopLast = null;
  });

  /** Starts a worker; `url` is where its metrics are. */
  async function start(config: Config) {
    const stop = new AbortController();
    const lines: string[] = [];
    const logger = createLogger({ level: "info", destination: { write: (line) => void lines.push(line) } });
    const running = run({ config, signal: stop.signal, live: true, env: local.env, logger });
    running.catch(() => undefined);
    const url = await until(() => {
      const line = lines.find((text) => text.includes("/readyz"));
      return line === undefined ? null : String(JSON.parse(line).url);
    });
    const end = async () => {
      stop.abort();
      await running;
    };
    stopLast = end;
    return {
      url,
      scrape: async () => seriesIn(await (await fetch(`${url}/metrics`)).text()),
      stop: end,
    };
  }

  it("counts one move as journal and chain have it, again after a restart, and shows it to other processes", async () => {
    const { config } = local.configure({ metrics: { listen: "127.0.0.1:0" } });
    const worker = await start(config);
    const block = await local.tick(600);
    expect((await settled(local, block)).state).toBe("sent");
    await settled(local, await local.tick(12));
    const name = 'rangekeeper_rebalances_total{status="confirmed"}';
    const value = await until(async () => {
      const read = await worker.scrape();
      return read(name) === 1 && read('rangekeeper_keeper_moves_left{keeper="keeper"}') !== undefined ? read : null;
    });
    const journal = openJournal(config.journal.path, () => "reader");
    const [proposal] = journal.proposals();
    const { gasUsed, effectiveGasPrice } = proposal?.measured ?? { gasUsed: 0n, effectiveGasPrice: 0n };
    journal.close();
    expect(value("rangekeeper_gas_spent_wei_total")).toBe(Number(gasUsed * effectiveGasPrice));
    expect(value('rangekeeper_vaults{state="idle"}')).toBeDefined();
    expect(value("rangekeeper_redis_up")).toBe(1);
    expect(value("rangekeeper_rpc_head_block")).toBe(block + 1);
    expect(value('bullmq_job_count{queue="execute",state="completed"}')).toBe(1);
    expect(value('rangekeeper_leases{state="held"}')).toBe(1);
    expect(value('rangekeeper_kill_switch{scope="all"}')).toBe(0);
    expect(value("rangekeeper_model_latency_seconds_count")).toBeGreaterThan(0);
    expect(value("rangekeeper_journal_write_seconds_count")).toBeGreaterThan(0);
    expect(value('rangekeeper_queue_wait_seconds_count{queue="evaluate"}')).toBe(1);
    expect(await fetch(`${worker.url}/healthz`).then(({ status }) => status)).toBe(200);
    const ready = await fetch(`${worker.url}/readyz`);
    expect(await ready.json()).toMatchObject({ status: "ready" });
    expect((await fetch(`${worker.url}/elsewhere`)).status).toBe(404);
    expect((await fetch(`${worker.url}/metrics`, { method: "POST", body: "x".repeat(100_000) })).status).toBe(405);

    const published = await until(async () => {
      const found = await readPublishedMetrics(redis, "rangekeeper", 31_337);
      return found.length > 0 ? found : null;
    });
    const both = [...published, ...published].map(({ metrics }) => metrics);
    const merged = AggregatorRegistry.aggregate(both as never);
    expect(await merged.metrics()).toContain("rangekeeper_redis_up 1");
    await worker.stop();

    const again = await start(config);
    const restarted = await until(async () => {
      const read = await again.scrape();
      return read(name) === undefined ? null : read;
    });
    expect(restarted(name)).toBe(1);
    expect(restarted("rangekeeper_gas_spent_wei_total")).toBe(Number(gasUsed * effectiveGasPrice));
    expect(restarted('rangekeeper_decisions_total{action="move",reason="edge"}')).toBe(1);
    await again.stop();
  });

  it("shows an order of the kill switch, and is not ready while Redis is away", async () => {
    const { config } = local.configure({ metrics: { listen: "127.0.0.1:0" } });
    const worker = await start(config);
    const killSwitch = createKillSwitch({ redis, journal: null, prefix: "rangekeeper", chainId: 31_337 });
    const order = { scope: "all", reason: "test", by: "operator" } as const;
    await killSwitch.give({ ...order, level: 2, atMilliseconds: Date.now() });
    await until(async () => ((await worker.scrape())('rangekeeper_kill_switch{scope="all"}') === 2 ? true : null));
    await killSwitch.give({ ...order, level: 0, atMilliseconds: Date.now() + 1 });
    await until(async () => ((await fetch(`${worker.url}/readyz`)).status === 200 ? true : null));
    // a pause by the guardian, as the chain's own events tell it
    const reader = openJournal(config.journal.path, () => "reader");
    const scanned = `rangekeeper:31337:alerts:scanned:${reader.identity}`;
    reader.close();
    await until(async () => ((await redis.exists(scanned)) === 1 ? true : null));
    const { vault } = local.deployment;
    await enqueue(local.market.rpc, [{ from: accounts.guardian, to: vault, data: encodePauseVault(60n) }]);
    await local.tick(12);
    const changes = 'rangekeeper_chain_changes_total{alert="VaultPaused"}';
    await until(async () => ((await worker.scrape())(changes) === 1 ? true : null), 60_000);
    const events = Object.values(await redis.hgetall("rangekeeper:31337:alerts:events"));
    expect(events.map((text) => JSON.parse(text).summary).filter((text) => /: PausedUntil \{/.test(text))).toHaveLength(
      1,
    );

    // every connection waits: a Redis that hangs is worse than one that is gone
    await redis.client("PAUSE", 8_000);
    const body = await until(async () => {
      const answer = await fetch(`${worker.url}/readyz`);
      return answer.status === 503 ? ((await answer.json()) as { checks: { name: string; ok: boolean }[] }) : null;
    });
    expect(body.checks.filter(({ ok }) => !ok).map(({ name }) => name)).toEqual(["redis"]);
    expect((await worker.scrape())("rangekeeper_redis_up")).toBe(0);
    await until(async () => ((await fetch(`${worker.url}/readyz`)).status === 200 ? true : null));
    await worker.stop();
  });

  it("refuses to start where its address is taken, naming it", async () => {
    const { config } = local.configure({ metrics: { listen: new URL(local.redis.url).host } });
    await expect(run({ config, signal: new AbortController().signal, live: true, env: local.env })).rejects.toThrow(
      /^config metrics.listen: 127.0.0.1:\d+; rule: an address that is free \(.*EADDRINUSE/,
    );
  });
});
