import fc from "fast-check";
import { toEventSelector, BaseError as ViemError } from "viem";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { BaseError } from "../../ml/errors.ts";
import type { PoolHistory, PoolMeta } from "../../ml/types.ts";
import { faultOf } from "../../rebalancer/chain/answers.ts";
import { atBlock } from "../../rebalancer/chain/atBlock.ts";
import { createEndpoints } from "../../rebalancer/chain/endpoints.ts";
import { ChainAnswerError } from "../../rebalancer/chain/errors.ts";
import { getSwapLogs, readSwapLogs } from "../../rebalancer/chain/logs.ts";
import { endpointsClient } from "../../rebalancer/chain/transport.ts";
import { type BlockStamp, createChainClient, getBlock, getPoolMeta, readHeader } from "../../rebalancer/chain.ts";
import { createHistories, type HistoryStore } from "../../rebalancer/history.ts";
import { type LocalMarket, START, startLocalMarket } from "../support/localMarket.ts";
import { type Mischief, type Reply, type RpcProxy, startRpcProxy } from "../support/rpcProxy.ts";

const ONE = 10n ** 18n;
const BLOCKS = 6;
const SWAP_TOPIC = toEventSelector("Swap(address,address,int256,int256,uint160,uint128,int24)");

let market: LocalMarket;
let pool: PoolMeta;
let head: BlockStamp;
let truth: PoolHistory;
let proxy: RpcProxy;
let mischief: Mischief = () => null;

beforeAll(async () => {
  market = await startLocalMarket();
  for (let block = 0; block < BLOCKS; block++) {
    await market.swap(START + 600 + 12 * block, [
      { zeroForOne: true, amountIn: ONE },
      { zeroForOne: false, amountIn: 2n * ONE },
    ]);
  }
  const client = createChainClient(market.anvil.url);
  [pool, head] = await Promise.all([getPoolMeta(client, 31_337, market.deployment.pool), getBlock(client, "latest")]);
  truth = await (await storeOf(market.anvil.url)).at(head);
  proxy = await startRpcProxy(market.anvil.url, (call, forward) => mischief(call, forward));
});
afterEach(() => {
  mischief = () => null;
});
afterAll(async () => {
  await proxy?.stop();
  await market?.stop();
});

const clientOf = (url: string, maxResponseBytes = 1_048_576) =>
  endpointsClient(createEndpoints({ urls: [url], timeoutMilliseconds: 1_000, maxResponseBytes }));

async function storeOf(url: string, maxResponseBytes?: number): Promise<HistoryStore> {
  const [store] = createHistories({
    client: clientOf(url, maxResponseBytes),
    pools: [pool],
    lookbackSeconds: 86_400,
    chunkBlocks: 1_000,
  });
  return store as HistoryStore;
}

type Log = Record<string, unknown>;
/** Changes the logs of an answer to eth_getLogs and leaves everything else. */
const lyingLogs =
  (change: (logs: Log[]) => unknown): Mischief =>
  async ({ method }, forward) =>
    method === "eth_getLogs" ? { result: change((await forward()).result as Log[]) } : null;
const changed = (logs: readonly Log[], index: number, fields: Log): Log[] =>
  logs.map((log, at) => (at === index ? { ...log, ...fields } : log));
const topicsOf = (logs: readonly Log[]) => logs[1]?.topics as readonly string[];
/** Changes the header of the newest log's block when it is asked for by number. */
const lyingHeader =
  (fields: Log, which = "latest"): Mischief =>
  async ({ method, params }, forward) =>
    method === "eth_getBlockByNumber" && params[0] === which
      ? { result: { ...((await forward()).result as object), ...fields } }
      : null;

