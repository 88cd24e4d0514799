import { existsSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { toHex } from "viem";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startApi } from "../../rebalancer/api/server.ts";
import { createChainClient, getBlock } from "../../rebalancer/chain.ts";
import { registerAlerts } from "../../rebalancer/cli/alerts.ts";
import { accounts } from "../../rebalancer/cli/demo/accounts.ts";
import { registerStatus } from "../../rebalancer/cli/status.ts";
import type { Config } from "../../rebalancer/config.ts";
import { type Journal, openJournal } from "../../rebalancer/journal.ts";
import { loadKeys } from "../../rebalancer/keys/keys.ts";
import { createLogger } from "../../rebalancer/log/log.ts";
import { run } from "../../rebalancer/main.ts";
import type { StopOrder } from "../../rebalancer/stops/killSwitch.ts";
import { openTripCounts, type TripCounts } from "../../rebalancer/stops/tripCounts.ts";
import { acknowledgedTrips, newTrips, readHeadLag, readTrips, type TripReading } from "../../rebalancer/stops/trips.ts";
import { DAY, type LocalDeployment, startLocalDeployment } from "../support/deployment.ts";
import { decision, decisionRecord, digest, proposalRecord, VAULT } from "../support/journalRecords.ts";
import { settled } from "../support/lockstep.ts";
import { writeStrangersModel } from "../support/strangersModel.ts";
import { until } from "../support/until.ts";
import { verbRunner } from "../support/verb.ts";

const alerts = verbRunner(registerAlerts, "alerts");
const status = verbRunner(registerStatus, "status");

let local: LocalDeployment;
beforeAll(async () => {
  local = await startLocalDeployment();
}, 400_000);
afterAll(() => local?.stop());

const scope = VAULT.toLowerCase() as StopOrder["scope"];

