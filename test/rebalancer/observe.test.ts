import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createFollower } from "../../rebalancer/chain/follow.ts";
import { createChainClient, getBlock } from "../../rebalancer/chain.ts";
import { createRpc, type Rpc } from "../../rebalancer/cli/demo/rpc.ts";
import { openJournal } from "../../rebalancer/journal.ts";
import { run } from "../../rebalancer/main.ts";
import { summarise } from "../../rebalancer/observe/settled.ts";
import { type LocalDeployment, startLocalDeployment } from "../support/deployment.ts";
import { settled } from "../support/lockstep.ts";
import { type Mischief, type RpcProxy, startRpcProxy } from "../support/rpcProxy.ts";

let local: LocalDeployment;
let rpc: Rpc;
let redis: Redis;
let snapshot: string;
let start: number;
let proxy: RpcProxy;
let mischief: Mischief = () => null;
beforeAll(async () => {
  local = await startLocalDeployment();
  rpc = createRpc(local.market.anvil.url);
  redis = new Redis(local.redis.url);
  proxy = await startRpcProxy(local.market.anvil.url, (call, forward) => mischief(call, forward));
  snapshot = await rpc.call("evm_snapshot");
  start = local.time;
}, 400_000);
beforeEach(async () => {
  mischief = () => null;
  await rpc.call("evm_revert", [snapshot]);
  snapshot = await rpc.call("evm_snapshot");
  local.rewind(start);
  // markers and queues of the chain that was put back
  await redis.flushall();
});
afterAll(async () => {
  rpc?.close();
  redis?.disconnect();
  await proxy?.stop();
  await local?.stop();
});

describe("createFollower", () => {
  const client = () => createChainClient(proxy.url);
  const latest = () => getBlock(client(), "latest");
  const mine = async (blocks: number, seconds = 12) => {
    for (let i = 0; i < blocks; i++) await local.tick(seconds);
    return latest();
  };
  /** Puts the chain back by some blocks and grows another one in their place. */
  async function reorganise(depth: number, regrow: number): Promise<void> {
    // a block with other contents: its time differs
    const { number, timestamp } = await latest();
    await rpc.call("anvil_rollback", [depth]);
    local.rewind(timestamp - 12 * depth);
    await mine(regrow, 13);
    expect((await latest()).number).toBe(number - depth + regrow);
  }

  it("goes on with the chain, block by block and over a gap", async () => {
    const follower = createFollower(client());
    const first = await latest();
    expect(await follower.consider(first)).toEqual({ kind: "on", head: first });
    expect(await follower.consider(first)).toEqual({ kind: "same" });
    for (const gap of [1, 2, 5]) {
      const head = await mine(gap);
      expect(await follower.consider(head)).toEqual({ kind: "on", head });
    }
    expect(follower.head).toEqual(await latest());
  });

  it("finds the fork of a reorganisation of any depth, shorter or longer than what it replaces", async () => {
    for (const depth of [1, 2, 5, 12]) {
      for (const regrow of [1, depth, depth + 3]) {
        const follower = createFollower(client());
        await mine(depth);
        await follower.consider(await latest());
        const before = await latest();
        await reorganise(depth, regrow);
        const head = await latest();
        expect(await follower.consider(head), `${depth} blocks by ${regrow}`).toEqual({
          kind: "reorganised",
          head,
          fork: before.number - depth,
        });
      }
    }
  });

  it("keeps what it has seen when a node goes back, also to before all that was seen", async () => {
    const old = await latest();
    const head = await mine(40);
    const follower = createFollower(client());
    await follower.consider(head);
    for (const number of [head.number - 1, head.number - 12, old.number]) {
      expect((await follower.consider(await getBlock(client(), number))).kind).toBe("back");
    }
    expect(follower.head).toEqual(head);
  });

  it("refuses a head that is not on the chain that its node tells, and believes the truth after", async () => {
    const follower = createFollower(client());
    await follower.consider(await latest());
    const honest = await mine(3);
    const lies = [
      { ...honest, number: honest.number + 100 },
      { ...honest, hash: `0x${"ab".repeat(32)}`, parentHash: `0x${"cd".repeat(32)}` },
      { ...honest, number: honest.number - 4, hash: `0x${"ab".repeat(32)}` },
      { ...honest, timestamp: 1 },
    ] as const;
    for (const lie of lies) await expect(follower.consider(lie)).rejects.toMatchObject({ name: "HeadRefusedError" });
    expect((await follower.consider(honest)).kind).toBe("on");
  });
});

