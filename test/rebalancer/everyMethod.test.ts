import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { PublicClient } from "viem";
import { describe, expect, it } from "vitest";
import { faultOf } from "../../rebalancer/chain/answers.ts";
import { gasOfCall } from "../../rebalancer/sending/gas.ts";

const ROOT = join(import.meta.dirname, "../..");
/** The demo and the data fetcher ask nodes of their own, by readers of their own. */
const ELSEWHERE = /^(cli\/demo|data)\//;
const sources = ["rebalancer", "sdk"].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !ELSEWHERE.test(file))
    .map((file) => readFileSync(join(ROOT, folder, file), "utf8")),
);
const found = (pattern: RegExp) =>
  new Set(sources.flatMap((text) => [...text.matchAll(pattern)].map(([, name = ""]) => name)));

/** What viem's functions ask; null = nothing of its own. A function that is not here fails below. */
const ASKED_BY: Readonly<Record<string, string | null>> = {
  call: "eth_call",
  readContract: "eth_call",
  simulateContract: "eth_call",
  multicall: "eth_call",
  estimateGas: "eth_estimateGas",
  estimateContractGas: "eth_estimateGas",
  getBalance: "eth_getBalance",
  getChainId: "eth_chainId",
  getCode: "eth_getCode",
  getTransaction: "eth_getTransactionByHash",
  getTransactionCount: "eth_getTransactionCount",
  getTransactionReceipt: "eth_getTransactionReceipt",
  writeContract: "eth_sendRawTransaction",
  request: null,
};
/** What no answer comes to: it is sent over a WebSocket, whose messages heads.ts reads; or a wallet's business. */
const UNANSWERED = new Set(["eth_subscribe", "eth_subscription", "eth_sendTransaction"]);
/** Read where they are asked, and each has its own test. */
const READ_THERE = new Set(["eth_simulateV1"]);

const HASH = `0x${"ab".repeat(32)}`;
const ADDRESS = `0x${"12".repeat(20)}` as const;
const place = { blockNumber: "0x1", blockHash: HASH };
const header = { number: "0x1", hash: HASH, parentHash: HASH, timestamp: "0x5", baseFeePerGas: "0x7" };
/** Of every method, what is asked and a good answer: a method that is new has none here, and fails. */
const CASES: Readonly<Record<string, readonly [params: readonly unknown[], good: unknown]>> = {
  eth_blockNumber: [[], "0x1"],
  eth_call: [[{ to: ADDRESS }, "latest"], "0x"],
  eth_chainId: [[], "0x7a69"],
  eth_estimateGas: [[{ to: ADDRESS }], "0x5208"],
  eth_getBalance: [[ADDRESS, "latest"], "0x0"],
  eth_getBlockByHash: [[HASH, false], header],
  eth_getBlockByNumber: [["0x1", false], header],
  eth_getCode: [[ADDRESS, "latest"], "0x60"],
  eth_getLogs: [[{ address: ADDRESS }], []],
  eth_getStorageAt: [[ADDRESS, "0x0", "latest"], HASH],
  eth_getTransactionByHash: [[HASH], { hash: HASH, from: ADDRESS, nonce: "0x0", input: "0x", gas: "0x1", ...place }],
  eth_getTransactionCount: [[ADDRESS, "latest"], "0x0"],
  eth_getTransactionReceipt: [
    [HASH],
    { transactionHash: HASH, status: "0x1", gasUsed: "0x1", logs: [], ...place, effectiveGasPrice: "0x1" },
  ],
  eth_sendRawTransaction: [["0x02"], HASH],
};

const methods = [
  ...new Set([
    ...[...found(/"(eth_\w+)"/g)].filter((method) => !UNANSWERED.has(method) && !READ_THERE.has(method)),
    ...[...found(/\b(?:client|reader|keeper)\.([a-z]\w+)\(/g)].flatMap((name) => ASKED_BY[name] ?? []),
  ]),
].sort();

const deep = () => JSON.parse(`${"[".repeat(20_000)}${"]".repeat(20_000)}`) as unknown;
const WRONG: Readonly<Record<string, () => unknown>> = {
  "a number": () => 5,
  "a boolean": () => true,
  "no hex": () => "hello",
  "bad hex": () => "0xzz",
  "a fraction": () => "0x1.5",
  nothing: () => undefined,
  "another thing": () => ({ jsonrpc: "2.0" }),
  "a thing nested too deeply to be written": () => ({ deep: deep() }),
};

it("knows every function of the client that is called", () => {
  // Redis has a client too, in its folder.
  const ofRedis = new Set(["lrange", "hgetall", "del"]);
  const called = [...found(/\bclient\.([a-z]\w+)\(/g)].filter((name) => !ofRedis.has(name));
  expect(called.filter((name) => !(name in ASKED_BY))).toEqual([]);
  expect(methods.length).toBeGreaterThanOrEqual(10);
});

it("leaves to the estimate what eth_simulateV1 answers and is no success", async () => {
  const call = { to: ADDRESS, data: "0x" } as const;
  const gas = (answer: unknown) =>
    gasOfCall({ request: async () => answer, estimateGas: async () => 7n } as unknown as PublicClient, call);
  const success = { status: "0x1", gasUsed: "0x64" };
  expect(await gas([{ calls: [success] }])).toBe(125n);
  for (const [kind, wrong] of Object.entries(WRONG)) {
    for (const answer of [wrong(), [wrong()], [{ calls: wrong() }], [{ calls: [wrong()] }]])
      expect(await gas(answer), kind).toBe(7n);
    for (const field of Object.keys(success))
      expect(await gas([{ calls: [{ ...success, [field]: wrong() }] }]), `${field}: ${kind}`).toBe(7n);
  }
});

describe.each(methods)("an answer to %s", (method) => {
  it("is taken when it is good", () => {
    const [params, good] = CASES[method] ?? [[], undefined];
    expect(faultOf(method, params, good)).toBeNull();
  });

  it("is refused by name when it is of another kind", () => {
    const [params] = CASES[method] ?? [[]];
    for (const [kind, wrong] of Object.entries(WRONG))
      expect(faultOf(method, params, wrong()), kind).toMatch(new RegExp(`^${method} .*: [^]*; rule: `));
  });

  it("is refused by name with any of its fields wrong", () => {
    const [params, good] = CASES[method] ?? [[], undefined];
    if (typeof good !== "object" || good === null || Array.isArray(good)) return expect(good).toBeDefined();
    for (const field of Object.keys(good))
      for (const [kind, wrong] of Object.entries(WRONG))
        if (kind !== "nothing")
          expect(faultOf(method, params, { ...good, [field]: wrong() }), `${field}: ${kind}`).toMatch(/; rule: /);
  });
});