describe("a list of logs that lies", () => {
  const cases: Record<string, readonly [(logs: Log[]) => unknown, RegExp]> = {
    "another pool's log": [
      (logs) => changed(logs, 1, { address: `0x${"12".repeat(20)}` }),
      /1\.address: "0x12.*; rule: must be one that was asked for/,
    ],
    "another event": [
      (logs) => changed(logs, 1, { topics: [`0x${"ab".repeat(32)}`, ...topicsOf(logs).slice(1)] }),
      /topics: 0xabab.*must be a swap/,
    ],
    "too few topics": [(logs) => changed(logs, 1, { topics: topicsOf(logs).slice(1) }), /a swap has three topics/],
    "a block out of the span": [
      (logs) => changed(logs, 1, { blockNumber: "0x3e7" }),
      /blockNumber: 999; rule: must be from 0 to/,
    ],
    "a removed log": [(logs) => changed(logs, 1, { removed: true }), /removed: true; rule: must be a log of the chain/],
    "a log twice": [(logs) => [...logs, logs[3] as Log], /logIndex: twice/],
    "two hashes of one block": [
      (logs) => changed(logs, 1, { blockHash: `0x${"cd".repeat(32)}` }),
      /blockHash: 0x.*as of the same block/,
    ],
    "a block of another fork": [
      (logs) =>
        logs.map((log) =>
          log.blockNumber === logs[0]?.blockNumber ? { ...log, blockHash: `0x${"cd".repeat(32)}` } : log,
        ),
      /log \d+ of block \d+: 0xcdcd.* rule: must be 0x/,
    ],
    "a time before the block's": [
      (logs) => logs.map((log) => ({ ...log, blockTimestamp: "0x1" })),
      /at 1 s; rule: must be 0x/,
    ],
    "hex that is none": [
      (logs) => changed(logs, 1, { blockNumber: "0xg1" }),
      /1\.blockNumber: "0xg1"; rule: a quantity/,
    ],
    "a number as a number": [(logs) => changed(logs, 1, { logIndex: 4 }), /1\.logIndex: 4; rule/],
    "a number too long": [
      (logs) => changed(logs, 1, { blockNumber: `0x${"f".repeat(40)}` }),
      /blockNumber: .*a safe whole number/,
    ],
    "a field missing": [(logs) => changed(logs, 1, { data: undefined }), /1\.data: missing/],
    "data cut short": [
      (logs) => changed(logs, 1, { data: String(logs[1]?.data).slice(0, -64) }),
      /data: .* must be a swap of a v3 pool/,
    ],
    "data too long": [
      (logs) => changed(logs, 1, { data: `${logs[1]?.data}${"00".repeat(64)}` }),
      /data: .* must be a swap of a v3 pool/,
    ],
    "a price that is none": [
      (logs) =>
        changed(logs, 1, {
          data: `0x${String(logs[1]?.data).slice(2, 130)}${"0".repeat(64)}${String(logs[1]?.data).slice(194)}`,
        }),
      /sqrtPriceX96: 0; rule: must be a v3 sqrt price/,
    ],
    "null in the list": [(logs) => [...logs, null], /12: null; rule/],
    "no list": [() => ({ logs: [] }), /eth_getLogs result: \{"logs":\[\]\}; rule: a list of logs/],
    nothing: [() => null, /eth_getLogs result: null/],
    "the last swap left out": [(logs) => logs.slice(0, -1), /the last leaves price \d+; rule: must be the pool's/],
  };
  for (const [lie, [change, message]] of Object.entries(cases)) {
    it(`is refused by name for ${lie}, and what is true is taken after`, async () => {
      const store = await storeOf(proxy.url);
      mischief = lyingLogs(change);
      await expect(store.at(head)).rejects.toThrow(message);
      mischief = () => null;
      expect(await store.at(head)).toEqual(truth);
    });
  }

  it("is put in order when it only comes unsorted", async () => {
    mischief = lyingLogs((logs) => [...logs].reverse());
    expect(await (await storeOf(proxy.url)).at(head)).toEqual(truth);
  });

  it("gets its times from the headers when the node does not say them", async () => {
    mischief = lyingLogs((logs) => logs.map(({ blockTimestamp: _, ...log }) => log));
    expect(await (await storeOf(proxy.url)).at(head)).toEqual(truth);
  });
});

describe("a node that finds it too much", () => {
  const spanOf = (params: readonly unknown[]) => {
    const [{ fromBlock, toBlock }] = params as [{ fromBlock?: string; toBlock?: string }];
    return fromBlock === undefined ? 1 : Number(toBlock) - Number(fromBlock) + 1;
  };

  it("is asked for fewer blocks until it is content", async () => {
    const spans: number[] = [];
    mischief = ({ method, params }) => {
      if (method !== "eth_getLogs") return null;
      spans.push(spanOf(params));
      return spanOf(params) > 2
        ? { error: { code: -32_005, message: "query returned more than 10000 results" } }
        : null;
    };
    expect(await (await storeOf(proxy.url)).at(head)).toEqual(truth);
    expect(Math.max(...spans)).toBeGreaterThan(4);
    expect(spans.filter((span) => span <= 2).length).toBeGreaterThanOrEqual(3);
  });

  it("is asked for fewer blocks when it answers more bytes than are read", async () => {
    let answers = 0;
    const padded = (bytes: number) =>
      lyingLogs((logs) => {
        answers += 1;
        return logs.map((log) => ({ ...log, padding: "x".repeat(bytes) }));
      });
    // two swaps in a block fit, those of all blocks do not
    mischief = padded(20_000);
    expect(await (await storeOf(proxy.url, 65_536)).at(head)).toEqual(truth);
    expect(answers).toBeGreaterThan(4);
    mischief = padded(40_000);
    await expect((await storeOf(proxy.url, 65_536)).at(head)).rejects.toThrow(
      /logs of block \d+: .*; rule: the swaps of a block must fit into an answer/,
    );
  });

  it("is named when it has thrown the logs away", async () => {
    mischief = ({ method }) =>
      method === "eth_getLogs" ? { error: { code: 4_444, message: "pruned history unavailable" } } : null;
    await expect((await storeOf(proxy.url)).at(head)).rejects.toThrow(
      `logs of blocks 0..${head.number}: the node has thrown them away; rule: evaluate.lookbackSeconds must be within what it keeps`,
    );
  });
});

describe("a header that lies", () => {
  const client = () => clientOf(proxy.url);
  const cases: Record<string, readonly [Log, RegExp]> = {
    "no hash": [{ hash: null }, /hash: null; rule/],
    "a short hash": [{ hash: "0x12" }, /hash: "0x12"; rule: a hash is 0x and 64/],
    "a number below zero": [{ number: "-0x1" }, /number: "-0x1"; rule: a quantity/],
    "a time that is no number": [{ timestamp: "yesterday" }, /timestamp: "yesterday"; rule/],
    "a time beyond numbers": [{ timestamp: `0x${"f".repeat(64)}` }, /timestamp: .*a safe whole number/],
    "a base fee of a thousand digits": [{ baseFeePerGas: `0x${"9".repeat(1_000)}` }, /baseFeePerGas: .*1 to 64/],
  };
  for (const [lie, [fields, message]] of Object.entries(cases)) {
    it(`is refused by name for ${lie}`, async () => {
      mischief = lyingHeader(fields);
      await expect(getBlock(client(), "latest")).rejects.toThrow(message);
    });
  }

  it("is refused when it is of another block than the one asked for", async () => {
    mischief = lyingHeader({ number: "0x1" }, "0x2");
    await expect(getBlock(client(), 2)).rejects.toThrow('number: "0x1"; rule: must be 0x2, as was asked');
  });

  it("is missing by name when there is none", async () => {
    mischief = ({ method }) => (method === "eth_getBlockByNumber" ? { result: null } : null);
    await expect(getBlock(client(), "latest")).rejects.toMatchObject({ name: "BlockMissingError" });
  });
});

describe("the state of a block", () => {
  it("is read at its hash, so that another fork's block of the same number does not do", async () => {
    const reader = clientOf(market.anvil.url);
    const call = {
      method: "eth_call",
      params: [{ to: pool.address, data: "0x3850c7bd" }, `0x${head.number.toString(16)}`],
    };
    const slot0 = await atBlock(reader, head).request(call as never);
    expect(slot0).toMatch(/^0x[0-9a-f]{448}$/);
    const other = { ...head, hash: `0x${"ee".repeat(32)}` as const };
    await expect(atBlock(reader, other).request(call as never)).rejects.toThrow();
  });

  it("is checked after the fact where a node takes numbers only", async () => {
    mischief = ({ method, params }) =>
      method === "eth_call" && typeof params[1] === "object"
        ? { error: { code: -32_602, message: "invalid argument 1: json: cannot unmarshal object into string" } }
        : null;
    const reader = clientOf(proxy.url);
    const call = {
      method: "eth_call",
      params: [{ to: pool.address, data: "0x3850c7bd" }, `0x${head.number.toString(16)}`],
    };
    expect(await atBlock(reader, head).request(call as never)).toMatch(/^0x[0-9a-f]{448}$/);
    const other = { ...head, hash: `0x${"ee".repeat(32)}` as const };
    await expect(atBlock(reader, other).request(call as never)).rejects.toThrow("(the chain was reorganised)");
  });
});

/** Anything that JSON can carry, mostly what looks a little like an answer. */
const junk = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom<unknown>(
    "0x",
    "0xzz",
    "-0x1",
    `0x${"f".repeat(64)}`,
    `0x${"f".repeat(65)}`,
    "0x0",
    null,
    [],
    {},
    -1,
    1e308,
    true,
  ),
  fc.stringMatching(/^0x[0-9a-f]{0,80}$/),
);

