import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { encodeFunctionData } from "viem";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { exactBars } from "../../../ml/data/exactBars.ts";
import { resolveMarket } from "../../../ml/data/market.ts";
import { readStoredEvents } from "../../../ml/data/store/events.ts";
import type { StoredEvent } from "../../../ml/data/store/eventTypes.ts";
import { isDataset, readManifest } from "../../../ml/data/store/manifest.ts";
import { verifyPath } from "../../../ml/data/verify/verify.ts";
import { marketActorAbi, marketPoolAbi } from "../../../rebalancer/cli/demo/market/actor.ts";
import { enqueue, MARKET_OPERATOR, mine } from "../../../rebalancer/cli/demo/market/chain.ts";
import { type FetchParameters, fetchEvents } from "../../../rebalancer/data/fetchEvents.ts";
import { createDataRpc } from "../../../rebalancer/data/rpc.ts";
import { type LocalMarket, START, startLocalMarket } from "../../support/localMarket.ts";
import { type Mischief, type RpcProxy, startRpcProxy } from "../../support/rpcProxy.ts";

const NAME = "chain31337_aaa_bbb_03_events";
const E18 = 10n ** 18n;
const ROUNDS = 40;

let market: LocalMarket;
let head: number;
let folder: string;
let whole: string;
const proxies: RpcProxy[] = [];

/** Waits pass at once; the clock stands still, so that only a finished fetch commits unless told otherwise. */
async function run(
  url: string,
  out: string,
  changes: Partial<FetchParameters> & { waits?: number[]; timeoutMs?: number; fallbacks?: string[] } = {},
) {
  const { waits = [], timeoutMs = 1500, fallbacks = [], ...rest } = changes;
  const rpc = createDataRpc({
    urls: [url, ...fallbacks],
    ...(fallbacks.length > 0 ? { chainId: 31_337 } : {}),
    confirmations: 0,
    requestsPerSecond: Infinity,
    timeoutMs,
    now: () => 0,
    sleep: async (ms) => void waits.push(ms),
  });
  const { pool } = market.deployment;
  return fetchEvents({ rpc, pool, out, toBlock: head, confirmations: 0, now: () => 0, ...rest }).finally(rpc.close);
}

async function through(mischief: Mischief): Promise<RpcProxy> {
  const proxy = await startRpcProxy(market.anvil.url, mischief);
  proxies.push(proxy);
  return proxy;
}

const temporary = (): string => mkdtempSync(join(folder, "store-"));
const eventsOf = (out: string): StoredEvent[] => [...readStoredEvents(join(out, NAME))].flat();

/** Every file of a dataset with its sha256. */
const filesOf = (out: string) =>
  readdirSync(join(out, NAME)).map(
    (file) =>
      `${file} ${createHash("sha256")
        .update(readFileSync(join(out, NAME, file)))
        .digest("hex")}`,
  );

async function act(timestamp: number, data: `0x${string}`, to = market.deployment.actor): Promise<number> {
  const hashes = await enqueue(market.rpc, [{ from: MARKET_OPERATOR, to, data }]);
  return (await mine(market.rpc, timestamp, hashes)).block;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "fetch-"));
  market = await startLocalMarket();
  const position = { tickLower: -120, tickUpper: 60, liquidity: 5n * 10n ** 22n };
  for (let i = 0; i < ROUNDS; i++) {
    // The first takes the price well inside the space between two usable ticks, where the others leave it.
    const amountIn = i === 0 ? 1500n * E18 : E18 * BigInt(1 + (i % 7));
    head = await market.swap(START + 1000 + i * 13, [{ zeroForOne: i % 2 === 1, amountIn }]);
    if (i === 10)
      head = await act(
        START + 1000 + i * 13 + 1,
        encodeFunctionData({ abi: marketActorAbi, functionName: "open", args: [[position]] }),
      );
    if (i === 30)
      head = await act(
        START + 1000 + i * 13 + 1,
        encodeFunctionData({ abi: marketActorAbi, functionName: "close", args: [[position]] }),
      );
  }
  // Blocks without events, as most are.
  for (let i = 0; i < 5; i++) head = await market.swap(START + 3000 + i, []);
  whole = temporary();
  await run(market.anvil.url, whole);
});

