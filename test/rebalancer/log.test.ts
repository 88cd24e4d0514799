import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { localKeys } from "../../rebalancer/cli/demo/accounts.ts";
import { createLogger } from "../../rebalancer/log/log.ts";
import { redactError, secretsFrom } from "../../rebalancer/log/secrets.ts";
import { type LocalDeployment, startLocalDeployment } from "../support/deployment.ts";
import { settled } from "../support/lockstep.ts";
import { startRpcProxy } from "../support/rpcProxy.ts";
import { startProgram } from "../support/workerProcess.ts";

const KEY = `0x${"a1b2".repeat(16)}`;
const env = {
  RANGEKEEPER_KEEPER_KEY: KEY,
  RANGEKEEPER_COLD_PASSWORD: 'pass"word\\1',
  RANGEKEEPER_API_TOKEN: "token-of-the-api",
  RANGEKEEPER_WEBHOOK_ON_CALL: "https://hooks.example/services/T000/B000/abcdefghijklmnopqrstuvwx",
  REDIS_URL: "redis://user:hunter22@redis.example:6379",
  RANGEKEEPER_RPC_URL: "https://rpc.example/v3/0123456789abcdef0123456789abcdef",
};

/** The lines that a logger with these secrets writes. */
function logged(write: (logger: ReturnType<typeof createLogger>) => void): string {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  write(createLogger({ level: "debug", destination, secrets: secretsFrom(env) }));
  return lines.join("");
}

describe("createLogger", () => {
  it("takes out every loaded secret, wherever and however it is written", () => {
    const text = logged((logger) => {
      logger.info({ a: { b: [{ c: KEY }] } }, `plain ${KEY.slice(2)}`);
      logger.warn({ text: KEY.toUpperCase() }, env.RANGEKEEPER_COLD_PASSWORD);
      logger.error({ err: new Error(`cannot sign with ${KEY}`, { cause: new Error(KEY) }) }, env.RANGEKEEPER_API_TOKEN);
      logger.child({ bound: KEY }).info(env.RANGEKEEPER_WEBHOOK_ON_CALL);
      logger.info(JSON.stringify({ inner: env.RANGEKEEPER_COLD_PASSWORD }));
      logger.info(`${env.REDIS_URL} ${env.RANGEKEEPER_RPC_URL} hunter22`);
    });
    for (const secret of ["a1b2a1b2", "A1B2A1B2", "pass", "token-of", "abcdefghijkl", "hunter22", "0123456789abcdef"]) {
      expect(text).not.toContain(secret);
    }
    expect(text).toContain("redis.example");
    expect(text).toContain("https://rpc.example/v3/[redacted]");
    for (const line of text.trim().split("\n")) expect(() => JSON.parse(line)).not.toThrow();
  });

  it("takes out what nobody loaded by the name of its property, at any depth, and leaves the rest", () => {
    const hidden = "never-to-be-seen";
    const text = logged((logger) => {
      logger.info({ x: { y: [{ privateKey: hidden, password: [1, 2], z: { keeper_key: { v: hidden } } }] } });
      logger.info(JSON.stringify({ mnemonic: hidden }));
      logger.info(
        { decisionId: "1-0xaa-2-0xbb", token0: "WETH", key: "job-1", digest: `0x${"cd".repeat(32)}` },
        "kept",
      );
    });
    expect(text).not.toContain(hidden);
    expect(text).not.toContain("[1,2]");
    const last = JSON.parse(text.trim().split("\n").at(-1) ?? "");
    expect(last).toMatchObject({
      level: "info",
      decisionId: "1-0xaa-2-0xbb",
      token0: "WETH",
      key: "job-1",
      digest: `0x${"cd".repeat(32)}`,
      msg: "kept",
    });
    expect(Date.parse(last.ts)).toBeGreaterThan(0);
  });

  it("hides credentials and keys in addresses that nobody loaded", () => {
    const { redact } = secretsFrom({});
    expect(redact("wss://me:pw@node.example/ws")).toBe("wss://[redacted]@node.example/ws");
    expect(redact("https://eth.example/?apikey=0123456789012345678901")).toBe("https://eth.example/?apikey=[redacted]");
    const address = `https://scan.example/address/0x${"0a".repeat(20)}`;
    expect(redact(address)).toBe(address);
    expect(redact("http://127.0.0.1:8545/")).toBe("http://127.0.0.1:8545/");
  });
});

