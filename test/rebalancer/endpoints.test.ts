import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createEndpoints, type Endpoints, type EndpointsParameters } from "../../rebalancer/chain/endpoints.ts";
import { commonHeight, judge } from "../../rebalancer/chain/judge.ts";
import { openChain } from "../../rebalancer/chain/open.ts";
import { type AnvilHandle, startAnvil } from "../../rebalancer/cli/demo/anvil.ts";
import { createRpc, type Rpc } from "../../rebalancer/cli/demo/rpc.ts";
import { type Mischief, type RpcProxy, startRpcProxy } from "../support/rpcProxy.ts";
import { until } from "../support/until.ts";

const TIMESTAMP = 1_700_000_000;

let [anvil, fork]: AnvilHandle[] = [];
let [rpc, forkRpc]: Rpc[] = [];
const closers: (() => unknown)[] = [];

beforeAll(async () => {
  [anvil, fork] = await Promise.all([
    startAnvil({ timestamp: TIMESTAMP, automine: false }),
    startAnvil({ timestamp: TIMESTAMP, automine: false }),
  ]);
  [rpc, forkRpc] = [createRpc(anvil.url), createRpc(fork.url)];
  // The same genesis, and from then on two chains.
  for (let block = 1; block <= 8; block++) {
    await rpc.batch([
      { method: "evm_setNextBlockTimestamp", params: [TIMESTAMP + 12 * block] },
      { method: "evm_mine", params: [] },
    ]);
    await forkRpc.batch([
      { method: "evm_setNextBlockTimestamp", params: [TIMESTAMP + 13 * block] },
      { method: "evm_mine", params: [] },
    ]);
  }
});
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});
afterAll(async () => {
  rpc?.close();
  forkRpc?.close();
  await Promise.all([anvil?.stop(), fork?.stop()]);
});

const honest: Mischief = () => null;

async function proxy(mischief: Mischief = honest, target = anvil?.url ?? ""): Promise<RpcProxy> {
  const started = await startRpcProxy(target, mischief);
  closers.push(() => started.stop());
  return started;
}

function endpointsOf(urls: readonly string[], parameters: Partial<EndpointsParameters> = {}): Endpoints {
  const endpoints = createEndpoints({ urls, chainId: 31_337, timeoutMilliseconds: 400, ...parameters });
  closers.push(() => endpoints.close());
  return endpoints;
}

const latest = (endpoints: Endpoints) =>
  endpoints.request("eth_getBlockByNumber", ["latest", false]) as Promise<{ number: string; hash: string }>;
const methods = ({ calls }: RpcProxy) => calls.map(({ method }) => method);
/** A header of the chain, asked of the node itself. */
const header = (number: number) =>
  rpc?.call<Record<string, string>>("eth_getBlockByNumber", [`0x${number.toString(16)}`, false]);