describe("a worker on several nodes", () => {
  let stopWorker: (() => Promise<void>) | null = null;
  afterEach(() => stopWorker?.());

  function startWorker(changes: Record<string, unknown>) {
    const { config } = local.configure({ "worker.mode": "shadow", "evaluate.everySeconds": 60, ...changes });
    const stop = new AbortController();
    const running = run({ config, signal: stop.signal, env: local.env });
    stopWorker = async () => {
      stopWorker = null;
      stop.abort();
      await running;
    };
    return config;
  }
  const decisions = (path: string) => {
    const journal = openJournal(path, () => "reader");
    const found = journal.decisions().map(({ block }) => block);
    journal.close();
    return found;
  };

  const faults: Record<string, Mischief> = {
    hangs: () => "hang",
    "answers errors": () => 500,
    "lies about the head": async ({ method, params }, forward) => {
      if (method !== "eth_getBlockByNumber" || params[0] !== "latest") return null;
      return { result: { ...((await forward()).result as object), number: "0xffff", hash: `0x${"ab".repeat(32)}` } };
    },
    "answers logs of another pool": async ({ method }, forward) =>
      method === "eth_getLogs"
        ? { result: [{ ...((await forward()).result as object[])[0], address: `0x${"12".repeat(20)}` }] }
        : null,
  };
  for (const [fault, doing] of Object.entries(faults)) {
    it(`decides at every block while its first node ${fault}, and after`, async () => {
      const config = startWorker({
        rpcUrl: proxy.url,
        rpc: { fallbackUrls: [local.market.anvil.url], timeoutMilliseconds: 500 },
      });
      const blocks = [await local.tick(600)];
      await settled(local, blocks[0] ?? 0);
      mischief = doing;
      for (let i = 0; i < 2; i++) {
        blocks.push(await local.tick(60));
        expect((await settled(local, blocks.at(-1) ?? 0)).state, `block ${i}`).toBe("shadow");
      }
      mischief = () => null;
      blocks.push(await local.tick(60));
      await settled(local, blocks.at(-1) ?? 0);
      await stopWorker?.();
      expect(decisions(config.journal.path)).toEqual(blocks);
    });
  }

  it("is woken by the WebSocket long before its next poll, and polls when that breaks", async () => {
    const config = startWorker({
      rpc: { webSocketUrl: proxy.webSocketUrl },
      "worker.pollMilliseconds": 4_000,
    });
    const blocks = [await local.tick(600)];
    await settled(local, blocks[0] ?? 0);
    const began = performance.now();
    for (let i = 0; i < 5; i++) {
      blocks.push(await local.tick(60));
      await settled(local, blocks.at(-1) ?? 0);
    }
    // five polls would take twenty seconds
    expect(performance.now() - began).toBeLessThan(15_000);
    expect(proxy.cutWebSockets()).toBe(1);
    blocks.push(await local.tick(60));
    await settled(local, blocks.at(-1) ?? 0);
    await stopWorker?.();
    expect(decisions(config.journal.path)).toEqual(blocks);
  });
});

describe("summarise", () => {
  it("names the busiest of several states", () => {
    expect(summarise(["held", "sent", "shadow"])).toBe("sent");
    expect(summarise(new Set(["late", "absent"] as const))).toBe("late");
    expect(summarise([])).toBe("held");
  });
});