describe("readTrips", () => {
  let journal: Journal;
  beforeEach(() => {
    journal = openJournal(":memory:", () => "worker");
    kept = null;
  });

  /** Counts that were opened before anything was written, for these limits. */
  let kept: { limits: Partial<Config["trips"]>; counts: TripCounts } | null = null;
  function keep(limits: Partial<Config["trips"]>) {
    const trips = { ...local.configure().config.trips, ...limits };
    kept = { limits, counts: openTripCounts({ journal, trips, vaults: [{ vault: VAULT }], atSeconds: 100 * 12 }) };
    return limits;
  }

  /** What is broken, by name, for a configuration with these limits. */
  async function broken(
    trips: Partial<Config["trips"]>,
    baseFeePerGas = 10n ** 9n,
  ): Promise<Record<string, string | null>> {
    const { config } = local.configure();
    const client = createChainClient(config.rpcUrl);
    const head = { ...(await getBlock(client, "latest")), timestamp: 100 * 12, baseFeePerGas };
    const vault = {
      name: "demo",
      keeper: "keeper",
      signer: "signer",
      vault: VAULT,
      pool: VAULT,
      lens: VAULT,
      strategy: VAULT,
    } as const;
    const limits = { ...config.trips, ...trips };
    const readings = await readTrips(
      {
        config: {
          ...config,
          trips: limits,
        },
        journal,
        client,
        keys: await loadKeys({ config, env: local.env }),
        // only the vaults of a pool are read here
        pools: [{ vaults: [vault] }] as never,
      },
      kept?.limits === trips
        ? kept.counts
        : openTripCounts({ journal, trips: limits, vaults: [vault], atSeconds: head.timestamp }),
      head,
    );
    return Object.fromEntries(readings.map(({ name, broken }) => [name, broken]));
  }

  /** A proposal of a block that ended with this status; `lossWad` and gas as its receipt would tell. */
  function proposed(block: number, status: "refused" | "confirmed", detail: string, lossWad = 0n) {
    journal.recordDecision(decisionRecord(block));
    const record = journal.recordProposal(proposalRecord(block));
    journal.advance(record.digest, status, detail);
    if (status !== "confirmed") return;
    journal.recordMeasured(record.digest, {
      transactionHash: digest(block),
      block,
      blockHash: digest(block),
      gasUsed: 500_000n,
      effectiveGasPrice: 20_000_000_000n,
      events: [{ name: "Rebalanced", args: { report: { lossWad } } }],
    });
    spent(block, "rebalance", record.digest);
  }

  /** A transaction of 0.01 ether that was mined in a block. */
  function spent(block: number, kind: "rebalance" | "cancel", subject: string) {
    journal.recordSpent({
      sender: VAULT,
      nonce: block,
      kind,
      subject,
      hash: digest(block),
      block,
      blockHash: digest(block),
      atSeconds: block * 12,
      gasUsed: 500_000n,
      effectiveGasPrice: 20_000_000_000n,
      succeeded: true,
    });
  }

  it("adds up a day's gas and a day's losses, and no more than a day's", async () => {
    for (const block of [1, 2, 3]) proposed(block, "confirmed", "", 10n ** 15n);
    // three moves of 0.01 ether and of 10 bp each
    expect(await broken({ gasGweiPerDay: 3e7, lossBpsPerDay: 30 })).toMatchObject({
      "gas-budget": null,
      "loss-budget": null,
    });
    expect(await broken({ gasGweiPerDay: 2.9e7, lossBpsPerDay: 29 })).toMatchObject({
      "gas-budget": "30000000 gwei in a day; at most 29000000",
      "loss-budget": "moves lost 30 bp of the vault in a day; at most 29",
    });
    // what a cancel costs is paid too
    spent(4, "cancel", digest(1));
    expect(await broken({ gasGweiPerDay: 3e7 })).toMatchObject({
      "gas-budget": "40000000 gwei in a day; at most 30000000",
    });
    const { config } = local.configure();
    expect(journal.proposals({ sinceSeconds: 2 * 12 }).map(({ block }) => block)).toEqual([2, 3]);
    expect(config.trips.gasGweiPerDay).toBeUndefined();
  });

  it("counts simulations that fail in a row, not those between which one went through", async () => {
    for (const block of [1, 2]) proposed(block, "refused", "simulation too narrow: (WidthBelowMin)");
    expect(await broken({ failedSimulations: 3 })).toMatchObject({ "failing-simulations": null });
    proposed(3, "confirmed", "");
    for (const block of [4, 5]) proposed(block, "refused", "simulation too narrow: (WidthBelowMin)");
    expect(await broken({ failedSimulations: 3 })).toMatchObject({ "failing-simulations": null });
    proposed(6, "refused", "simulation not calm: (NotCalm)");
    expect(await broken({ failedSimulations: 3 })).toMatchObject({
      "failing-simulations": "3 proposals in a row failed in simulation, the last with: simulation not calm: (NotCalm)",
    });
  });

  it("counts decisions in a row that are outside of what the models know", async () => {
    for (const block of [1, 2, 3]) {
      const reasonKey = block === 1 ? "edge" : "out-of-domain";
      journal.recordDecision({ ...decisionRecord(block), decision: { ...decision(block), reasonKey } });
    }
    expect((await broken({ outOfDomainDecisions: 3 }))["out-of-domain"]).toBeNull();
    expect((await broken({ outOfDomainDecisions: 2 }))["out-of-domain"]).toMatch(/^2 decisions in a row/);
  });

  it("measures how far outcomes fall short of what was predicted", async () => {
    for (const block of [1, 2, 3]) {
      journal.recordDecision(decisionRecord(block));
      const outcome = { netBps: 10 * block, predicted: { feesBps: 40, lvrBps: 5 } };
      journal.recordOutcome({ decisionId: `d${block}`, settledAtSeconds: block, outcome });
    }
    expect((await broken({ driftBps: 14, driftOutcomes: 4 })).drift).toBeNull();
    expect((await broken({ driftBps: 15, driftOutcomes: 3 })).drift).toBeNull();
    expect((await broken({ driftBps: 14, driftOutcomes: 3 })).drift).toBe(
      "the last 3 outcomes fell 15.0 bp short of what was predicted; at most 14",
    );
  });

  it("goes on counting as the journal grows, to the same end as one that reads it anew", async () => {
    const limits = keep({
      ...{ gasGweiPerDay: 2.9e7, lossBpsPerDay: 29, failedSimulations: 2, outOfDomainDecisions: 2 },
      ...{ driftBps: 14, driftOutcomes: 3 },
    });
    const both = async () => {
      const [grown, anew] = [await broken(limits), await broken({ ...limits })];
      expect(grown).toEqual(anew);
      return Object.entries(grown).flatMap(([name, words]) => (words === null ? [] : [name]));
    };
    expect(await both()).toEqual([]);
    for (const block of [1, 2]) proposed(block, "confirmed", "", 10n ** 15n);
    expect(await both()).toEqual([]);
    proposed(3, "confirmed", "", 10n ** 15n);
    expect(await both()).toEqual(["gas-budget", "loss-budget"]);
    for (const block of [1, 2, 3]) {
      const outcome = { netBps: 10 * block, predicted: { feesBps: 40, lvrBps: 5 } };
      journal.recordOutcome({ decisionId: `d${block}`, settledAtSeconds: block, outcome });
      expect((await both()).includes("drift")).toBe(block === 3);
    }
    for (const block of [4, 5]) {
      proposed(block, "refused", "simulation not calm: (NotCalm)");
      expect((await both()).includes("failing-simulations")).toBe(block === 5);
    }
    proposed(6, "confirmed", "");
    expect(await both()).not.toContain("failing-simulations");
    for (const block of [7, 8]) {
      const away = { ...decision(block), reasonKey: "out-of-domain" as const };
      journal.recordDecision({ ...decisionRecord(block), decision: away });
      expect((await both()).includes("out-of-domain")).toBe(block === 8);
    }
    journal.recordDecision(decisionRecord(9));
    expect(await both()).not.toContain("out-of-domain");
  });

  it("asks the journal as often for a thousand vaults as for one", async () => {
    const asked = (vaults: number): number => {
      let calls = 0;
      const counted = new Proxy(journal, {
        get: (target, name) => {
          const method = Reflect.get(target, name);
          return typeof method !== "function"
            ? method
            : (...all: never[]) => {
                calls += 1;
                return Reflect.apply(method, target, all);
              };
        },
      });
      const trips = { ...local.configure().config.trips, driftBps: 1, lossBpsPerDay: 1 };
      const kept = Array.from({ length: vaults }, (_, index) => ({
        vault: digest(index).slice(0, 42) as typeof VAULT,
      }));
      const counts = openTripCounts({ journal: counted, trips, vaults: kept, atSeconds: 0 });
      calls = 0;
      counts.follow();
      for (const { vault } of kept) {
        counts.failedSimulations(vault);
        counts.outOfDomain(vault);
        counts.forecastErrorsBps(vault);
        counts.lossWad(vault, 0);
      }
      return calls;
    };
    proposed(1, "confirmed", "");
    expect(asked(1)).toBe(1);
    expect(asked(1_000)).toBe(1);
  });

  it("asks whether the keeper can pay for its next moves", async () => {
    expect((await broken({}))["keeper-balance"]).toBeNull();
    const client = createChainClient(local.configure().config.rpcUrl);
    const balance = await client.getBalance({ address: accounts.keeper });
    // five moves of 600,000 gas
    const affordable = balance / 3_000_000n;
    expect((await broken({}, affordable))["keeper-balance"]).toBeNull();
    expect((await broken({}, affordable + 1n))["keeper-balance"]).toMatch(/^keeper 0x\w{40} holds \d+ wei; 5 moves /);
    const tooDear = (await broken({}, 10n ** 30n))["keeper-balance"];
    expect(tooDear).toMatch(/^keeper 0x\w{40} holds \d+ wei; 5 moves cost 6\d{35} each$/);
  });
});

