import type { Mischief } from "../../support/rpcProxy.ts";
import type { World } from "../world.ts";
import { faultKinds } from "./kind.ts";

const during = (world: World, mischief: Mischief) => {
  world.mischiefs.add(mischief);
  return () => world.mischiefs.delete(mischief);
};
export const quantity = (value: number) => `0x${Math.max(0, value).toString(16)}`;
const isHead = (method: string, params: readonly unknown[]) =>
  method === "eth_getBlockByNumber" && params[0] === "latest";

export const rpcFaults = faultKinds({
  "rpc-timeout": {
    title: "the node does not answer",
    draw: (draw) => ({ share: draw.pick([0.2, 0.6, 1]), salt: draw.integer(1, 9) }),
    slots: [1, 2],
    before: true,
    suspends: true,
    begin: async (world, { share, salt }) =>
      during(world, ({ id }) => (((id * 7 + Number(salt)) % 10) / 10 < Number(share) ? "hang" : null)),
  },
  "rpc-error": {
    title: "the node answers 500, garbage or an error",
    draw: (draw) => ({ share: draw.pick([0.3, 1]), how: draw.pick(["500", "garbage", "error", "null", "rate-limit"]) }),
    slots: [1, 3],
    before: true,
    suspends: true,
    begin: async (world, { share, how }) =>
      during(world, ({ id }) => {
        if (((id * 7) % 10) / 10 >= Number(share)) return null;
        if (how === "500") return 500;
        if (how === "rate-limit") return 429;
        if (how === "garbage") return "<html>busy</html>";
        if (how === "null") return { result: null };
        return { error: { code: -32_000, message: "internal error" } };
      }),
  },
  "rpc-head-behind": {
    title: "the node lies about the head: an older one",
    draw: (draw) => ({ blocks: draw.integer(1, 4) }),
    slots: [1, 3],
    before: true,
    suspends: true,
    begin: async (world, { blocks }) =>
      during(world, async ({ method, params }) => {
        const [first, head] = [world.blocks[0], world.blocks.at(-1)];
        if (!first || !head) return null;
        // States from before the scenario are not there to be read.
        const older = quantity(Math.max(first.number - 1, head.number - Number(blocks)));
        if (method === "eth_blockNumber") return { result: older };
        if (!isHead(method, params)) return null;
        return { result: await world.lane.market.rpc.call("eth_getBlockByNumber", [older, false]) };
      }),
  },
  "rpc-head-ahead": {
    title: "the node lies about the head: a newer one that does not exist",
    draw: (draw) => ({ blocks: draw.integer(1, 4), digit: draw.integer(1, 9) }),
    slots: [1, 2],
    before: true,
    suspends: true,
    begin: async (world, { blocks, digit }) =>
      during(world, async ({ method, params }, forward) => {
        if (!isHead(method, params)) return null;
        const { result } = (await forward()) as { result: Record<string, string> };
        const number = Number(result.number) + Number(blocks);
        const hash = `0x${String(digit).repeat(64)}`;
        const timestamp = quantity(Number(result.timestamp) + 12 * Number(blocks));
        return { result: { ...result, number: quantity(number), hash, parentHash: hash, timestamp } };
      }),
  },
  "rpc-head-forged": {
    title: "the node lies about the head: its number with another hash",
    draw: (draw) => ({ digit: draw.integer(1, 9) }),
    slots: [1, 2],
    before: true,
    suspends: true,
    begin: async (world, { digit }) =>
      during(world, async ({ method, params }, forward) => {
        if (!isHead(method, params)) return null;
        const { result } = (await forward()) as { result: Record<string, string> };
        return { result: { ...result, hash: `0x${String(digit).repeat(64)}` } };
      }),
  },
  "rpc-wrong-chain-data": {
    title: "the node answers calls with bytes that mean nothing",
    draw: (draw) => ({ result: draw.pick(["0x", "0xzz", "0x01", 7, "[]"]) }),
    slots: [1, 2],
    before: true,
    suspends: true,
    begin: async (world, { result }) =>
      during(world, ({ method }) => (["eth_call", "eth_getLogs"].includes(method) ? { result } : null)),
  },
});
