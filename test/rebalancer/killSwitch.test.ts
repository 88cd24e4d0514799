import { Redis } from "ioredis";
import { createPublicClient, http } from "viem";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { localKeys } from "../../rebalancer/cli/demo/accounts.ts";
import { type Journal, openJournal } from "../../rebalancer/journal.ts";
import { type RunParameters, run } from "../../rebalancer/main.ts";
import { createKillSwitch, type StopLevel, type StopOrder, stopsKey } from "../../rebalancer/stops/killSwitch.ts";
import { getVault } from "../../sdk/index.ts";
import { type LocalDeployment, startLocalDeployment } from "../support/deployment.ts";
import { settled } from "../support/lockstep.ts";
import { lineRunner } from "../support/verb.ts";

const CHAIN = 31_337;
const VAULT = "0x00000000000000000000000000000000000000aa";
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
beforeEach(() => redis.del(stopsKey("rangekeeper", CHAIN)));

let clock = 1;
const order = (level: StopLevel, scope: StopOrder["scope"] = "all"): StopOrder => ({
  scope,
  level,
  reason: `level ${level} in a test`,
  by: "operator",
  atMilliseconds: clock++,
});
const switchOf = (journal: Journal | null) =>
  createKillSwitch({ redis, journal, prefix: "rangekeeper", chainId: CHAIN });

describe("createKillSwitch", () => {
  it("obeys the newest order of a scope, and the stricter of vault and all", async () => {
    const killSwitch = switchOf(openJournal(":memory:", () => "a"));
    expect(await killSwitch.of(VAULT)).toBeNull();
    await killSwitch.give(order(1));
    await killSwitch.give(order(2, VAULT));
    expect((await killSwitch.of(VAULT))?.level).toBe(2);
    expect((await killSwitch.of("0x00000000000000000000000000000000000000bb"))?.level).toBe(1);
    await killSwitch.give(order(0, VAULT));
    expect((await killSwitch.of(VAULT))?.level).toBe(1);
    await killSwitch.give(order(0));
    expect(await killSwitch.of(VAULT)).toBeNull();
  });

  it("outlives a Redis that lost its data, and reaches a journal whose worker was down", async () => {
    const [first, second] = [openJournal(":memory:", () => "a"), openJournal(":memory:", () => "b")];
    await switchOf(first).give(order(2));
    await redis.del(stopsKey("rangekeeper", CHAIN));
    expect((await switchOf(null).of(VAULT))?.level).toBeUndefined();
    expect((await switchOf(first).of(VAULT))?.level).toBe(2);
    expect((await switchOf(second).of(VAULT))?.level).toBe(2);
    await redis.del(stopsKey("rangekeeper", CHAIN));
    expect((await switchOf(second).of(VAULT))?.level).toBe(2);
  });

  it("obeys the order that was given last, by however slow a clock", async () => {
    const [ahead, behind] = [openJournal(":memory:", () => "a"), openJournal(":memory:", () => "b")];
    const anHourAhead = { ...order(0), atMilliseconds: 3_600_000 };
    await switchOf(ahead).give(anHourAhead);
    const given = await switchOf(behind).give({ ...order(2), atMilliseconds: 1_000 });
    expect(given.atMilliseconds).toBe(3_600_001);
    expect((await switchOf(ahead).of(VAULT))?.level).toBe(2);
    // known by the journal alone
    await redis.del(stopsKey("rangekeeper", CHAIN));
    await switchOf(ahead).give({ ...order(0), atMilliseconds: 2_000 });
    expect(await switchOf(ahead).of(VAULT)).toBeNull();
  });

  it("does not read an order that it cannot read as leave to run, and lets another take its place", async () => {
    await redis.hset(stopsKey("rangekeeper", CHAIN), "all", '{"level":9}');
    await expect(switchOf(null).of(VAULT)).rejects.toThrow(/kill switch order in Redis: \{"level":9\}; rule: /);
    await switchOf(null).give(order(2));
    expect((await switchOf(null).of(VAULT))?.level).toBe(2);
  });
});

const nextHour = () => local.tick(3_600 - (local.time % 3_600));

/** Runs a worker while `act` plays; `onMilestone` may write into its journal at once, as another process would. */
async function watch(act: () => Promise<void>, onMilestone: (milestone: string, journal: Journal) => void) {
  const { config } = local.configure();
  const stop = new AbortController();
  const beside = openJournal(config.journal.path, () => "worker");
  const parameters: RunParameters = {
    config,
    signal: stop.signal,
    live: true,
    env: local.env,
    onMilestone: (milestone) => onMilestone(milestone, beside),
  };
  const running = run(parameters);
  try {
    await Promise.race([act(), running.then(() => Promise.reject(new Error("the worker ended")))]);
  } finally {
    stop.abort();
    await running;
    beside.close();
  }
  return config;
}

const client = () => createPublicClient({ transport: http(local.market.anvil.url) });