describe("newTrips", () => {
  const reading = (broken: string | null): TripReading => ({ name: "drift", scope, broken });
  const resume: StopOrder = { scope, level: 0, reason: "looked", by: "operator", atMilliseconds: 9 };

  it("gives one order while a condition holds, and another once it was well in between", () => {
    const tripped = new Set<string>();
    const [first, ...none] = newTrips([reading("short")], tripped, [], 5);
    expect(first).toEqual({ scope, level: 1, reason: "short", by: "trip drift", atMilliseconds: 5 });
    expect(none).toEqual([]);
    expect(newTrips([reading("short")], tripped, [resume], 10)).toEqual([]);
    expect(newTrips([reading(null)], tripped, [resume], 11)).toEqual([]);
    expect(newTrips([reading("short")], tripped, [resume], 12)).toHaveLength(1);
  });

  it("stays quiet where an order stands, and after a restart where one was resumed from", () => {
    const standing: StopOrder = { ...resume, level: 2 };
    expect(newTrips([reading("short")], new Set(), [standing], 10)).toEqual([]);
    const given: StopOrder = { scope, level: 1, reason: "short", by: "trip drift", atMilliseconds: 5 };
    expect(newTrips([reading("short")], acknowledgedTrips([given, resume]), [resume], 10)).toEqual([]);
    expect([...acknowledgedTrips([resume, given])]).toEqual([]);
  });
});

