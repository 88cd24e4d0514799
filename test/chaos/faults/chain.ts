import { faultKinds } from "./kind.ts";

export const chainFaults = faultKinds({
  "reorg-keeps": {
    title: "1 to 12 blocks are replaced; their transactions go back to the mempool",
    draw: (draw) => {
      const depth = draw.integer(1, 12);
      return { depth, slot: depth - draw.integer(0, 1) };
    },
    reorganises: true,
    async begin(world, { depth }) {
      await world.reorganise(Number(depth), { backToMempool: true });
    },
  },
  "reorg-loses": {
    title: "1 to 12 blocks are replaced; their transactions are gone",
    draw: (draw) => {
      const depth = draw.integer(1, 12);
      return { depth, slot: depth - draw.integer(0, 1) };
    },
    reorganises: true,
    async begin(world, { depth }) {
      await world.reorganise(Number(depth), { backToMempool: false });
    },
  },
  "mempool-emptied": {
    title: "the node forgets its mempool",
    async begin({ lane }) {
      await lane.market.rpc.call("anvil_dropAllTransactions");
    },
  },
});
