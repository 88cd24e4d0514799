import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createChainClient } from "../../rebalancer/chain.ts";
import { type AnvilHandle, startAnvil } from "../../rebalancer/cli/demo/anvil.ts";
import { createRpc, type Rpc } from "../../rebalancer/cli/demo/rpc.ts";
import { gasOfCall } from "../../rebalancer/sending/gas.ts";
import { type Mischief, startRpcProxy } from "../support/rpcProxy.ts";

const to = "0x00000000000000000000000000000000000c0de1";
/** One sets its first slot to zero, which is refunded; the other reverts. */
const CLEARS = "0x5f5f5500";
const REVERTS = "0x5f5ffd";

let anvil: AnvilHandle;
let rpc: Rpc;
beforeAll(async () => {
  anvil = await startAnvil({ timestamp: 1_700_000_000 });
  rpc = createRpc(anvil.url);
});
afterAll(async () => {
  rpc?.close();
  await anvil?.stop();
});

/** Asks for the gas of a call to `code` so often; what was answered, and which methods were asked. */
async function ask(code: string, mischief: Mischief, times = 1) {
  await rpc.call("anvil_setCode", [to, code]);
  await rpc.call("anvil_setStorageAt", [to, `0x${"0".repeat(64)}`, `0x${"0".repeat(63)}1`]);
  const proxy = await startRpcProxy(anvil.url, mischief);
  try {
    const client = createChainClient(proxy.url);
    const answers: (bigint | Error)[] = [];
    for (let time = 0; time < times; time++)
      answers.push(await gasOfCall(client, { to, data: "0x" }).catch((error: Error) => error));
    return { answers, methods: proxy.calls.map(({ method }) => method).filter((method) => method !== "eth_chainId") };
  } finally {
    await proxy.stop();
  }
}

describe("gasOfCall", () => {
  it("runs the call once, and what refunds gave back is not missing", async () => {
    const { answers, methods } = await ask(CLEARS, () => null);
    expect(methods).toEqual(["eth_simulateV1"]);
    const least = BigInt(await rpc.call<string>("eth_estimateGas", [{ to, data: "0x" }, "latest"]));
    const [gas] = answers as [bigint];
    expect(gas).toBeGreaterThanOrEqual(least);
    expect(gas).toBeLessThan(2n * least);
  });

  it("leaves it to the estimate why a call reverts", async () => {
    const { answers, methods } = await ask(REVERTS, () => null);
    expect(methods).toEqual(["eth_simulateV1", "eth_estimateGas"]);
    expect(String(answers[0])).toMatch(/revert/);
  });

  it("asks a node that does not simulate blocks only once whether it does", async () => {
    const unknown: Mischief = ({ method }) =>
      method === "eth_simulateV1" ? { error: { code: -32601, message: "the method does not exist" } } : null;
    const { answers, methods } = await ask(CLEARS, unknown, 2);
    expect(methods).toEqual(["eth_simulateV1", "eth_estimateGas", "eth_estimateGas"]);
    expect(answers[0]).toBe(BigInt(await rpc.call<string>("eth_estimateGas", [{ to, data: "0x" }, "latest"])));
  });

  it("is left to the estimate where the simulation answers nonsense", async () => {
    const nonsense: Mischief = ({ method }) => (method === "eth_simulateV1" ? { result: [{ calls: [] }] } : null);
    const { methods } = await ask(CLEARS, nonsense);
    expect(methods).toEqual(["eth_simulateV1", "eth_estimateGas"]);
  });
});