describe("a worker", () => {
  it("proposes nothing at the very head that trips the switch", async () => {
    const block = await local.tick(3_600 - (local.time % 3_600));
    const { config } = local.configure({ trips: { headLagSeconds: 60 } });
    const stop = new AbortController();
    const running = run({ config, signal: stop.signal, live: true, env: local.env });
    try {
      expect(await settled(local, block)).toEqual({ block, state: "stopped" });
    } finally {
      stop.abort();
      await running;
    }
    const journal = openJournal(config.journal.path, () => "reader");
    const [orders, decisions, proposals] = [journal.stops(31_337), journal.decisions(), journal.proposals()];
    journal.close();
    expect(decisions.map(({ decision }) => decision.action)).toEqual(["move"]);
    expect(proposals).toEqual([]);
    expect(orders.map(({ by }) => by)).toEqual(["trip head-lag"]);
    const redis = new Redis(local.redis.url);
    await redis.flushall();
    redis.disconnect();
  });

  it("stops itself at a head that is older than its limit", async () => {
    const { config, path } = local.configure({ trips: { headLagSeconds: 60 }, metrics: { listen: "127.0.0.1:0" } });
    // the local chain lives in the year 2023
    const head = { ...(await getBlock(createChainClient(config.rpcUrl), "latest")) };
    expect(readHeadLag(config, head, head.timestamp + 60)[0]?.broken).toBeNull();
    expect(readHeadLag(config, head, head.timestamp + 61)[0]?.broken).toBe("the head is 61 s old; at most 60 s");
    const stop = new AbortController();
    const lines: string[] = [];
    const logger = createLogger({ level: "info", destination: { write: (line) => void lines.push(line) } });
    const running = run({ config, signal: stop.signal, live: true, env: local.env, logger });
    const api = await startApi({ config, listen: "127.0.0.1:0", env: {}, logger: createLogger({ level: "silent" }) });
    try {
      const block = await local.tick(3_600 - (local.time % 3_600));
      expect(await settled(local, block)).toEqual({ block, state: "stopped" });
      const url = await until(() => {
        const line = lines.find((text) => text.includes("/readyz"));
        return line === undefined ? null : String(JSON.parse(line).url);
      });
      // told by the worker's metrics, its alerts, the API and the verb
      const series = /^rangekeeper_kill_switch\{.*scope="all".*\} 1$/m;
      expect(await until(async () => series.exec(await (await fetch(`${url}/metrics`)).text()))).not.toBeNull();
      const firing = await until(async () => {
        const { stdout } = await alerts("ls", "--config", path);
        return stdout.includes("KillSwitchOn") ? stdout : null;
      });
      expect(firing.replace(/\s+/g, " ")).toMatch(
        /kill switch on: level 1 for all vaults, by trip head-lag: the head is/,
      );
      const answer = await (await fetch(`${api.url}/v1/stops`)).text();
      expect(answer).toContain('"by":"trip head-lag"');
      const told = (await status("--config", path)).stdout.replace(/\s+/g, " ");
      expect(told).toContain("KILL SWITCH level 1 for all vaults, by trip head-lag: the head is");
    } finally {
      stop.abort();
      await running;
      await api.stop();
    }
    const journal = openJournal(config.journal.path, () => "reader");
    const [order, ...others] = journal.stops(31_337);
    journal.close();
    expect(others).toEqual([]);
    expect(order).toMatchObject({ scope: "all", level: 1, by: "trip head-lag" });
    expect(order?.reason).toMatch(/^the head is \d+ s old; at most 60 s$/);
  });
});

