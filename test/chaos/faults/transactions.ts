import { keccak256 } from "viem";
import type { Mischief, Reply } from "../../support/rpcProxy.ts";
import type { World } from "../world.ts";
import { faultKinds } from "./kind.ts";

type Raw = `0x${string}`;
const onSend = (world: World, answer: (raw: Raw, forward: () => Promise<Reply>) => ReturnType<Mischief>) => {
  const mischief: Mischief = ({ method, params }, forward) =>
    method === "eth_sendRawTransaction" ? answer(params[0] as Raw, forward) : null;
  world.mischiefs.add(mischief);
  return () => world.mischiefs.delete(mischief);
};
const known = { error: { code: -32_000, message: "already known" } };

export const transactionFaults = faultKinds({
  "transaction-dropped": {
    title: "the node takes the transaction and loses it",
    slots: [1, 2],
    before: true,
    begin: async (world) => onSend(world, (raw) => ({ result: keccak256(raw) })),
  },
  "transaction-dropped-as-known": {
    title: "the node says `already known` of what it never kept",
    slots: [1, 2],
    before: true,
    begin: async (world) => onSend(world, () => known),
  },
  "transaction-duplicated": {
    title: "the node is given the transaction twice",
    slots: [1, 3],
    before: true,
    begin: async (world) =>
      onSend(world, async (_raw, forward) => {
        await forward();
        return forward();
      }),
  },
  "transaction-known": {
    title: "the node keeps the transaction and answers `already known`",
    slots: [1, 3],
    before: true,
    begin: async (world) =>
      onSend(world, async (_raw, forward) => {
        await forward();
        return known;
      }),
  },
  "transaction-error-after-accept": {
    title: "the node keeps the transaction and answers with an error or not at all",
    draw: (draw) => ({ how: draw.pick(["error", "500", "hang", "garbage"]) }),
    slots: [1, 2],
    before: true,
    suspends: true,
    begin: async (world, { how }) =>
      onSend(world, async (_raw, forward) => {
        await forward();
        if (how === "500") return 500;
        if (how === "hang") return "hang";
        if (how === "garbage") return "<html>oops</html>";
        return { error: { code: -32_603, message: "internal error" } };
      }),
  },
  "transaction-refused": {
    title: "the node refuses the transaction for a while",
    draw: (draw) => ({
      message: draw.pick(["txpool is full", "nonce too low", "replacement transaction underpriced"]),
    }),
    slots: [1, 2],
    before: true,
    suspends: true,
    begin: async (world, { message }) => onSend(world, () => ({ error: { code: -32_000, message: String(message) } })),
  },
  "mempool-holds": {
    title: "the mempool holds the transaction for an hour (base fee above it)",
    draw: (draw) => ({ slot: draw.integer(0, 1) }),
    slots: [2, 3],
    hour: true,
    before: true,
    async begin(world) {
      world.baseFee = "0xba43b7400";
      return () => {
        world.baseFee = "0x0";
      };
    },
  },
  "mempool-hides": {
    title: "the transaction is kept out of sight for an hour, then appears",
    slots: [2, 3],
    hour: true,
    before: true,
    async begin(world) {
      const hidden = new Set<Raw>();
      const lift = onSend(world, (raw) => {
        hidden.add(raw);
        return { result: keccak256(raw) };
      });
      return async () => {
        lift();
        // What can no longer be mined is refused here, as everywhere.
        for (const raw of hidden) await world.lane.market.rpc.call("eth_sendRawTransaction", [raw]).catch(() => {});
      };
    },
  },
});
