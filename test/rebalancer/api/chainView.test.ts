import { type AbiParameter, createPublicClient, custom, encodeFunctionResult, pad, toHex, zeroHash } from "viem";
import { afterAll, expect, it } from "vitest";
import type { Address } from "../../../ml/types.ts";
import { type ChainView, NEWEST_WITHIN_MILLISECONDS, watchChain } from "../../../rebalancer/api/chainView.ts";
import type { VaultConfig } from "../../../rebalancer/config.ts";
import { createLogger } from "../../../rebalancer/log/log.ts";
import { vaultLensAbi } from "../../../sdk/abi/vaultLens.ts";
import { until } from "../../support/until.ts";

const address = (digit: number): Address => `0x${String(digit).repeat(40)}`;
const LENS = address(7);
const vault = (digit: number) =>
  ({ vault: address(digit), pool: address(8), lens: LENS, strategy: address(9) }) as unknown as VaultConfig;
const [OFTEN, SELDOM, NEVER] = [vault(1), vault(2), vault(3)];
const MINUTE = 60_000;

const zeroOf = (parameter: AbiParameter): unknown => {
  if (parameter.type.endsWith("[]")) return [];
  if ("components" in parameter)
    return Object.fromEntries(parameter.components.map((part) => [part.name, zeroOf(part)]));
  if (parameter.type === "bool") return false;
  if (parameter.type.startsWith("uint") || parameter.type.startsWith("int"))
    return Number(/\d+/.exec(parameter.type)?.[0]) > 48 ? 0n : 0;
  return pad("0x", { size: parameter.type === "address" ? 20 : 32 });
};
const [STATUS] = vaultLensAbi.flatMap((item) => (item.type === "function" && item.name === "status" ? [item] : []));
const EMPTY_VAULT = encodeFunctionResult({
  abi: vaultLensAbi,
  functionName: "status",
  result: zeroOf(STATUS?.outputs[0] as AbiParameter) as never,
});

/** A node whose lens answers only when it is let. */
const node = { block: 1, answers: true, waiting: [] as (() => void)[], reads: 0 };
const answer = (): void => {
  node.answers = true;
  for (const resolve of node.waiting.splice(0)) resolve();
};
const client = createPublicClient({
  transport: custom(
    {
      async request({ method, params }: { method: string; params: readonly [{ to?: string }] }) {
        const number = toHex(node.block);
        if (method === "eth_getBlockByNumber")
          return { number, hash: pad(number), parentHash: zeroHash, timestamp: "0x1", baseFeePerGas: "0x1" };
        if (method === "eth_getCode") return "0x01";
        if (params[0].to !== LENS) return pad("0x12");
        node.reads += 1;
        if (!node.answers) await new Promise<void>((resolve) => node.waiting.push(resolve));
        return EMPTY_VAULT;
      },
    },
    { retryCount: 0 },
  ),
});

let now = 10 * MINUTE;
const chain: ChainView = watchChain({
  client,
  chainId: 1,
  pollMilliseconds: 5,
  patienceMilliseconds: 2_000,
  logger: createLogger({ level: "silent" }),
  now: () => now,
});
afterAll(() => {
  answer();
  chain.stop();
});

const mine = async (): Promise<void> => {
  node.block += 1;
  await until(() => chain.head()?.block.number === node.block || null);
};
/** The block of what is given at once; null when whoever asks waits for the node. */
const givenAtOnce = (of: VaultConfig): Promise<number | null> =>
  Promise.race([
    chain.vault(of).then(({ block }) => block.number),
    new Promise<null>((resolve) => setImmediate(() => resolve(null))),
  ]);

it("lets nobody who asks often wait for a node that is behind, and nobody else be told of old blocks", async () => {
  await until(() => chain.head());
  expect((await chain.vault(OFTEN)).block.number).toBe(1);
  expect((await chain.vault(SELDOM)).block.number).toBe(1);
  expect(await givenAtOnce(OFTEN)).toBe(1);

  node.answers = false;
  await mine();
  expect([await givenAtOnce(OFTEN), chain.isCurrent(OFTEN)]).toEqual([1, true]);
  now += NEWEST_WITHIN_MILLISECONDS;
  expect([await givenAtOnce(OFTEN), chain.isCurrent(OFTEN)]).toEqual([1, false]);
  await mine();
  now += MINUTE - 1;
  expect(await givenAtOnce(OFTEN)).toBe(1);
  // Once a minute has passed without a question, an old block is no answer.
  expect(await givenAtOnce(SELDOM)).toBe(null);

  const reads = node.reads;
  answer();
  await until(() => (chain.isCurrent(OFTEN) && chain.isCurrent(SELDOM)) || null);
  expect([await givenAtOnce(OFTEN), await givenAtOnce(SELDOM)]).toEqual([3, 3]);
  // However many asked, each was read once at each block.
  expect(node.reads - reads).toBeLessThanOrEqual(2);
});

it("lets whoever asks first wait in vain, and those after him know at once", async () => {
  node.answers = false;
  const outcomeOf = (asked: Promise<unknown>) =>
    asked.then(
      () => "read",
      (error: Error) => error.message,
    );
  const refused = "chain: (not shown); rule: the node must answer for this vault";
  const first = outcomeOf(chain.vault(NEVER));
  expect(await Promise.race([first, new Promise((resolve) => setImmediate(() => resolve("waits")))])).toBe("waits");
  expect(await first).toBe(refused);
  const second = outcomeOf(chain.vault(NEVER));
  expect(await Promise.race([second, new Promise((resolve) => setImmediate(() => resolve("waits")))])).toBe(refused);
  answer();
  await until(() => chain.known(NEVER));
  expect(await givenAtOnce(NEVER)).toBe(3);
});