describe("several nodes", () => {
  const troubles: Record<string, Mischief> = {
    "does not answer in time": () => "hang",
    "is down behind its gateway (502)": () => 502,
    "is asked too often (429)": () => 429,
    "asks for a key (401)": () => 401,
    "answers a page instead of JSON": () => "<html><body>Bad gateway</body></html>",
    "answers JSON that is no JSON-RPC": () => '["pong"]',
    "answers nothing": () => "",
    "has an internal error": () => ({ error: { code: -32_603, message: "Internal error" } }),
    "has an internal error under a code of its own": () => ({ error: { code: -32_000, message: "internal error" } }),
    "limits the rate in words": () => ({ error: { code: -32_005, message: "daily request count exceeded" } }),
    "answers digits that are none": () => ({ result: { number: "0xzz", hash: "0x1", parentHash: null } }),
    "answers an error that is none": () => ({ error: "no" as never }),
  };
  for (const [trouble, mischief] of Object.entries(troubles)) {
    it(`asks the next node when the first ${trouble}`, async () => {
      let broken = true;
      const first = await proxy((call, forward) =>
        broken && call.method === "eth_getBlockByNumber" ? mischief(call, forward) : null,
      );
      const second = await proxy();
      const endpoints = endpointsOf([first.url, second.url], { compareMilliseconds: 100 });
      expect(Number((await latest(endpoints)).number)).toBe(8);
      const [one, two] = endpoints.health();
      expect(one).toMatchObject({ state: "resting", inUse: false });
      expect(one?.failuresTotal).toBeGreaterThan(0);
      expect(one?.lastFailure).toBeTruthy();
      expect(two).toMatchObject({ state: "ok", inUse: true, failures: 0 });
      broken = false;
      await until(async () => {
        await latest(endpoints);
        return endpoints.health()[0]?.inUse ? true : null;
      });
      expect(endpoints.health()[0]).toMatchObject({ state: "ok", failures: 0 });
    });
  }

  it("asks the next node when the first has gone away", async () => {
    const gone = await startRpcProxy(anvil?.url ?? "", honest);
    await gone.stop();
    const endpoints = endpointsOf([gone.url, anvil?.url ?? ""]);
    expect(Number((await latest(endpoints)).number)).toBe(8);
    expect(endpoints.health()[0]?.lastFailure).toContain("cannot be reached (ECONNREFUSED)");
  });

  it("takes a revert and a refused transaction as the answer, whoever else there is", async () => {
    const errors = [
      { code: 3, message: "execution reverted", data: "0x08c379a0" },
      { code: -32_000, message: "nonce too low" },
      { code: -32_603, message: "execution reverted: NotCalm", data: "0x12345678" },
    ];
    const first = await proxy(({ method, nth }) => (method === "eth_call" ? { error: errors[nth] as never } : null));
    const second = await proxy();
    const endpoints = endpointsOf([first.url, second.url]);
    for (const { message } of errors) {
      await expect(endpoints.request("eth_call", [{ to: `0x${"1".repeat(40)}` }, "latest"])).rejects.toMatchObject({
        details: message,
      });
    }
    expect(methods(second)).not.toContain("eth_call");
    expect(endpoints.health()[0]).toMatchObject({ state: "ok", failuresTotal: 0 });
  });

  it("asks elsewhere for a block that a node does not have, and holds nothing against it", async () => {
    const first = await proxy(({ method, params }) => {
      if (method === "eth_getBlockByNumber" && params[0] === "0x8") return { result: null };
      return method === "eth_call" ? { error: { code: -32_000, message: "header not found" } } : null;
    });
    const endpoints = endpointsOf([first.url, anvil?.url ?? ""]);
    expect(await endpoints.request("eth_getBlockByNumber", ["0x8", false])).toMatchObject({ number: "0x8" });
    expect(await endpoints.request("eth_call", [{ to: `0x${"0".repeat(39)}4`, data: "0x12" }, "0x8"])).toBe("0x12");
    expect(await endpoints.request("eth_getBlockByNumber", ["0xff", false])).toBeNull();
    expect(endpoints.health()[0]).toMatchObject({ failuresTotal: 0 });
  });

  it("says what each one did when none answers, and answers again at once when one does", async () => {
    let broken = true;
    const nodes = [
      await proxy(() => (broken ? 503 : null)),
      await proxy(({ method }) => (broken && method !== "eth_chainId" ? "<html>" : null)),
    ];
    const endpoints = endpointsOf(nodes.map(({ url }) => url));
    await expect(latest(endpoints)).rejects.toThrow(
      /no node answers \(.*HTTP status 503; .*answers what is no JSON: "<html>"/,
    );
    broken = false;
    expect(Number((await latest(endpoints)).number)).toBe(8);
  });

  it("never uses a node of another chain, and names it at the start", async () => {
    const other = await proxy(({ method }) => (method === "eth_chainId" ? { result: "0x1" } : null));
    const endpoints = endpointsOf([other.url, anvil?.url ?? ""]);
    await latest(endpoints);
    await endpoints.compare();
    expect(new Set(methods(other))).toEqual(new Set(["eth_chainId"]));
    expect(endpoints.health()[0]).toMatchObject({ state: "wrong-chain", chainId: 1 });
    const config = { chainId: 31_337, rpcUrl: anvil?.url ?? "", rpc: { fallbackUrls: [other.url] } };
    await expect(openChain(config)).rejects.toThrow(
      `config chainId: 31337; rule: must be the chain id of the node at ${other.url} (rpc.fallbackUrls), which is 1`,
    );
    const alone = endpointsOf([other.url]);
    await expect(latest(alone)).rejects.toThrow("every node is of another chain");
  });

  it("leaves alone a node that has fallen behind, until it has caught up", async () => {
    let behind = 4;
    const slow = await proxy(async ({ method, params }) =>
      method === "eth_getBlockByNumber" && params[0] === "latest" ? { result: await header(8 - behind) } : null,
    );
    const endpoints = endpointsOf([slow.url, anvil?.url ?? ""], { maxLagBlocks: 3 });
    await endpoints.compare();
    expect(endpoints.health()[0]).toMatchObject({ state: "lagging", lagBlocks: 4, head: 4 });
    expect(Number((await latest(endpoints)).number)).toBe(8);
    // within the limit, but not the one to hear of new blocks from
    behind = 2;
    await endpoints.compare();
    expect(endpoints.health()[0]).toMatchObject({ state: "ok", lagBlocks: 2 });
    expect(Number((await latest(endpoints)).number)).toBe(8);
    behind = 1;
    await endpoints.compare();
    expect(Number((await latest(endpoints)).number)).toBe(7);
  });

  it("believes the chain that most nodes are on", async () => {
    const second = await proxy();
    const endpoints = endpointsOf([fork?.url ?? "", anvil?.url ?? "", second.url]);
    await endpoints.compare();
    expect(endpoints.health().map(({ state }) => state)).toEqual(["forked", "ok", "ok"]);
    expect((await latest(endpoints)).hash).toBe((await header(8))?.hash);
  });

  it("does not believe a head that has no parent, however far ahead", async () => {
    const liar = await proxy(async ({ method, params }, forward) => {
      if (method !== "eth_getBlockByNumber" || params[0] !== "latest") return null;
      const { result } = await forward();
      return { result: { ...(result as object), number: "0x3e8", hash: `0x${"ab".repeat(32)}` } };
    });
    const endpoints = endpointsOf([liar.url, anvil?.url ?? ""]);
    await endpoints.compare();
    expect(endpoints.health().map(({ state }) => state)).toEqual(["resting", "ok"]);
    expect(endpoints.health()[0]?.lastFailure).toBe("its block 999 is not the parent of its head 1000");
    expect(endpoints.health()[1]).toMatchObject({ lagBlocks: 0 });
  });

  it("shows a key of an address nowhere", async () => {
    const { port } = new URL((await proxy(() => 500)).url);
    const url = `http://user:hunter2@127.0.0.1:${port}/v3/SECRETKEY?token=SECRETTOKEN`;
    const told: unknown[] = [];
    const endpoints = endpointsOf([url], { onChange: (health) => told.push(health) });
    const error = await latest(endpoints).catch((raised: Error) => raised);
    const config = { chainId: 31_337, rpcUrl: url };
    const refused = await openChain(config).catch((raised: Error) => raised);
    const said = [error, refused].map(
      (one) => `${(one as Error).message} ${(one as Error).stack} ${JSON.stringify(one)}`,
    );
    const everything = `${said.join()} ${JSON.stringify([told, endpoints.health()])}`;
    expect(everything).toContain(`http://127.0.0.1:${port}/...`);
    expect(everything).not.toMatch(/SECRET|hunter2/);
  });
});

describe("one request", () => {
  async function node(serve: (body: unknown) => string): Promise<string> {
    const server: Server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => response.end(serve(JSON.parse(Buffer.concat(chunks).toString("utf8")))));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    closers.push(() => {
      server.closeAllConnections();
      server.close();
    });
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }
  type Body = { id: number; method: string };
  const answerTo = ({ id }: Body) => ({ jsonrpc: "2.0", id, result: "0x1" });

  it("carries all calls of an instant, and answers in any order", async () => {
    const sizes: number[] = [];
    const url = await node((body) => {
      const calls = body as Body[];
      sizes.push(calls.length);
      return JSON.stringify(calls.map(({ id }) => ({ jsonrpc: "2.0", id, result: `0x${id.toString(16)}` })).reverse());
    });
    const endpoints = endpointsOf([url], { chainId: undefined as never });
    const asked = [1, 2, 3, 4].map(() => endpoints.request("eth_blockNumber", []));
    expect(await Promise.all(asked)).toEqual(["0x1", "0x2", "0x3", "0x4"]);
    expect(sizes).toEqual([4]);
  });

  it("is taken apart for a node that refuses several calls at once", async () => {
    const url = await node((body) =>
      JSON.stringify(
        Array.isArray(body)
          ? { jsonrpc: "2.0", id: null, error: { code: -32_600, message: "batch requests are not allowed" } }
          : answerTo(body as Body),
      ),
    );
    const endpoints = endpointsOf([url], { chainId: undefined as never });
    const asked = [1, 2, 3].map(() => endpoints.request("eth_blockNumber", []));
    expect(await Promise.all(asked)).toEqual(["0x1", "0x1", "0x1"]);
  });

  it("is not answered by more bytes than are read", async () => {
    const url = await node((body) => JSON.stringify({ ...answerTo(body as Body), result: `0x${"00".repeat(5_000)}` }));
    const endpoints = endpointsOf([url], { chainId: undefined as never, maxResponseBytes: 4_096 });
    await expect(endpoints.request("eth_call", [{}, "latest"])).rejects.toThrow("answers more than 4096 bytes");
  });

  it("is not answered by the answer to another one", async () => {
    const url = await node((body) => JSON.stringify({ ...answerTo(body as Body), id: 77 }));
    const endpoints = endpointsOf([url], { chainId: undefined as never });
    await expect(endpoints.request("eth_blockNumber", [])).rejects.toThrow("answers id 77, not what was asked");
  });
});

