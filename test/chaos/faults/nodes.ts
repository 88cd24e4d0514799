import type { World } from "../world.ts";
import { faultKinds } from "./kind.ts";
import { rpcFaults } from "./rpc.ts";

/** Breaks the worker's WebSocket again and again; resolves to what ends that. */
function cutting(world: World, everyMilliseconds: number): () => void {
  const timer = setInterval(() => world.lane.proxy.cutWebSockets(), everyMilliseconds);
  return () => clearInterval(timer);
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
  "first-node-forges": {
    title: "of two nodes the first tells another hash of the head",
    draw: (draw) => ({ digit: draw.integer(1, 9) }),
    slots: [1, 2],
    before: true,
    suspends: true,
    secondNode: true,
    begin: (world, values) => rpcFaults["rpc-head-forged"].begin(world, values),
  },
});
