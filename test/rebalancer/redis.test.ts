import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort } from "../../rebalancer/cli/demo/redis.ts";
import { acquireLeases } from "../../rebalancer/queues/lease.ts";
import { ensureJob, openQueues, queuePrefix, startWorker } from "../../rebalancer/queues/queue.ts";
import { bullConnection, connectRedis, type RedisPlace } from "../../rebalancer/queues/redis.ts";
import { startProgram } from "../support/workerProcess.ts";

const POOL = "0x00000000000000000000000000000000000000Aa" as const;
const VAULTS = [POOL, "0x00000000000000000000000000000000000000Bb"] as const;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "redis-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A redis-server with these options, once it says that it is ready. */
async function startServer(options: readonly string[]): Promise<ChildProcess> {
  const child = spawn("redis-server", ["--bind", "127.0.0.1", "--save", "", "--dir", folder, ...options], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await new Promise<void>((resolve, reject) => {
    child.stdout?.on("data", (chunk: Buffer) => {
      if (chunk.toString("utf8").includes("Ready to accept connections")) resolve();
    });
    child.once("exit", (code) => reject(new Error(`redis-server ended with exit code ${code}`)));
  });
  return child;
}

async function stopServer(child: ChildProcess | undefined): Promise<void> {
  if (!child || child.exitCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await ended;
}

/** A job through a queue, and leases taken and given back. */
async function useAll(place: RedisPlace): Promise<{ ran: number; refused: string }> {
  const config = { chainId: 31_337, redis: { url: place.url, cluster: place.cluster ?? false, prefix: "test" } };
  const redis = await connectRedis(place, () => undefined);
  const options = { connection: bullConnection(place), prefix: queuePrefix(config, "journal-1") };
  const queues = openQueues(options, () => undefined);
  try {
    const lease = { redis, prefix: "test", chainId: 31_337, vaults: VAULTS, onLost: () => undefined };
    const leases = await acquireLeases({ ...lease, holder: "one" });
    const refused = await acquireLeases({ ...lease, holder: "two" }).then(
      () => "not refused",
      (error: Error) => error.message,
    );
    await leases.release();
    await (await acquireLeases({ ...lease, holder: "two" })).release();
    await ensureJob(queues, "evaluate", { chainId: 31_337, pool: POOL, block: 7 });
    const ran = await new Promise<number>((resolve) => {
      const worker = startWorker({
        name: "evaluate",
        options,
        process: async ({ block }) => {
          setImmediate(() => void worker.close().then(() => resolve(block)));
        },
        onGivenUp: () => undefined,
        onError: () => undefined,
      });
    });
    return { ran, refused };
  } finally {
    await queues.close();
    redis.disconnect();
  }
}

describe("a Redis Cluster", () => {
  let server: ChildProcess | undefined;
  let port: number;
  beforeAll(async () => {
    port = await freePort();
    server = await startServer([
      ...["--port", String(port), "--cluster-enabled", "yes"],
      // The port between nodes is the port + 10,000 where it is not said, which may be none.
      ...["--cluster-port", String(await freePort()), "--cluster-config-file", `nodes-${port}.conf`],
      // A lone node does not know its own address.
      "--cluster-announce-ip",
      "127.0.0.1",
    ]);
    const cli = (...words: string[]) => execFileSync("redis-cli", ["-p", String(port), ...words]).toString("utf8");
    cli("CLUSTER", "ADDSLOTSRANGE", "0", "16383");
    while (!cli("CLUSTER", "INFO").includes("cluster_state:ok")) await new Promise((done) => setTimeout(done, 50));
  });
  afterAll(() => stopServer(server));

  it("serves queues and leases from keys in their own slots", async () => {
    const place = { url: `redis://127.0.0.1:${port}`, cluster: true };
    const { ran, refused } = await useAll(place);
    expect(ran).toBe(7);
    expect(refused).toMatch(/held by worker one; rule: one worker/);
  });

  it("is named when a single server answers in its place, or nobody", async () => {
    const place = { url: `redis://127.0.0.1:${await freePort()}`, cluster: true };
    await expect(connectRedis(place, () => undefined)).rejects.toThrow(
      `redis.url: ${place.url}; rule: a Redis Cluster must answer there`,
    );
  });
});

describe("a Redis behind TLS", () => {
  let server: ChildProcess | undefined;
  let url: string;
  let authority: string;
  beforeAll(async () => {
    const port = await freePort();
    authority = join(folder, "ca.crt");
    const [key, certificate] = [join(folder, "redis.key"), join(folder, "redis.crt")];
    const openssl = (...words: string[]) => execFileSync("openssl", words, { stdio: "ignore" });
    const name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
    openssl(
      "req",
      "-x509",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-days",
      "1",
      "-keyout",
      key,
      "-out",
      certificate,
      ...name,
    );
    execFileSync("cp", [certificate, authority]);
    server = await startServer([
      ...["--port", "0", "--tls-port", String(port), "--tls-auth-clients", "no", "--requirepass", "s3cret/word"],
      ...["--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", authority],
    ]);
    url = `rediss://:${encodeURIComponent("s3cret/word")}@localhost:${port}`;
  });
  afterAll(() => stopServer(server));

  /** In a process of its own: Node reads further authorities only when it starts. */
  const ping = (env: NodeJS.ProcessEnv) =>
    startProgram("test/support/redisPing.ts", [url], { ...process.env, ...env }).ended;

  it("is trusted by an authority that Node is told of, with its password", async () => {
    const { code, stdout, stderr } = await ping({ NODE_EXTRA_CA_CERTS: authority });
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "PONG 1\n", stderr: "" });
  });

  it("is not trusted otherwise, and the refusal does not tell the password", async () => {
    const { code, stderr } = await ping({ NODE_EXTRA_CA_CERTS: "" });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^redis\.url: rediss:\/\/.*localhost:\d+; rule: a Redis must answer there \(.*certificate/);
    expect(stderr).not.toContain("s3cret");
  });
});