describe("judge", () => {
  const testimony = fc.record({
    head: fc.integer({ min: 90, max: 110 }),
    hashAtHeight: fc.constantFrom<`0x${string}` | null>("0xa", "0xb", "0xc", null),
  });
  const many = fc.array(testimony, { minLength: 1, maxLength: 7 });

  it("always leaves a node to ask, and never one that is too far behind", () => {
    fc.assert(
      fc.property(many, fc.integer({ min: 1, max: 10 }), (testimonies, maxLag) => {
        const verdicts = judge(testimonies, maxLag);
        const best = Math.max(...testimonies.map(({ head }) => head));
        expect(verdicts).toContain("ok");
        for (const [index, { head }] of testimonies.entries()) {
          expect(verdicts[index] === "lagging").toBe(best - head > maxLag);
        }
        const height = commonHeight(
          testimonies.map(({ head }) => head),
          maxLag,
        );
        expect(best - height).toBeLessThanOrEqual(maxLag);
      }),
    );
  });

  it("believes one chain only, the one with the most nodes behind it", () => {
    fc.assert(
      fc.property(many, (testimonies) => {
        const verdicts = judge(testimonies, 100);
        const believed = new Set(
          testimonies.flatMap(({ hashAtHeight }, i) => (verdicts[i] === "ok" && hashAtHeight ? [hashAtHeight] : [])),
        );
        expect(believed.size).toBeLessThanOrEqual(1);
        const votes = (hash: string) => testimonies.filter(({ hashAtHeight }) => hashAtHeight === hash).length;
        const [winner] = believed;
        for (const hash of ["0xa", "0xb", "0xc"]) if (winner) expect(votes(winner)).toBeGreaterThanOrEqual(votes(hash));
      }),
    );
  });
});
