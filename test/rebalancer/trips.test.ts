import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createChainClient, getBlock } from "../../rebalancer/chain.ts";
import type { Config } from "../../rebalancer/config.ts";
import { type Journal, openJournal } from "../../rebalancer/journal.ts";
import { loadKeys } from "../../rebalancer/keys/keys.ts";
import { run } from "../../rebalancer/main.ts";
import type { StopOrder } from "../../rebalancer/stops/killSwitch.ts";
import { acknowledgedTrips, newTrips, readHeadLag, readTrips, type TripReading } from "../../rebalancer/stops/trips.ts";
import { type LocalDeployment, startLocalDeployment } from "../support/deployment.ts";
import { decision, decisionRecord, digest, proposalRecord, VAULT } from "../support/journalRecords.ts";
import { settled } from "../support/lockstep.ts";

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
  });

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
    const readings = await readTrips(
      {
        config: {
          ...config,
          trips: { ...config.trips, ...trips },
        },
        journal,
        client,
        keys: await loadKeys({ config, env: local.env }),
        // only the vaults of a pool are read here
        pools: [{ vaults: [vault] }] as never,
      },
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

  it("asks whether the keeper can pay for its next moves", async () => {
    expect((await broken({}))["keeper-balance"]).toBeNull();
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
  it("stops itself at a head that is older than its limit", async () => {
    const { config } = local.configure({ trips: { headLagSeconds: 60 } });
    // the local chain lives in the year 2023
    const head = { ...(await getBlock(createChainClient(config.rpcUrl), "latest")) };
    expect(readHeadLag(config, head, head.timestamp + 60)[0]?.broken).toBeNull();
    const stop = new AbortController();
    const running = run({ config, signal: stop.signal, live: true, env: local.env });
    const block = await local.tick(3_600 - (local.time % 3_600));
    const marker = await settled(local, block);
    stop.abort();
    await running;
    expect(marker).toEqual({ block, state: "stopped" });
    const journal = openJournal(config.journal.path, () => "reader");
    const [order, ...others] = journal.stops(31_337);
    journal.close();
    expect(others).toEqual([]);
    expect(order).toMatchObject({ scope: "all", level: 1, by: "trip head-lag" });
    expect(order?.reason).toMatch(/^the head is \d+ s old; at most 60 s$/);
  });
});
