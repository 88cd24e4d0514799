import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type Abi, decodeFunctionResult, encodeDeployData, encodeFunctionData, parseAbi } from "viem";
import { BaseError } from "../../ml/errors.ts";
import type { Address, Hex } from "../../ml/types.ts";
import { startAnvil } from "../../rebalancer/cli/demo/anvil.ts";
import { poolStorage, writeStorage } from "../../rebalancer/cli/demo/market/poolStorage.ts";
import { createRpc, type Rpc, toQuantity } from "../../rebalancer/cli/demo/rpc.ts";
import { foundryBinary } from "../../scripts/foundry.mjs";
import { type Chunk, driverOperation, packOperations } from "./chunk.ts";
import { ALONE, type Difference, ROOT } from "./forge.ts";

/** A transaction of the proof itself failed on the chain. */
export class ProofTransactionError extends BaseError {
  override name = "ProofTransactionError";
}

/** The first operation that differs, with the real pool's words after it. */
export interface AnvilDifference extends Difference {
  readonly real: RealWords;
}

/** Raw words as the driver reads them. */
export interface RealWords {
  /** What the call returned, after a byte for success; empty where only the end of a chunk differs. */
  readonly answer: Hex;
  readonly pool: Hex;
  readonly ticks: readonly { readonly tick: number; readonly words: Hex }[];
}

const driverAbi = parseAbi([
  "function open(address pool)",
  "function play(bytes operations, uint256 count, int24[] ticks)",
  "function answer(bytes operations) returns (bytes)",
  "function rollingHash() view returns (bytes32)",
  "struct Operation { uint8 kind; uint8 owner; bool zeroForOne; int24 lower; int24 upper; uint40 time; uint256 a; uint256 b; }",
  "function everything(int24[] ticks, Operation[] positions) view returns (bytes32)",
  "function poolWords() view returns (bytes)",
  "function tickWords(int24 tick) view returns (bytes)",
]);
const factoryAbi = parseAbi([
  "function createPool(address tokenA, address tokenB, uint24 fee)",
  "function enableFeeAmount(uint24 fee, int24 tickSpacing)",
  "function setOwner(address owner)",
  "function feeAmountTickSpacing(uint24 fee) view returns (int24)",
  "function getPool(address tokenA, address tokenB, uint24 fee) view returns (address)",
]);

const OPERATOR: Address = "0x000000000000000000000000000000000a11ce03";
/** Room for a swap through every word of the narrowest spacing, in a batch of hundreds. */
const TRANSACTION_GAS = 60_000_000_000n;
const ERA = 2 ** 32;

/** The chain of one proof, with the driver and two tokens on it. */
export interface ProofChain {
  readonly play: (chunk: Chunk, batch: number, onBatch: (done: number) => void) => Promise<AnvilDifference | null>;
  readonly stop: () => Promise<void>;
}

export async function startProofChain(): Promise<ProofChain> {
  buildDriver();
  const anvil = await startAnvil({
    timestamp: 1_000_000,
    gasLimit: 4n * TRANSACTION_GAS,
    automine: false,
    keptStates: 4,
  });
  const rpc = createRpc(anvil.url);
  await rpc.call("anvil_setBalance", [OPERATOR, toQuantity(10n ** 30n)]);
  const chain = { rpc, now: 1_000_001 };
  const driver = await deploy(chain, artifact("ExactDriver"));
  const tokens = [await deploy(chain, artifact("FreeToken")), await deploy(chain, artifact("FreeToken"))] as const;
  return {
    play: (chunk, batch, onBatch) => playChunk(chain, driver, tokens, chunk, batch, onBatch),
    async stop() {
      rpc.close();
      await anvil.stop();
    },
  };
}

interface Clocked {
  readonly rpc: Rpc;
  /** Unix seconds of the next block at the earliest. */
  now: number;
}

