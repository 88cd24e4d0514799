import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Redis } from "ioredis";
import { Registry } from "prom-client";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ALERT_NAMES } from "../../rebalancer/alerts/alert.ts";
import { readChainEvents } from "../../rebalancer/alerts/chainEvents.ts";
import type { AlertMessage } from "../../rebalancer/alerts/message.ts";
import { messageText } from "../../rebalancer/alerts/message.ts";
import { alertsOf } from "../../rebalancer/alerts/rules.ts";
import { type Delivery, deliver, openSinks, sinkVariable, startCourier } from "../../rebalancer/alerts/sinks.ts";
import { type AlertWatch, startAlerts } from "../../rebalancer/alerts/watch.ts";
import { registerAlerts } from "../../rebalancer/cli/alerts.ts";
import type { RedisHandle } from "../../rebalancer/cli/demo/redis.ts";
import { type Config, parseConfig } from "../../rebalancer/config.ts";
import { createLogger } from "../../rebalancer/log/log.ts";
import { secretsFrom } from "../../rebalancer/log/secrets.ts";
import { emptyFacts, type Facts, type VaultFacts } from "../../rebalancer/metrics/facts.ts";
import { createInstruments } from "../../rebalancer/metrics/instruments.ts";
import { digest, VAULT } from "../support/journalRecords.ts";
import { startRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";
import { verbRunner } from "../support/verb.ts";

const HOUR = 3_600;
const configWith = (changes: Record<string, unknown> = {}): Config =>
  parseConfig({ chainId: 1, rpcUrl: "http://127.0.0.1:1", vaults: [{ name: "a" }], ...changes });

const vaultFacts = (changes: Partial<VaultFacts> = {}): VaultFacts => ({
  name: "a",
  pool: VAULT,
  highestByHour: new Map(),
  forecastErrorsBps: [],
  failedSimulations: 0,
  outOfDomain: 0,
  ...changes,
});

/** Facts of a worker with one vault that is well, at 10 h by both clocks. */
function wellFacts(): Facts {
  const facts = emptyFacts(0);
  facts.worker = "w";
  facts.head = { number: 100, hash: digest(1), timestamp: 10 * HOUR, baseFeePerGas: 1n, seenAtMilliseconds: 36e6 };
  facts.vaults.set(VAULT, vaultFacts({ ranges: [{ lowerTick: 0, upperTick: 60 }], outOfRangeSince: null }));
  const pool = { name: "A/B", decimals: [18, 18], tokens: [VAULT, VAULT], tickedAtMilliseconds: 36e6, features: [] };
  facts.pools.set(VAULT, pool as never);
  facts.keepers.set("keeper", { address: VAULT, movesLeft: 5 });
  facts.leases = { held: 1, configured: 1 };
  return facts;
}

const poolOf = (facts: Facts) => facts.pools.get(VAULT) as NonNullable<ReturnType<Facts["pools"]["get"]>>;

describe("alertsOf", () => {
  const limits = configWith({ trips: { gasGweiPerDay: 100 } });
  const names = (change: (facts: Facts, vault: VaultFacts) => void) => {
    const facts = wellFacts();
    change(facts, facts.vaults.get(VAULT) as VaultFacts);
    return alertsOf(facts, limits, 36e6).map(({ name }) => name);
  };

  it("finds nothing where all is well, at the very limits", () => {
    expect(names(() => undefined)).toEqual([]);
    expect(
      names((facts, vault) => {
        for (const pool of facts.pools.values()) pool.tickedAtMilliseconds = 36e6 - 3 * HOUR * 1_000;
        vault.outOfRangeSince = 9 * HOUR;
        vault.failedSimulations = 2;
        vault.highestByHour.set(9, 1_000);
        vault.sharePrice = 980;
        vault.forecastErrorsBps.push(...Array.from({ length: 20 }, () => -50));
        vault.pendingBlocks = 20;
        facts.gasByHour.set(9, 80e9);
        facts.redis.failingSinceMilliseconds = 36e6 - 14_900;
      }),
    ).toEqual([]);
  });

  const broken: [string, (facts: Facts, vault: VaultFacts) => void][] = [
    ["TickLate", (facts) => Object.assign(poolOf(facts), { tickedAtMilliseconds: 36e6 - 3 * HOUR * 1_000 - 1_000 })],
    ["OutOfRange", (_facts, vault) => (vault.outOfRangeSince = 9 * HOUR - 1)],
    ["SimulationsFailing", (_facts, vault) => (vault.failedSimulations = 3)],
    ["GasBudgetNearlySpent", (facts) => facts.gasByHour.set(9, 81e9)],
    ["KeeperLow", (facts) => facts.keepers.set("keeper", { address: VAULT, movesLeft: 4 })],
    [
      "SharePriceDrop",
      (_facts, vault) => Object.assign(vault, { sharePrice: 979, highestByHour: new Map([[9, 1_000]]) }),
    ],
    ["FeatureDrift", (facts) => Object.assign(poolOf(facts), { drift: { psi: 0.21, feature: "x" } })],
    ["ForecastDrift", (_facts, vault) => vault.forecastErrorsBps.push(...Array.from({ length: 20 }, () => -51))],
    ["OutOfDomain", (_facts, vault) => (vault.outOfDomain = 24)],
    [
      "HeadLag",
      (facts) => (facts.head = { ...(facts.head as NonNullable<Facts["head"]>), timestamp: 10 * HOUR - 121 }),
    ],
    ["EndpointDown", (facts) => (facts.endpoints = [{ name: "http://a", up: false, failures: 1, lagBlocks: 0 }])],
    ["TransactionPending", (_facts, vault) => (vault.pendingBlocks = 21)],
    ["VaultPaused", (_facts, vault) => (vault.paused = true)],
    ["KillSwitchOn", (facts) => (facts.stops = [{ scope: "all", level: 1, reason: "r", by: "b", atMilliseconds: 1 }])],
    ["DeadLetter", (facts) => (facts.deadLetters = new Map([["execute", 1]]))],
    ["LeaseLost", (facts) => (facts.leases = { held: 0, configured: 1 })],
    ["RedisDown", (facts) => (facts.redis.failingSinceMilliseconds = 36e6 - 15_000)],
    ["JournalSlow", (facts) => (facts.slowestWriteSeconds = 1.1)],
  ];
  for (const [name, change] of broken)
    it(`finds ${name}, alone, just beyond its limit`, () => {
      expect(names(change)).toEqual([name]);
    });

  it("knows by facts or by the chain's own events every alert that there is", () => {
    const byEvents = ["RefusedByChain", "RolesChanged", "BoundsChanged"];
    expect([...broken.map(([name]) => name), ...byEvents].sort()).toEqual([...ALERT_NAMES].sort());
  });

  it("tells once of what happens to more vaults than anybody reads one by one", () => {
    const facts = wellFacts();
    for (let i = 0; i < 21; i++) {
      const address = `0x${i.toString(16).padStart(40, "0")}` as const;
      facts.vaults.set(address, vaultFacts({ name: `v${i}`, failedSimulations: 3, lastFailure: "why" }));
    }
    const alerts = alertsOf(facts, limits, 36e6);
    expect(alerts).toMatchObject([{ name: "SimulationsFailing", scope: "many" }]);
    expect(alerts[0]?.summary).toMatch(/^21 times, the first: vault v0: 3 proposals/);
  });
});

/** A webhook that answers as told and keeps what it was sent. */
async function startWebhook() {
  const received: { path: string; body: Record<string, unknown>; atMilliseconds: number }[] = [];
  let answers: ((response: ServerResponse) => void)[] = [];
  const server = createServer((request: IncomingMessage, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = JSON.parse(Buffer.concat(chunks).toString("utf8"));
      received.push({ path: request.url ?? "", body, atMilliseconds: Date.now() });
      const answer = answers.shift();
      if (answer) answer(response);
      else response.writeHead(200).end("ok");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    /** What the next requests are answered. */
    next: (...given: typeof answers) => (answers = given),
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
type Webhook = Awaited<ReturnType<typeof startWebhook>>;

let webhook: Webhook;
beforeEach(async () => {
  webhook = await startWebhook();
});
afterEach(() => webhook.stop());

const status =
  (code: number, headers: Record<string, string> = {}, body = "") =>
  (response: ServerResponse) =>
    response.writeHead(code, headers).end(body);

const message: AlertMessage = {
  id: "HeadLag all",
  name: "HeadLag",
  scope: "all",
  severity: "page",
  summary: "block 1 is <old> & slow",
  status: "firing",
  chainId: 1,
  atMilliseconds: 1_000,
  sinceMilliseconds: 0,
};

describe("deliver", () => {
  const signal = new AbortController().signal;
  const waits: number[] = [];
  const sleep = async (milliseconds: number) => void waits.push(milliseconds);
  const send = (kind: "json" | "slack" | "discord" | "telegram", secret = webhook.url) =>
    deliver({ sink: { name: "s", kind, chat: "-100" }, secret, sleep }, message, signal);
  beforeEach(() => void waits.splice(0));

  it("writes what each service asks for", async () => {
    for (const kind of ["json", "slack", "discord"] as const) expect((await send(kind)).result).toBe("sent");
    expect((await send("telegram", `${webhook.url}/bot12:abc`)).result).toBe("sent");
    const [json, slack, discord, telegram] = webhook.received.map(({ body }) => body);
    expect(json).toMatchObject({ version: 1, status: "firing", name: "HeadLag", at: "1970-01-01T00:00:01.000Z" });
    const text = "[PAGE] HeadLag on chain 1: block 1 is <old> & slow. See RUNBOOK.md#headlag";
    expect(messageText(message)).toBe(text);
    expect(slack).toEqual({ text: text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") });
    expect(discord).toEqual({ content: text, allowed_mentions: { parse: [] } });
    expect(telegram).toEqual({ chat_id: "-100", text, link_preview_options: { is_disabled: true } });
    expect(webhook.received[3]?.path).toBe("/bot12:abc/sendMessage");
  });

  it("tries again after 429 and 5xx, as late as it is asked to, and gives 4xx up", async () => {
    webhook.next(
      status(503),
      status(429, { "retry-after": "7" }),
      status(429, {}, '{"retry_after": 3.5}'),
      status(204),
    );
    expect(await send("discord")).toEqual({ result: "sent", detail: "status 204" });
    expect(waits).toEqual([1_000, 7_000, 4_000]);
    webhook.next(status(404));
    expect(await send("slack")).toEqual({ result: "refused", detail: "status 404" });
    webhook.next(...Array.from({ length: 6 }, () => status(500)));
    expect(await send("slack")).toEqual({ result: "failed", detail: "status 500" });
  });

  it("says nothing of the address when nobody answers there, or it is led elsewhere", async () => {
    const { url } = webhook;
    await webhook.stop();
    expect(await send("json", `${url}/secret`)).toEqual({ result: "failed", detail: "ECONNREFUSED" });
    webhook = await startWebhook();
    webhook.next(...Array.from({ length: 6 }, () => status(302, { location: "http://127.0.0.1:1/" })));
    const { result, detail } = await send("json");
    expect(result).toBe("failed");
    expect(detail).not.toContain("127.0.0.1");
  });
});

describe("startCourier", () => {
  it("never waits for a dead webhook, and drops the oldest of too many messages", async () => {
    const told: [string, Delivery][] = [];
    webhook.next(() => undefined);
    const courier = startCourier({
      sink: { name: "s", kind: "json" },
      secret: webhook.url,
      onDelivery: ({ id }, result) => told.push([id, result]),
    });
    const start = performance.now();
    for (let i = 0; i < 102; i++) courier.send({ ...message, id: `m${i}` });
    expect(performance.now() - start).toBeLessThan(1_000);
    await until(() => (webhook.received.length > 0 ? true : null));
    expect(told).toEqual([["m1", "dropped"]]);
    await courier.stop();
    expect(told.at(-1)).toEqual(["m0", "failed"]);
  });
});

describe("openSinks", () => {
  const sinks = (kind: string, chat?: string) =>
    configWith({ alerts: { sinks: [{ name: "on-call", kind, ...(chat ? { chat } : {}) }] } });

  it("names the variable of an address that is missing or bad, and never its value", () => {
    expect(sinkVariable("on-call")).toBe("RANGEKEEPER_WEBHOOK_ON_CALL");
    expect(() => openSinks(sinks("slack"), {})).toThrow(
      "RANGEKEEPER_WEBHOOK_ON_CALL: missing; rule: the address of sink on-call",
    );
    const bad = { RANGEKEEPER_WEBHOOK_ON_CALL: "hooks.example/T0/B0" };
    expect(() => openSinks(sinks("slack"), bad)).toThrow(
      "RANGEKEEPER_WEBHOOK_ON_CALL: [redacted]; rule: an http(s) address",
    );
    expect(() => openSinks(sinks("telegram", "1"), bad)).toThrow(/bot's token/);
    const token = { RANGEKEEPER_WEBHOOK_ON_CALL: "123456:abcdefghijklmnopqrstuvwxyz" };
    expect(openSinks(sinks("telegram", "1"), token)).toHaveLength(1);
  });
});

describe("startAlerts", () => {
  let handle: RedisHandle;
  let redis: Redis;
  beforeAll(async () => {
    handle = await startRedis();
    redis = new Redis(handle.url);
  });
  afterAll(async () => {
    redis?.disconnect();
    await handle?.stop();
  });
  beforeEach(() => redis.flushall());
  const watches: AlertWatch[] = [];
  afterEach(async () => {
    for (const watch of watches.splice(0)) await watch.stop();
  });

  let clock = 36e6;
  const log: string[] = [];
  const registry = new Registry();
  const instruments = createInstruments(registry);
  function watcher(facts: Facts, worker: string, connection: Redis = redis): AlertWatch {
    const config = configWith({ alerts: { repeatSeconds: 600, sinks: [{ name: "s", kind: "json" }] } });
    const watch = startAlerts({
      context: {
        config,
        redis: connection,
        journal: { identity: worker } as never,
        metrics: { facts, instruments } as never,
        logger: createLogger({
          level: "debug",
          destination: { write: (line) => void log.push(line) },
          secrets: secretsFrom({}),
        }),
        client: null as never,
        pools: [],
        secrets: secretsFrom({}),
      },
      sinks: openSinks(config, { RANGEKEEPER_WEBHOOK_S: `${webhook.url}/hook` }),
      now: () => clock,
      overAfterMilliseconds: 60_000,
    });
    watches.push(watch);
    return watch;
  }
  const lost = (worker = "w") => {
    const facts = wellFacts();
    facts.worker = worker;
    facts.stops = [{ scope: "all", level: 1, reason: "r", by: "b", atMilliseconds: 1 }];
    return facts;
  };
  const told = () => webhook.received.map(({ body }) => `${body.name} ${body.status}`);
  const look = async (watch: AlertWatch) => {
    await watch.look();
    await watch.idle();
  };

  it("tells once, again after repeatSeconds, and when it is over; a flicker is not over", async () => {
    clock = 36e6;
    const facts = lost();
    const watch = watcher(facts, "w");
    for (let i = 0; i < 3; i++) await look(watch);
    expect(told()).toEqual(["KillSwitchOn firing"]);
    facts.stops = [];
    clock += 30_000;
    await look(watch);
    facts.stops = lost().stops;
    await look(watch);
    expect(told()).toHaveLength(1);
    // the memory's own clock is Redis's: the claim ends there
    for (const key of await redis.keys("*sent*")) await redis.del(key);
    clock += 601_000;
    facts.head = { ...(facts.head as NonNullable<Facts["head"]>), timestamp: clock / 1_000, seenAtMilliseconds: clock };
    await look(watch);
    expect(told()).toEqual(["KillSwitchOn firing", "KillSwitchOn firing"]);
    facts.stops = [];
    clock += 61_000;
    await look(watch);
    await look(watch);
    expect(told().at(-1)).toBe("KillSwitchOn resolved");
    expect(told()).toHaveLength(3);
    expect(webhook.received.at(-1)?.body.since).toBe(new Date(36e6).toISOString());
  });

  it("is not told again by a second worker, nor after a restart", async () => {
    clock = 36e6;
    await look(watcher(lost(), "w"));
    await look(watcher(lost("x"), "x"));
    await look(watcher(lost(), "w"));
    expect(told()).toEqual(["KillSwitchOn firing"]);
  });

  it("tells of what happened once, by its id, also when it is read twice", async () => {
    clock = 36e6;
    const step = {
      vault: VAULT,
      digest: digest(7),
      block: 1,
      status: "refused",
      detail: "on chain in block 9: no",
    } as const;
    const feed = { steps: [step, step, { ...step, digest: digest(8), detail: "simulation no" }] } as never;
    for (const worker of ["w", "w"]) {
      const watch = watcher(wellFacts(), worker);
      watch.feed(feed);
      await look(watch);
    }
    expect(told()).toEqual(["RefusedByChain happened"]);
  });

  it("goes on without Redis, and tries a sink that was down again", async () => {
    clock = 36e6;
    const away = new Redis({ port: 1, lazyConnect: true, retryStrategy: null });
    away.on("error", () => undefined);
    const facts = lost();
    facts.stops = [];
    facts.redis.failingSinceMilliseconds = 0;
    const watch = watcher(facts, "w", away);
    webhook.next(status(404));
    await look(watch);
    await look(watch);
    // refused for good: not tried again before repeatSeconds
    expect(told()).toEqual(["RedisDown firing"]);
    expect(await registry.metrics()).toContain('rangekeeper_alert_messages_total{sink="s",result="refused"} 1');
    away.disconnect();
  });

  it("never writes a sink's address into the log or Redis", async () => {
    clock = 36e6;
    webhook.next(status(404));
    await look(watcher(lost(), "w"));
    const keys = await redis.keys("*");
    const stored = await Promise.all(
      keys.map(async (key) =>
        (await redis.type(key)) === "hash" ? JSON.stringify(await redis.hgetall(key)) : redis.get(key),
      ),
    );
    expect(keys.length).toBeGreaterThan(1);
    expect([...log, ...stored].join("\n")).not.toContain(new URL(webhook.url).host);
  });
});

describe("the alerts verb", () => {
  const verb = verbRunner(registerAlerts, "alerts");
  const configFile = async (text: string) => {
    const { mkdtempSync, writeFileSync } = await import("node:fs");
    const { join } = await import("node:path");
    const { tmpdir } = await import("node:os");
    const path = join(mkdtempSync(join(tmpdir(), "alerts-")), "config.toml");
    writeFileSync(path, `chainId = 1\nrpcUrl = "http://127.0.0.1:1"\n${text}\n[[vaults]]\nname = "a"\n`);
    return path;
  };
  afterEach(() => {
    delete process.env.RANGEKEEPER_WEBHOOK_ON_CALL;
    delete process.env.RANGEKEEPER_WEBHOOK_OTHER;
  });
  const SINKS = '[[alerts.sinks]]\nname = "on-call"\nkind = "json"\n[[alerts.sinks]]\nname = "other"\nkind = "slack"\n';

  it("test sends to the sinks and says what each answered", async () => {
    process.env.RANGEKEEPER_WEBHOOK_ON_CALL = `${webhook.url}/a`;
    process.env.RANGEKEEPER_WEBHOOK_OTHER = `${webhook.url}/b`;
    const path = await configFile(SINKS);
    webhook.next(status(200), status(403));
    const one = await verb("test", "--config", path, "--sink", "on-call");
    expect(one).toEqual({ status: 0, stdout: "on-call (json): sent, status 200\n", stderr: "" });
    const both = await verb("test", "--config", path, "--json");
    expect(both.status).toBe(1);
    expect(
      JSON.parse(both.stdout)
        .map(({ result }: { result: string }) => result)
        .sort(),
    ).toEqual(["refused", "sent"]);
    expect(webhook.received[0]?.body).toMatchObject({ status: "test" });
    const unknown = await verb("test", "--config", path, "--sink", "nobody");
    expect(unknown.status).toBe(2);
    expect(unknown.stderr).toContain("--sink: nobody; rule: one of on-call, other");
  });

  it("ls shows what fires", async () => {
    const handle = await startRedis();
    const redis = new Redis(handle.url);
    const path = await configFile(`[redis]\nurl = "${handle.url}"\n`);
    expect((await verb("ls", "--config", path)).stdout).toBe("nothing fires\n");
    const alert = { name: "HeadLag", scope: "w", severity: "page", summary: "old", by: "w" };
    const firing = JSON.stringify({ ...alert, sinceMilliseconds: 0, seenAtMilliseconds: 1_000 });
    await redis.hset("rangekeeper:1:alerts:firing", "HeadLag w", firing);
    const shown = await verb("ls", "--config", path);
    expect(shown.stdout).toContain(
      "1 firing\nHeadLag (page) since 1970-01-01T00:00:00, last seen 1970-01-01T00:00:01\n  old",
    );
    redis.disconnect();
    await handle.stop();
  });
});

describe("readChainEvents", () => {
  it("leaves out what is not an event of a watched contract, and refuses what is no log", async () => {
    const asked: unknown[] = [];
    let result: unknown = [];
    const client = {
      request: async (call: unknown) => {
        asked.push(call);
        return result;
      },
    } as never;
    const contracts = new Map([[VAULT.toLowerCase(), "vault a"]]);
    const span = { contracts, fromBlock: 1, toBlock: 2 };
    expect(await readChainEvents(client, span)).toEqual([]);
    expect(asked).toMatchObject([{ method: "eth_getLogs", params: [{ fromBlock: "0x1", toBlock: "0x2" }] }]);
    const log = { address: VAULT, blockNumber: "0x1", transactionHash: digest(1), logIndex: "0x0" };
    result = [{ ...log, topics: [digest(5)], data: "0x" }];
    expect(await readChainEvents(client, span)).toEqual([]);
    result = [{ ...log, topics: "no", data: "0x" }];
    await expect(readChainEvents(client, span)).rejects.toThrow("logs of blocks 1..2: unreadable");
  });
});