describe("redactError", () => {
  it("keeps an error's class and name, and takes secrets out of message and stack", () => {
    class Special extends TypeError {
      override name = "Special";
    }
    const clean = redactError(secretsFrom(env), new Special(`no ${KEY}`));
    expect(clean).toBeInstanceOf(Special);
    expect(clean.name).toBe("Special");
    expect(`${clean.message} ${clean.stack}`).not.toContain(KEY.slice(2));
    const same = new Error("nothing here");
    expect(redactError(secretsFrom(env), same)).toBe(same);
  });
});

describe("a whole live run", () => {
  let local: LocalDeployment;
  beforeAll(async () => {
    local = await startLocalDeployment();
  }, 400_000);
  afterAll(() => local?.stop());

  it("leaves no secret in its output, its journal or Redis, though a node's error quotes a key", async () => {
    const keys = localKeys();
    const apiKey = "5ecret0123456789abcdef5ecret";
    const hook = "hook0123456789abcdefghijk";
    const planted = `keystore: could not unlock ${keys.keeper} or ${keys.modelSigner.slice(2)}`;
    const proxy = await startRpcProxy(local.market.anvil.url, ({ method, nth }) =>
      method === "eth_sendRawTransaction" && nth < 2 ? { error: { code: -32_000, message: planted } } : null,
    );
    const { path, config } = local.configure({
      rpcUrl: `${proxy.url}/v3/${apiKey}`,
      "log.level": "debug",
      alerts: { sinks: [{ name: "on-call", kind: "slack" }] },
    });
    const worker = startProgram("rebalancer/cli/main.ts", ["worker", "start", "--config", path, "--yes-live"], {
      ...local.env,
      RANGEKEEPER_WEBHOOK_ON_CALL: `${proxy.url}/services/${hook}`,
    });
    try {
      const block = await local.tick(600);
      expect((await settled(local, block, 60_000)).state).toBe("sent");
      await settled(local, await local.tick(12), 60_000);
    } finally {
      await worker.stop();
      await proxy.stop();
    }
    const { stdout, stderr } = await worker.ended;
    const folder = dirname(config.journal.path);
    const journal = readdirSync(folder).filter((file) => file.startsWith(basename(config.journal.path)));
    const redis = new Redis(local.redis.url);
    const stored: string[] = [];
    for (const key of await redis.keys("*")) stored.push(key, (await redis.dumpBuffer(key))?.toString("latin1") ?? "");
    // DUMP compresses long values: they are read as they are, too
    for (const key of await redis.keys("*")) {
      const type = await redis.type(key);
      if (type === "string") stored.push((await redis.get(key)) ?? "");
      if (type === "hash") stored.push(JSON.stringify(await redis.hgetall(key)));
      if (type === "list") stored.push(JSON.stringify(await redis.lrange(key, 0, -1)));
      if (type === "stream") stored.push(JSON.stringify(await redis.xrange(key, "-", "+")));
    }
    redis.disconnect();
    const places = {
      output: stdout + stderr,
      journal: journal.map((file) => readFileSync(join(folder, file), "latin1")).join(""),
      redis: stored.join("\n"),
    };
    expect(journal.length).toBeGreaterThan(0);
    expect(places.redis).toContain(local.deployment.vault.toLowerCase());
    expect(places.journal).toContain(local.deployment.vault);
    // the planted error was heard, and its secrets were not
    expect(Object.values(places).join("\n")).toContain("could not unlock [redacted] or [redacted]");
    for (const [place, text] of Object.entries(places)) {
      const lower = text.toLowerCase();
      for (const secret of [keys.keeper.slice(2), keys.modelSigner.slice(2), apiKey, hook]) {
        expect(lower.includes(secret.toLowerCase()), `${secret.slice(0, 6)} in ${place}`).toBe(false);
      }
    }
    // every line about a decision carries its id
    const lines = stderr.split("\n").filter((line) => line.startsWith("{"));
    const about = lines
      .map((line) => JSON.parse(line))
      .filter(({ stage }) => ["evaluate", "execute", "confirm"].includes(stage));
    expect(about.length).toBeGreaterThan(1);
    for (const line of about) expect(line.decisionId ?? line.payload ?? line.jobId, JSON.stringify(line)).toBeDefined();
  });
});