async function playChunk(
  chain: Clocked,
  driver: Address,
  tokens: readonly [Address, Address],
  chunk: Chunk,
  batch: number,
  onBatch: (done: number) => void,
): Promise<AnvilDifference | null> {
  const { rpc } = chain;
  const pool = await createPool(chain, driver, tokens, chunk);
  if (chunk.start !== null) await writeStorage(rpc, pool, poolStorage(chunk.start));
  await send(chain, driver, encodeFunctionData({ abi: driverAbi, functionName: "open", args: [pool] }));
  const { operations, ticks } = chunk;
  for (let from = 0; from < operations.length; from += batch) {
    const to = Math.min(from + batch, operations.length);
    const before = await rpc.call<Hex>("evm_snapshot");
    await playSpan(chain, driver, chunk, from, to);
    if (!(await equalAfter(rpc, driver, chunk, to))) return bisect(chain, driver, chunk, from, to, before);
    onBatch(to - from);
  }
  const args = [ticks, chunk.positions.map(driverOperation)] as const;
  const all = await view<Hex>(rpc, driver, driverAbi as Abi, "everything", args);
  if (all === toHex(chunk.everything)) return null;
  return { chunk: 0, operation: operations.length, real: { ...(await realWords(rpc, driver, ticks)), answer: "0x" } };
}

/** Operations of one block go into one transaction. */
async function playSpan(chain: Clocked, driver: Address, chunk: Chunk, from: number, to: number): Promise<void> {
  const { operations, ticks } = chunk;
  for (let begin = from; begin < to; ) {
    let end = begin + 1;
    const time = operations[begin]?.time ?? 0;
    while (end < to && operations[end]?.time === time) end++;
    const packed = packOperations(operations.slice(begin, end));
    const args = [packed, BigInt(end - begin), ticks] as const;
    await send(chain, driver, encodeFunctionData({ abi: driverAbi, functionName: "play", args }), time);
    begin = end;
  }
}

const equalAfter = async (rpc: Rpc, driver: Address, chunk: Chunk, operations: number): Promise<boolean> =>
  (await view<Hex>(rpc, driver, driverAbi as Abi, "rollingHash")) === toHex(chunk.hashes[operations - 1]);

/** Halves a batch that ends differently, each time from the state before it, down to the first operation that does. */
async function bisect(
  chain: Clocked,
  driver: Address,
  chunk: Chunk,
  from: number,
  to: number,
  before: Hex,
): Promise<AnvilDifference> {
  const { rpc } = chain;
  let snapshot = before;
  let [equal, different] = [from, to];
  const replayTo = async (count: number) => {
    await rpc.call("evm_revert", [snapshot]);
    snapshot = await rpc.call<Hex>("evm_snapshot");
    await playSpan(chain, driver, chunk, from, count);
  };
  while (different - equal > 1) {
    const middle = (equal + different) >>> 1;
    await replayTo(middle);
    if (await equalAfter(rpc, driver, chunk, middle)) equal = middle;
    else different = middle;
  }
  await replayTo(different - 1);
  const answer = await answerTo(chain, driver, chunk, different - 1);
  await replayTo(different);
  return { chunk: 0, operation: different - 1, real: { ...(await realWords(rpc, driver, chunk.ticks)), answer } };
}

/** What the real pool answers to an operation, called and not sent, in the state before it. */
async function answerTo({ rpc, now }: Clocked, driver: Address, chunk: Chunk, index: number): Promise<Hex> {
  const operation = chunk.operations[index];
  if (!operation) return "0x";
  const data = encodeFunctionData({ abi: driverAbi, functionName: "answer", args: [packOperations([operation])] });
  const time = toQuantity(inOrder(operation.time, now));
  const call = { from: OPERATOR, to: driver, data, gas: toQuantity(TRANSACTION_GAS) };
  const raw = await rpc.call<Hex>("eth_call", [call, "latest", {}, { time }]);
  return decodeFunctionResult({ abi: driverAbi, functionName: "answer", data: raw });
}

