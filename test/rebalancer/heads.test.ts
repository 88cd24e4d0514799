import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Heads, type ListenForHeadsParameters, listenForHeads } from "../../rebalancer/chain/heads.ts";
import type { BlockStamp } from "../../rebalancer/chain.ts";
import { type AnvilHandle, startAnvil } from "../../rebalancer/cli/demo/anvil.ts";
import { createRpc, type Rpc } from "../../rebalancer/cli/demo/rpc.ts";
import { type RpcProxy, startRpcProxy } from "../support/rpcProxy.ts";
import { until } from "../support/until.ts";

let anvil: AnvilHandle;
let rpc: Rpc;
let proxy: RpcProxy;
const closers: (() => unknown)[] = [];

beforeAll(async () => {
  anvil = await startAnvil({ timestamp: 1_700_000_000, automine: false });
  rpc = createRpc(anvil.url);
  proxy = await startRpcProxy(anvil.url, () => null);
});
afterEach(() => {
  for (const close of closers.splice(0)) close();
});
afterAll(async () => {
  rpc?.close();
  await proxy?.stop();
  await anvil?.stop();
});

function listen(parameters: Partial<ListenForHeadsParameters> = {}): {
  heads: Heads;
  heard: BlockStamp[];
  said: unknown[];
} {
  const heard: BlockStamp[] = [];
  const said: unknown[] = [];
  const heads = listenForHeads({
    url: proxy.webSocketUrl,
    chainId: 31_337,
    onHead: (head) => heard.push(head),
    onChange: (failure) => said.push(failure),
    ...parameters,
  });
  closers.push(() => heads.close());
  return { heads, heard, said };
}
const isOpen = (said: readonly unknown[]) =>
  until(() => (said.length > 0 && said.at(-1) === null ? true : null), 5_000);

describe("listenForHeads", () => {
  it("hears of each block with its whole header", async () => {
    const { heads, heard, said } = listen();
    await isOpen(said);
    for (let block = 1; block <= 3; block++) await rpc.call("evm_mine");
    await until(() => (heard.length === 3 ? true : null));
    const truth = await rpc.call<{ hash: string; parentHash: string }>("eth_getBlockByNumber", ["latest", false]);
    expect(heard.at(-1)).toMatchObject({ number: 3, hash: truth.hash, parentHash: truth.parentHash });
    expect(heads.health()).toMatchObject({ open: true, newest: 3, headers: 3, opened: 1, lastFailure: null });
  });

  it("opens the socket again by itself when it breaks", async () => {
    const { heads, heard, said } = listen();
    await isOpen(said);
    expect(proxy.cutWebSockets()).toBe(1);
    await until(() => (heads.health().lastFailure === null ? null : true));
    await isOpen(said);
    await rpc.call("evm_mine");
    await until(() => (heard.length > 0 ? true : null));
    expect(heads.health()).toMatchObject({ open: true, opened: 2 });
  });

  it("opens a socket anew that stays silent while polling goes on", async () => {
    const { heads, said } = listen();
    await isOpen(said);
    for (const block of [101, 102]) heads.reached(block);
    expect(heads.health()).toMatchObject({ open: true });
    heads.reached(103);
    expect(heads.health()).toMatchObject({ open: false, lastFailure: "silent for 3 blocks" });
    await until(() => (heads.health().opened === 2 ? true : null));
  });

  it("gives up a socket on which nobody answers any more", async () => {
    const dead = await startRpcProxy(anvil.url, () => null);
    closers.push(() => dead.stop());
    const { heads, said } = listen({ url: dead.webSocketUrl, checkMilliseconds: 20 });
    await isOpen(said);
    await dead.stop();
    await until(() => (heads.health().open ? null : true));
    expect(heads.health().lastFailure).not.toBeNull();
  });

  it("believes no node of another chain", async () => {
    const { heads, heard, said } = listen({ chainId: 1 });
    await until(() => (heads.health().lastFailure === null ? null : true));
    expect(said).toEqual(["chain 31337; rule: must be 1"]);
    await rpc.call("evm_mine");
    expect(heard).toEqual([]);
  });

  it("shows no key of its address when it cannot be opened", async () => {
    const { heads, said } = listen({ url: "ws://127.0.0.1:1/v3/SECRET" });
    await until(() => (said.length > 0 ? true : null));
    expect(JSON.stringify([said, heads.health()])).not.toContain("SECRET");
    expect(said).toEqual(["cannot be opened (ECONNREFUSED)"]);
  });
});