describe("a worker", () => {
  it("decides and journals at level 1 and proposes nothing, refuses at level 2 what it has signed, and moves after", async () => {
    const everybody = switchOf(null);
    let killAtSigned = false;
    const config = await watch(
      async () => {
        await everybody.give(order(1));
        const first = await nextHour();
        expect(await settled(local, first)).toEqual({ block: first, state: "stopped" });
        await everybody.give(order(0));
        killAtSigned = true;
        const second = await nextHour();
        expect(await settled(local, second)).toEqual({ block: second, state: "refused" });
        await everybody.give(order(0));
        const third = await nextHour();
        expect(await settled(local, third)).toEqual({ block: third, state: "sent" });
        await settled(local, await local.tick(12));
      },
      (milestone, journal) => {
        if (milestone !== "signed" || !killAtSigned) return;
        killAtSigned = false;
        journal.recordStop(CHAIN, order(2));
      },
    );
    const journal = openJournal(config.journal.path, () => "reader");
    const decisions = journal.decisions();
    const proposals = journal.proposals();
    const stops = journal.stops(CHAIN);
    journal.close();
    expect(decisions.map(({ decision }) => decision.action)).toEqual(["move", "move", "move"]);
    expect(proposals.map(({ status }) => status)).toEqual(["refused", "confirmed"]);
    expect(proposals[0]?.detail).toMatch(/kill switch is on, level 2 for all vaults, by operator: level 2 in a test/);
    expect(stops.map(({ level }) => level)).toEqual([1, 0, 2, 0]);
  });
});

describe("the verbs", () => {
  const guardianKey = localKeys().guardian;
  const line = lineRunner();
  const cli = (...args: string[]) => line(...args, "--config", local.configure().path);
  beforeEach(() => vi.stubEnv("RANGEKEEPER_GUARDIAN_KEY", guardianKey));
  afterEach(() => vi.unstubAllEnvs());
  let unpaused = "";
  beforeAll(async () => {
    // the guardian's role begins a while after the deployment
    await nextHour();
    unpaused = await local.market.rpc.call("evm_snapshot");
  });

  it("shows an order everywhere until it is resumed", async () => {
    expect((await cli("pause", "--reason", "a look at the pool")).status).toBe(0);
    expect((await cli("status")).stdout).toMatch(/KILL SWITCH level 1 for all vaults, by operator: a look at the pool/);
    expect((await cli("resume", "--reason", "looked")).status).toBe(0);
    expect((await cli("status")).stdout).not.toContain("KILL SWITCH");
  });

  it("pauses the vault on the chain with the guardian's key", async () => {
    await local.market.rpc.call("evm_setAutomine", [true]);
    const { status, stderr, stdout } = await cli("kill", "--on-chain", "--reason", "a drill", "--json");
    await local.market.rpc.call("evm_setAutomine", [false]);
    expect(status, stdout + stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      order: { level: 3 },
      paused: [{ transaction: expect.stringMatching(/^0x/) }],
    });
    expect((await getVault(client(), local.deployment)).paused).toBe(true);
  });

  it("writes the order down where Redis does not answer, pauses what it can, and says with status 1 what it cannot", async () => {
    const { path, config } = local.configure({ "redis.url": "redis://127.0.0.1:1" });
    openJournal(config.journal.path, () => "worker").close();
    const kill = async (...args: string[]) => {
      await local.market.rpc.call("evm_setAutomine", [true]);
      const answer = await line("kill", "--on-chain", "--reason", "no Redis", ...args);
      await local.market.rpc.call("evm_setAutomine", [false]);
      return answer;
    };
    const { vault, strategy } = local.deployment;
    const twice = local.configure({
      ...{ "redis.url": "redis://127.0.0.1:1", "journal.path": config.journal.path },
      ...{ rpcUrl: "http://127.0.0.1:1", "rpc.fallbackUrls": [config.rpcUrl], addresses: undefined },
      vaults: [
        { name: "a", pool: config.vaults[0]?.pool ?? vault, vault: strategy, strategyContract: strategy, lens: vault },
        { name: "b", pool: config.vaults[0]?.pool ?? vault, vault, strategyContract: strategy, lens: vault },
      ],
    });
    await local.market.rpc.call("evm_revert", [unpaused]);
    const both = await kill("--config", twice.path);
    expect(both.status).toBe(1);
    expect(both.stdout).toMatch(
      /^kill switch: level 3 for all vaults, by operator: no Redis\nNOT paused: .+\nto 0x\w+\n {2}data 0x\w+\npaused 0x\w+\n {2}in 0x\w+\n$/s,
    );
    expect(both.stderr).toMatch(
      /a Redis must answer there .*; the order is kept in .*\.db alone: its worker sends nothing .*; 1 of 2 vaults could not be paused/,
    );
    expect((await getVault(client(), local.deployment)).paused).toBe(true);
    const again = await kill("--config", path);
    expect(again.stdout).toMatch(/\nNOT paused: .*\nto 0x\w+\n {2}data 0x\w+\n$/s);
    const journal = openJournal(config.journal.path, () => "worker");
    expect(journal.stops(CHAIN).map(({ level, reason }) => [level, reason])).toEqual([
      [3, "no Redis"],
      [3, "no Redis"],
    ]);
    // its worker tells the others
    expect((await switchOf(journal).of(VAULT))?.level).toBe(3);
    expect((await switchOf(null).of(VAULT))?.level).toBe(3);
    journal.close();
    const nowhere = local.configure({ "redis.url": "redis://127.0.0.1:1" });
    const lost = await line("pause", "--reason", "no Redis", "--config", nowhere.path);
    expect([lost.status, lost.stdout]).toEqual([1, "kill switch: NOT given\n"]);
    expect(lost.stderr).toContain("the order is kept nowhere: there is no journal here");
  });

  it("names a vault that is not configured, and a reason that is not given, with status 2", async () => {
    const unknown = await cli("kill", "--vault", "atlantis", "--reason", "x");
    expect(unknown.stderr).toContain("--vault: atlantis; rule: one of ");
    expect(unknown.status).toBe(2);
    expect((await cli("kill")).status).toBe(2);
  });
});