async function realWords(rpc: Rpc, driver: Address, ticks: readonly number[]): Promise<Omit<RealWords, "answer">> {
  const words = [];
  for (const tick of ticks) {
    words.push({ tick, words: await view<Hex>(rpc, driver, driverAbi as Abi, "tickWords", [tick]) });
  }
  return { pool: await view<Hex>(rpc, driver, driverAbi as Abi, "poolWords"), ticks: words };
}

async function createPool(
  chain: Clocked,
  driver: Address,
  [tokenA, tokenB]: readonly [Address, Address],
  { feePips, tickSpacing }: Chunk,
): Promise<Address> {
  const { rpc } = chain;
  const require = createRequire(import.meta.url);
  const { bytecode } = require("@uniswap/v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json");
  const factory = await deploy(chain, bytecode as Hex);
  const call = (functionName: string, args: readonly unknown[]) =>
    send(chain, factory, encodeFunctionData({ abi: factoryAbi as Abi, functionName, args }));
  const known = await view<number>(rpc, factory, factoryAbi as Abi, "feeAmountTickSpacing", [feePips]);
  if (known !== tickSpacing) await call("enableFeeAmount", [feePips, tickSpacing]);
  await call("createPool", [tokenA, tokenB, feePips]);
  await call("setOwner", [driver]);
  return view<Address>(rpc, factory, factoryAbi as Abi, "getPool", [tokenA, tokenB, feePips]);
}

/** The pool keeps time modulo 2^32: a block that would have to lie in the past is put into a later era, same place. */
const inOrder = (time: number, now: number): number =>
  time >= now ? time : time + ERA * Math.ceil((now - time) / ERA);

/** One transaction in a block of its own. */
async function send(chain: Clocked, to: Address | null, data: Hex, time?: number): Promise<Address | null> {
  const timestamp = inOrder(time ?? chain.now, chain.now);
  const call = {
    from: OPERATOR,
    ...(to === null ? {} : { to }),
    data,
    gas: toQuantity(TRANSACTION_GAS),
    gasPrice: "0x0",
  };
  const hash = await chain.rpc.call<Hex>("eth_sendTransaction", [call]);
  await chain.rpc.call("evm_mine", [timestamp]);
  chain.now = timestamp + 1;
  const receipt = await chain.rpc.call<{ status: Hex; contractAddress: Address | null } | null>(
    "eth_getTransactionReceipt",
    [hash],
  );
  if (receipt?.status !== "0x1") {
    throw new ProofTransactionError(`transaction ${hash} ${receipt ? "reverted" : "was not mined"}`, {
      details: { hash, timestamp },
    });
  }
  return receipt.contractAddress;
}

async function deploy(chain: Clocked, bytecode: Hex): Promise<Address> {
  const address = await send(chain, null, encodeDeployData({ abi: [], bytecode }));
  if (address === null) throw new ProofTransactionError("a deployment left no address");
  return address;
}

async function view<Result>(
  rpc: Rpc,
  to: Address,
  abi: Abi,
  functionName: string,
  args: readonly unknown[] = [],
): Promise<Result> {
  const data = encodeFunctionData({ abi, functionName, args });
  const answer = await rpc.call<Hex>("eth_call", [{ to, data, gas: toQuantity(TRANSACTION_GAS) }, "latest"]);
  return decodeFunctionResult({ abi, functionName, data: answer }) as Result;
}

function buildDriver(): void {
  execFileSync(foundryBinary("forge"), ["build"], { cwd: ROOT, env: { ...process.env, ...ALONE }, stdio: "pipe" });
}

const artifact = (contract: string): Hex =>
  JSON.parse(readFileSync(`${ROOT}${ALONE.FOUNDRY_OUT}/ExactDriver.sol/${contract}.json`, "utf8")).bytecode.object;

const toHex = (bytes: Uint8Array | undefined): Hex => `0x${Buffer.from(bytes ?? []).toString("hex")}`;