afterEach(async () => {
  for (const proxy of proxies.splice(0)) await proxy.stop();
});

afterAll(async () => {
  await market?.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe("fetchEvents", () => {
  it("reads every event of the pool, with what the chain tells of it", async () => {
    const { pool, fetch } = readManifest(join(whole, NAME));
    expect(pool).toMatchObject({
      chainId: 31337,
      feePips: 3000,
      tickSpacing: 60,
      address: market.deployment.pool.toLowerCase(),
    });
    expect([pool?.token0.symbol, pool?.token1.symbol].sort()).toEqual(["AAA", "BBB"]);
    expect(fetch?.complete?.number).toBe(head);
    const events = eventsOf(whole);
    const count = (wanted: StoredEvent["type"]) => events.filter(({ type }) => type === wanted).length;
    expect((["INITIALIZE", "SWAP", "MINT", "BURN"] as const).map(count)).toEqual([1, ROUNDS, 2, 1]);
    const block = await market.rpc.call<{ timestamp: string }>("eth_getBlockByNumber", ["latest", false]);
    expect(Number(block.timestamp)).toBeGreaterThan(events.at(-1)?.timestamp ?? Infinity);
    const last = events.findLast((event) => event.type === "SWAP");
    const [, slot0] = [
      0,
      await market.rpc.call<`0x${string}`>("eth_call", [
        { to: market.deployment.pool, data: encodeFunctionData({ abi: marketPoolAbi, functionName: "slot0" }) },
        "latest",
      ]),
    ];
    expect(BigInt(slot0.slice(0, 66))).toBe(last?.type === "SWAP" ? last.sqrtPriceX96 : 0n);
  });

  it("makes data that verifies, is a market, and whose bars add up to the pool's fee growth to the last digit", async () => {
    const report = await verifyPath(join(whole, NAME));
    expect(report.findings).toEqual([]);
    expect(report.continuity).toEqual({ swaps: ROUNDS, proved: ROUNDS });
    const { events, pool } = resolveMarket(whole, NAME);
    expect(pool.feePips).toBe(3000);
    expect(events.filter(({ type }) => type === "SWAP")).toHaveLength(ROUNDS);
    const bars = [...exactBars([eventsOf(whole)], { barSeconds: 60, feePips: 3000, tickSpacing: 60 })];
    expect(bars.reduce((sum, bar) => sum + bar.approximateSwaps, 0)).toBe(0);
    const onChain = async (functionName: "feeGrowthGlobal0X128" | "feeGrowthGlobal1X128") =>
      BigInt(
        await market.rpc.call<string>("eth_call", [
          { to: market.deployment.pool, data: encodeFunctionData({ abi: marketPoolAbi, functionName }) },
          "latest",
        ]),
      );
    expect(bars.reduce((sum, bar) => sum + bar.feeGrowth0X128, 0n)).toBe(await onChain("feeGrowthGlobal0X128"));
    expect(bars.reduce((sum, bar) => sum + bar.feeGrowth1X128, 0n)).toBe(await onChain("feeGrowthGlobal1X128"));
  });

  it("finds the block in which the pool began", async () => {
    const { fetch } = readManifest(join(whole, NAME));
    const code = async (block: number) =>
      market.rpc.call<string>("eth_getCode", [market.deployment.pool, `0x${block.toString(16)}`]);
    const from = fetch?.fromBlock ?? -1;
    expect(await code(from)).not.toBe("0x");
    expect(await code(from - 1)).toBe("0x");
  });

  it("gives the same files whatever the size of its requests, and asks for nothing twice", async () => {
    const out = temporary();
    await run(market.anvil.url, out, { firstChunk: 3, largestChunk: 7, now: clock(), commitMs: 1 });
    expect(filesOf(out)).toEqual(filesOf(whole));
    const proxy = await through(() => null);
    expect((await run(proxy.url, out)).fetched).toBeNull();
    expect(proxy.calls.filter(({ method }) => method === "eth_getLogs")).toHaveLength(0);
  });

  it("gives the same files when it is killed on the way and run again", async () => {
    const out = temporary();
    const from = readManifest(join(whole, NAME)).fetch?.fromBlock ?? 0;
    let kill = (): void => {};
    const proxy = await through(({ method, nth }) => {
      if (method !== "eth_getLogs" || nth !== 6) return null;
      kill();
      return "hang";
    });
    const root = fileURLToPath(new URL("../../../", import.meta.url));
    const args = [proxy.url, market.deployment.pool, out, String(from), String(head), "4"];
    const child = spawn(process.execPath, ["--import", "tsx", join(root, "test/support/fetchProcess.ts"), ...args]);
    kill = () => child.kill("SIGKILL");
    const signal = await new Promise((resolve) => child.on("exit", (_code, name) => resolve(name)));
    expect(signal).toBe("SIGKILL");
    const partial = readManifest(join(out, NAME));
    expect(partial.fetch?.complete?.number).toBe(from + 6 * 4 - 1);
    expect(partial.rows).toBeGreaterThan(0);
    expect(eventsOf(out)).toEqual(eventsOf(whole).filter(({ block }) => block < from + 24));
    await run(market.anvil.url, out);
    expect(filesOf(out)).toEqual(filesOf(whole));
  });

  it("stays below the newest blocks by the confirmations asked for", async () => {
    const out = temporary();
    const { manifest } = await run(market.anvil.url, out, { toBlock: undefined, confirmations: 9 });
    expect(manifest.fetch?.complete?.number).toBe(head - 9);
  });

  it.each([
    ["too many results", { code: -32005, message: "query returned more than 10000 results" }],
    ["a block range limit", { code: -32600, message: "block range exceeds limit of 10 blocks" }],
    [
      "a response size limit",
      { code: -32008, message: "Response size should not greater than 150000000 bytes: response is too big, limit" },
    ],
  ])("halves its requests at %s", async (_, error) => {
    const proxy = await through(({ method, params }) => {
      if (method !== "eth_getLogs") return null;
      const { fromBlock, toBlock } = params[0] as { fromBlock: string; toBlock: string };
      return Number(toBlock) - Number(fromBlock) >= 10 ? { error } : null;
    });
    const out = temporary();
    await run(proxy.url, out);
    expect(filesOf(out)).toEqual(filesOf(whole));
  });

  it.each([
    ["errors of the server", () => 503],
    ["too many requests", () => 429],
    ["an answer cut in the middle", () => '{"jsonrpc":"2.0","id":1,"result":[{"addr'],
    ["an internal error", () => ({ error: { code: -32603, message: "internal error" } })],
    ["silence", () => "hang" as const],
  ])("tries again after %s, waiting longer each time", async (_, bad) => {
    const waits: number[] = [];
    const proxy = await through(({ method, nth }) => (method === "eth_getLogs" && nth < 2 ? bad() : null));
    const out = temporary();
    await run(proxy.url, out, { waits });
    expect(waits).toEqual([500, 1000]);
    expect(filesOf(out)).toEqual(filesOf(whole));
  });

  it.each([
    ["fails", (() => 503) as Mischief],
    ["is silent", (() => "hang") as Mischief],
    [
      "has fallen behind, and answers lists of logs that are too short",
      (async ({ method, params }) => {
        if (method === "eth_getLogs") return { result: [] };
        if (method !== "eth_getBlockByNumber") return null;
        const number = params[0] === "latest" ? head - 5 : Number(params[0]);
        if (number > head - 5) return { result: null };
        return { result: await market.rpc.call("eth_getBlockByNumber", [`0x${number.toString(16)}`, false]) };
      }) as Mischief,
    ],
  ])("asks the next node when the first %s", async (_, bad) => {
    const first = await through(bad);
    const out = temporary();
    await run(first.url, out, { fallbacks: [market.anvil.url] });
    expect(filesOf(out)).toEqual(filesOf(whole));
  });

  it("gives up on a node that never answers, and loses nothing of what it had", async () => {
    const out = temporary();
    const from = readManifest(join(whole, NAME)).fetch?.fromBlock ?? 0;
    const proxy = await through(({ method, nth }) => (method === "eth_getLogs" && nth >= 3 ? 500 : null));
    const half = run(proxy.url, out, { firstChunk: 8, largestChunk: 8, now: clock(), commitMs: 1 });
    await expect(half).rejects.toThrow(
      /eth_getLogs: failed 6 times, last with .*127\.0\.0\.1:\d+ answers with HTTP status 500/,
    );
    expect(readManifest(join(out, NAME)).fetch?.complete?.number).toBe(from + 23);
    await run(market.anvil.url, out);
    expect(filesOf(out)).toEqual(filesOf(whole));
  });

  type Log = Record<string, unknown>;
  const lie =
    (change: (logs: Log[]) => unknown): Mischief =>
    async ({ method }, forward) =>
      method === "eth_getLogs" ? { result: change((await forward()).result as Log[]) } : null;
  const first = (changes: Log) => (logs: Log[]) => logs.map((log, i) => (i === 0 ? { ...log, ...changes } : log));

  it.each([
    ["a log outside the range", first({ blockNumber: "0xffff" }), /blockNumber: 65535; rule: must be from/],
    [
      "a log of another pool",
      first({ address: `0x${"11".repeat(20)}` }),
      /0\.address: "0x1111.*must be one that was asked for/,
    ],
    ["digits that are none", first({ data: "0xzz" }), /data: "0xzz"; rule: data is 0x and hexadecimal digits/],
    ["too little data", first({ data: "0x00" }), /rule: must be an event of a v3 pool/],
    ["a number that is none", first({ logIndex: "7" }), /logIndex: "7"; rule: a quantity/],
    ["a removed log", first({ removed: true }), /removed: true/],
    ["a log twice", (logs: Log[]) => [...logs, ...logs.slice(0, 1)], /logIndex: .* twice in block/],
    ["no list", () => "0x", /eth_getLogs result: "0x"; rule: a list of logs/],
    [
      "times that run backwards",
      first({ blockTimestamp: "0x7fffffff" }),
      /timestamp: 2147483647; rule: times must grow/,
    ],
  ])("refuses %s, and keeps nothing of it", async (_, change, message) => {
    const proxy = await through(lie(change));
    const out = temporary();
    await expect(run(proxy.url, out)).rejects.toThrow(message);
    expect(isDataset(join(out, NAME))).toBe(false);
  });

  it("takes a full answer of a round number of logs for one that may be cut", async () => {
    const proxy = await through(async ({ method, params }, forward) => {
      if (method !== "eth_getLogs") return null;
      const { fromBlock, toBlock } = params[0] as { fromBlock: string; toBlock: string };
      const { result } = (await forward()) as { result: Log[] };
      if (Number(toBlock) - Number(fromBlock) < 10) return { result };
      return { result: Array.from({ length: 1000 }, (_, i) => ({ ...result[0], logIndex: `0x${i.toString(16)}` })) };
    });
    const out = temporary();
    await run(proxy.url, out);
    expect(filesOf(out)).toEqual(filesOf(whole));
  });

  it("refuses a node of another chain than was meant, or than the dataset is of", async () => {
    await expect(run(market.anvil.url, temporary(), { chainId: 1 })).rejects.toThrow(
      /chain 31337; rule: must be chain 1/,
    );
    const proxy = await through(({ method }) => (method === "eth_chainId" ? { result: "0x1" } : null));
    await expect(run(proxy.url, whole, { name: NAME })).rejects.toThrow(
      /chain 1; rule: must be chain 31337, which dataset/,
    );
  });

  it("refuses an address that is no pool", async () => {
    const { token0 } = market.deployment;
    await expect(run(market.anvil.url, temporary(), { pool: token0 })).rejects.toThrow(
      /--pool: .* must be a v3 pool on chain 31337/,
    );
  });

  it("refuses to go on with a dataset that begins elsewhere", async () => {
    await expect(run(market.anvil.url, whole, { fromBlock: 0 })).rejects.toThrow(
      /--from-block: 0; rule: dataset .* begins at/,
    );
  });

  it("lets one process at a time write a dataset", async () => {
    const out = temporary();
    const second: unknown[] = [];
    const proxy = await through(async ({ method, nth }) => {
      if (method === "eth_getLogs" && nth === 0) {
        await run(market.anvil.url, out).catch((error: Error) => second.push(error.name, error.message));
      }
      return null;
    });
    // The proxy's own fetch runs while the first one waits for its answer.
    await run(proxy.url, out, { timeoutMs: 20_000 });
    expect(second).toEqual(["RefusedError", expect.stringMatching(/process \d+ fetches into it; rule: one at a time/)]);
    expect(filesOf(out)).toEqual(filesOf(whole));
  });

  it("takes back what a reorganisation orphaned, and fetches what is there instead", async () => {
    const out = temporary();
    const snapshot = await market.rpc.call<string>("evm_snapshot", []);
    const before = START + 5000;
    for (let i = 0; i < 6; i++) head = await market.swap(before + i * 12, [{ zeroForOne: true, amountIn: E18 }]);
    await run(market.anvil.url, out, { toBlock: head });
    const old = eventsOf(out);
    await market.rpc.call("evm_revert", [snapshot]);
    for (let i = 0; i < 6; i++) head = await market.swap(before + i * 12, [{ zeroForOne: false, amountIn: 2n * E18 }]);
    const { orphaned, newEvents } = await run(market.anvil.url, out, { toBlock: head });
    expect([orphaned, newEvents]).toEqual([6, 6]);
    const fresh = temporary();
    await run(market.anvil.url, fresh, { toBlock: head });
    expect(filesOf(out)).toEqual(filesOf(fresh));
    expect(eventsOf(out)).not.toEqual(old);
  });

  it("follows a reorganisation that comes while it fetches", async () => {
    const out = temporary();
    const snapshot = await market.rpc.call<string>("evm_snapshot", []);
    for (let i = 0; i < 6; i++) head = await market.swap(START + 6000 + i * 12, [{ zeroForOne: true, amountIn: E18 }]);
    let moved = false;
    const proxy = await through(async ({ method, params }) => {
      const upTo = Number((params[0] as { toBlock?: string })?.toBlock);
      if (method !== "eth_getLogs" || moved || upTo !== head) return null;
      moved = true;
      await market.rpc.call("evm_revert", [snapshot]);
      for (let i = 0; i < 6; i++) await market.swap(START + 6000 + i * 12, [{ zeroForOne: false, amountIn: 3n * E18 }]);
      return null;
    });
    await run(proxy.url, out, { firstChunk: 3, largestChunk: 3, toBlock: head, now: clock(), commitMs: 1 });
    expect(moved).toBe(true);
    const fresh = temporary();
    await run(market.anvil.url, fresh, { toBlock: head });
    expect(filesOf(out)).toEqual(filesOf(fresh));
  });
});

/** A clock that goes on by a second whenever it is read. */
function clock(): () => number {
  let seconds = 0;
  return () => ++seconds * 1000;
}