/** Every place in a JSON value, as paths. */
function placesOf(value: unknown, path: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  const inner =
    typeof value === "object" && value !== null
      ? Object.entries(value).flatMap(([key, below]) =>
          placesOf(below, [...path, Array.isArray(value) ? Number(key) : key]),
        )
      : [];
  return [path, ...inner];
}
function replaced(value: unknown, [key, ...rest]: readonly (string | number)[], by: unknown): unknown {
  if (key === undefined) return by;
  const copy = Array.isArray(value) ? [...value] : { ...(value as object) };
  Reflect.set(copy, key, replaced(Reflect.get(copy, key), rest, by));
  return copy;
}
/** What a border may throw: an error with a name of ours. */
const isNamed = (error: unknown) => error instanceof BaseError || error instanceof ViemError;

describe("answers changed at random", () => {
  it("are read as what they should be, or refused by name", async () => {
    const raw = (method: string, params: unknown[]) => market.rpc.call(method, params);
    const number = `0x${head.number.toString(16)}`;
    const header = await raw("eth_getBlockByNumber", [number, false]);
    const span = { fromBlock: 0, toBlock: head.number };
    const logs = await raw("eth_getLogs", [
      { address: pool.address, fromBlock: "0x0", toBlock: number, topics: [SWAP_TOPIC] },
    ]);
    const mutated = (value: unknown) =>
      fc.tuple(fc.constantFrom(...placesOf(value)), junk).map(([path, by]) => replaced(value, path, by));
    const refusedByName = (read: () => unknown) => {
      try {
        read();
      } catch (error) {
        expect(error).toBeInstanceOf(ChainAnswerError);
      }
    };
    fc.assert(
      fc.property(mutated(header), mutated(logs), (block, list) => {
        refusedByName(() =>
          expect(readHeader(block, "head")).toMatchObject({
            number: expect.any(Number),
            hash: expect.stringMatching(/^0x[0-9a-f]{64}$/),
            baseFeePerGas: expect.any(BigInt),
          }),
        );
        refusedByName(() => {
          for (const { block: at, sqrtPriceX96 } of readSwapLogs(list, { pools: [pool.address], ...span })) {
            expect(at).toBeLessThanOrEqual(head.number);
            expect(sqrtPriceX96).toBeGreaterThan(0n);
          }
        });
        for (const [method, answer] of [
          ["eth_getBlockByNumber", block],
          ["eth_getLogs", list],
          ["eth_call", block],
          ["eth_getTransactionReceipt", block],
          ["eth_getBalance", block],
        ] as const) {
          const fault = faultOf(method, [number], answer);
          expect(fault === null || fault.startsWith(method)).toBe(true);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it("never end the process, and leave the truth for when the node is honest again", async () => {
    let outcomes = { refused: 0, taken: 0 };
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom("eth_getLogs", "eth_call", "eth_getBlockByNumber", "all"),
        fc.nat(),
        junk,
        async (target, place, by) => {
          mischief = async ({ method }, forward): Promise<Reply | null> => {
            if (method !== target && target !== "all") return null;
            const { result } = await forward();
            const places = placesOf(result);
            return { result: replaced(result, places[place % places.length] ?? [], by) };
          };
          try {
            await (await storeOf(proxy.url)).at(head);
            await getBlock(clientOf(proxy.url), "latest");
            outcomes = { ...outcomes, taken: outcomes.taken + 1 };
          } catch (error) {
            expect(isNamed(error), String(error)).toBe(true);
            outcomes = { ...outcomes, refused: outcomes.refused + 1 };
          }
        },
      ),
      { numRuns: 60 },
    );
    expect(outcomes.refused).toBeGreaterThan(20);
    mischief = () => null;
    expect(await (await storeOf(proxy.url)).at(head)).toEqual(truth);
  });

  it("reads several pools' logs in one answer", async () => {
    const found = await getSwapLogs(clientOf(proxy.url), {
      pools: [pool.address, market.deployment.actor],
      fromBlock: 0,
      toBlock: head.number,
    });
    expect(found).toHaveLength(2 * BLOCKS);
    expect(proxy.calls.filter(({ method }) => method === "eth_getLogs").at(-1)?.params).toMatchObject([
      { address: [pool.address, market.deployment.actor] },
    ]);
  });
});