describe("a whole worker", () => {
  const GWEI = 10n ** 9n;
  let start: { readonly snapshot: string; readonly time: number };
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "trips-"));
    start = { snapshot: await local.market.rpc.call("evm_snapshot"), time: local.time };
  });

  const nextHour = async () => settled(local, await local.tick(3_600 - (local.time % 3_600)));
  const paid = async (wei: bigint) => {
    await local.market.rpc.call("anvil_setNextBlockBaseFeePerGas", [toHex(wei)]);
  };
  /** Decides at the hour; what was sent is mined in the block after, and seen with the one after that. */
  const move = async () => {
    await nextHour();
    for (let block = 0; block < 2; block++) await settled(local, await local.tick(12));
  };

  interface Case {
    readonly changes: () => Record<string, unknown>;
    /** What it lives through until the order must have been given. */
    readonly play: () => Promise<unknown>;
    readonly scope: "all" | "vault";
    readonly reason: RegExp;
  }
  const cases: readonly (readonly [string, Case])[] = [
    [
      "failing-simulations",
      {
        // It signs for another model than the strategy is set to.
        changes: () => ({ "registry.decisionModel": "another-model", "trips.failedSimulations": 2 }),
        play: async () => [await nextHour(), await nextHour(), await nextHour()],
        scope: "vault",
        reason: /^2 proposals in a row failed in simulation, the last with: simulation model mismatch/,
      },
    ],
    [
      "keeper-balance",
      {
        changes: () => ({}),
        async play() {
          await local.market.rpc.call("anvil_setBalance", [accounts.keeper, toHex(GWEI)]);
          await paid(GWEI);
          await nextHour();
        },
        scope: "all",
        reason: /^keeper 0x\w{40} holds 1000000000 wei; 5 moves cost \d+ each$/,
      },
    ],
    [
      "out-of-domain",
      {
        changes() {
          const model = { folder: join(folder, "sheltered"), name: "sheltered", domain: { p1: -19, p99: -18.5 } };
          return { "models.set": `${writeStrangersModel(model)}+rules`, "trips.outOfDomainDecisions": 2 };
        },
        play: async () => [await nextHour(), await nextHour(), await nextHour()],
        scope: "vault",
        reason: /^2 decisions in a row were outside of what the models know$/,
      },
    ],
    [
      "gas-budget",
      {
        changes: () => ({ "trips.gasGweiPerDay": 1_000 }),
        async play() {
          await paid(GWEI);
          await move();
        },
        scope: "all",
        reason: /^\d{6,} gwei in a day; at most 1000$/,
      },
    ],
    [
      "loss-budget",
      {
        changes: () => ({ "trips.lossBpsPerDay": 0.01 }),
        play: move,
        scope: "vault",
        reason: /^moves lost [\d.]+ bp of the vault in a day; at most 0\.01$/,
      },
    ],
    [
      "drift",
      {
        changes: () => ({ "trips.driftBps": 0.01, "trips.driftOutcomes": 1 }),
        // Hardly anyone trades any more.
        play: async () => [await move(), await settled(local, await local.tick(DAY)), await nextHour()],
        scope: "vault",
        reason: /^the last 1 outcomes fell [\d.]+ bp short of what was predicted; at most 0\.01$/,
      },
    ],
  ];

  it.each(cases)(
    "stops itself by trip %s",
    async (name, { changes, play, scope, reason }) => {
      await local.market.rpc.call("evm_revert", [start.snapshot]);
      start = { snapshot: await local.market.rpc.call("evm_snapshot"), time: start.time };
      local.rewind(start.time);
      const redis = new Redis(local.redis.url);
      await redis.flushall();
      redis.disconnect();
      const { config } = local.configure(changes());
      const stop = new AbortController();
      const running = run({ config, signal: stop.signal, live: true, env: local.env });
      const journal = await until(() =>
        existsSync(config.journal.path) ? openJournal(config.journal.path, () => "reader") : null,
      );
      try {
        await play();
        const [order, ...others] = await until(() => {
          const orders = journal.stops(31_337);
          return orders.length === 0 ? null : orders;
        });
        expect(others).toEqual([]);
        expect(order).toMatchObject({ level: 1, by: `trip ${name}`, reason: expect.stringMatching(reason) });
        expect(order?.scope).toBe(scope === "all" ? "all" : local.deployment.vault.toLowerCase());
        const before = journal.proposals().length;
        await nextHour();
        expect(journal.proposals()).toHaveLength(before);
      } finally {
        journal.close();
        stop.abort();
        await running;
      }
    },
    60_000,
  );
});
