import type { Mischief } from "../../support/rpcProxy.ts";
import type { World } from "../world.ts";
import { faultKinds } from "./kind.ts";
import { quantity, rpcFaults } from "./rpc.ts";

/** Breaks the worker's WebSocket again and again; resolves to what ends that. */
function cutting(world: World, everyMilliseconds: number): () => void {
  const timer = setInterval(() => world.lane.proxy.cutWebSockets(), everyMilliseconds);
  return () => clearInterval(timer);
}

const FORK_TAIL = "f0f0f0f0";

/**
 * The first node is one block behind, on a fork: it knows the newest blocks by other hashes, which hang together as a
 * chain does, and by their own not at all. Resolves to what ends that.
 */
function forked(world: World, depth: number): () => void {
  const fork = Math.max(world.blocks[0]?.number ?? 0, (world.blocks.at(-1)?.number ?? 0) + 1 - depth);
  const exchange = <T>(value: T, pairs: readonly (readonly [string, string])[]): T =>
    JSON.parse(pairs.reduce((text, [from, to]) => text.replaceAll(from, to), JSON.stringify(value)));
  const mischief: Mischief = async ({ method, params }, forward) => {
    const head = (world.blocks.at(-1)?.number ?? 0) - 1;
    if (method === "eth_sendRawTransaction") return null;
    if (method === "eth_blockNumber") return { result: quantity(head) };
    const real = world.blocks.filter(({ number }) => number >= fork).map(({ hash }) => hash);
    const asked = JSON.stringify(params);
    if (real.some((hash) => asked.includes(hash))) return { error: { code: -32_000, message: "header not found" } };
    const pairs = real.map((hash) => [hash, `${hash.slice(0, -FORK_TAIL.length)}${FORK_TAIL}`] as const);
    const back = pairs.map(([hash, other]) => [other, hash] as const);
    const reply = await forward(exchange(params, [...back, ['"latest"', `"${quantity(head)}"`]]));
    const { number, blockNumber = number } = (reply.result ?? {}) as { number?: string; blockNumber?: string };
    return Number(blockNumber ?? 0) > head ? { result: null } : exchange(reply, pairs);
  };
  world.mischiefs.add(mischief);
  return () => world.mischiefs.delete(mischief);
}

/** A worker with two nodes: the first is disturbed, the second answers as it should. */
export const nodeFaults = faultKinds({
  "web-socket-cut": {
    title: "the WebSocket that announces heads breaks again and again",
    draw: (draw) => ({ everyMilliseconds: draw.pick([20, 150, 700]) }),
    slots: [1, 3],
    before: true,
    webSocket: true,
    begin: async (world, { everyMilliseconds }) => cutting(world, Number(everyMilliseconds)),
  },
  "first-node-silent": {
    title: "of two nodes the first does not answer any more",
    slots: [1, 3],
    before: true,
    secondNode: true,
    begin: (world) => rpcFaults["rpc-timeout"].begin(world, { share: 1, salt: 1 }),
  },
  "first-node-broken": {
    title: "of two nodes the first answers 500, garbage or errors",
    draw: (draw) => ({ share: draw.pick([0.3, 1]), how: draw.pick(["500", "garbage", "error", "rate-limit"]) }),
    slots: [1, 3],
    before: true,
    secondNode: true,
    begin: (world, values) => rpcFaults["rpc-error"].begin(world, values),
  },
  "first-node-behind": {
    title: "of two nodes the first falls behind",
    draw: (draw) => ({ blocks: draw.integer(1, 8) }),
    slots: [1, 3],
    before: true,
    suspends: true,
    secondNode: true,
    begin: (world, values) => rpcFaults["rpc-head-behind"].begin(world, values),
  },
  "first-node-forked": {
    title: "of two nodes the first is on a fork of its own",
    draw: (draw) => ({ depth: draw.integer(2, 9), slot: draw.integer(1, 3) }),
    slots: [2, 3],
    before: true,
    secondNode: true,
    begin: async (world, { depth }) => forked(world, Number(depth)),
  },
});
