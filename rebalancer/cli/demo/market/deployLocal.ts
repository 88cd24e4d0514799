import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import {
  encodeAbiParameters,
  encodeDeployData,
  encodeFunctionData,
  getContractAddress,
  getCreate2Address,
  keccak256,
  parseAbi,
} from "viem";
import { BaseError } from "../../../../ml/errors.ts";
import type { Address, Hex } from "../../../../ml/types.ts";
import type { Rpc } from "../rpc.ts";
import { marketActorAbi, marketPoolAbi } from "./actor.ts";
import { enqueue, fund, latestTimestamp, MARKET_OPERATOR, type MarketCall, mine } from "./chain.ts";

/** A contract that the demo deploys was not built; the message says what to type. */
export class ArtifactMissingError extends BaseError {
  override name = "ArtifactMissingError";
}

export interface LocalToken {
  readonly symbol: string;
  readonly decimals: number;
}

export interface DeployLocalParameters {
  readonly token0: LocalToken;
  readonly token1: LocalToken;
  readonly feePips: number;
  readonly tickSpacing: number;
  readonly sqrtPriceX96: bigint;
  /** Observations that the pool keeps, 1..65535. */
  readonly observationCardinality: number;
  /** Where forge put its artifacts. */
  readonly outFolder?: string;
}

export interface LocalDeployment {
  readonly factory: Address;
  readonly pool: Address;
  readonly token0: Address;
  readonly token1: Address;
  readonly actor: Address;
}

const factoryAbi = parseAbi([
  "function createPool(address tokenA, address tokenB, uint24 fee) returns (address)",
  "function enableFeeAmount(uint24 fee, int24 tickSpacing)",
]);
const tokenAbi = parseAbi(["constructor(string name, string symbol, uint8 decimals)"]);
const DEFAULT_SPACINGS: Readonly<Record<number, number>> = { 500: 10, 3000: 60, 10000: 200 };

/**
 * Deploys Uniswap v3 from its npm artifacts, two tokens in the asked order, one pool at a price, and the market's
 * actor, all in one block whose time is the newest block's.
 */
export async function deployLocal(rpc: Rpc, parameters: DeployLocalParameters): Promise<LocalDeployment> {
  const { token0, token1, feePips, tickSpacing, outFolder = "out" } = parameters;
  await fund(rpc, [MARKET_OPERATOR]);
  const nonce = BigInt(await rpc.call<Hex>("eth_getTransactionCount", [MARKET_OPERATOR, "pending"]));
  const created = (offset: bigint) => getContractAddress({ from: MARKET_OPERATOR, nonce: nonce + offset });
  const factory = created(0n);
  // v3 sorts by address: whichever of the two comes first becomes token0.
  const [first, second] = [created(1n), created(2n)];
  const inOrder = BigInt(first) < BigInt(second);
  const [address0, address1] = inOrder ? [first, second] : [second, first];
  const pool = getCreate2Address({
    from: factory,
    salt: keccak256(
      encodeAbiParameters(
        [{ type: "address" }, { type: "address" }, { type: "uint24" }],
        [address0, address1, feePips],
      ),
    ),
    bytecodeHash: keccak256(uniswapBytecode("UniswapV3Pool")),
  });
  const deployToken = ({ symbol, decimals }: LocalToken): MarketCall => ({
    from: MARKET_OPERATOR,
    data: encodeDeployData({
      abi: tokenAbi,
      bytecode: forgeBytecode("DemoToken", outFolder),
      args: [`Demo ${symbol}`, symbol, decimals],
    }),
  });
  const toPool = (data: Hex): MarketCall => ({ from: MARKET_OPERATOR, to: pool, data });
  const toFactory = (data: Hex): MarketCall => ({ from: MARKET_OPERATOR, to: factory, data });
  const calls: MarketCall[] = [
    { from: MARKET_OPERATOR, data: uniswapBytecode("UniswapV3Factory") },
    deployToken(inOrder ? token0 : token1),
    deployToken(inOrder ? token1 : token0),
  ];
  if (DEFAULT_SPACINGS[feePips] !== tickSpacing) {
    const args = [feePips, tickSpacing] as const;
    calls.push(toFactory(encodeFunctionData({ abi: factoryAbi, functionName: "enableFeeAmount", args })));
  }
  calls.push(
    toFactory(encodeFunctionData({ abi: factoryAbi, functionName: "createPool", args: [address0, address1, feePips] })),
    toPool(encodeFunctionData({ abi: marketPoolAbi, functionName: "initialize", args: [parameters.sqrtPriceX96] })),
    toPool(
      encodeFunctionData({
        abi: marketPoolAbi,
        functionName: "increaseObservationCardinalityNext",
        args: [parameters.observationCardinality],
      }),
    ),
    actorCreation(pool, outFolder),
  );
  const receipts = await mineNow(rpc, calls);
  const actor = receipts.at(-1)?.contractAddress;
  if (!actor) throw new BaseError("the market's actor was not deployed", { details: { pool } });
  return { factory, pool, token0: address0, token1: address1, actor };
}

const actorCreation = (pool: Address, outFolder: string): MarketCall => ({
  from: MARKET_OPERATOR,
  data: encodeDeployData({ abi: marketActorAbi, bytecode: forgeBytecode("MarketActor", outFolder), args: [pool] }),
});

/** One block at the newest block's time: the market's clock has not started yet. */
async function mineNow(rpc: Rpc, calls: readonly MarketCall[]) {
  const automine = await rpc.call<boolean>("anvil_getAutomine");
  if (automine) await rpc.call("evm_setAutomine", [false]);
  await rpc.call("anvil_setBlockTimestampInterval", [0]);
  const hashes = await enqueue(rpc, calls);
  const { receipts } = await mine(rpc, await latestTimestamp(rpc), hashes);
  if (automine) await rpc.call("evm_setAutomine", [true]);
  return receipts;
}

function forgeBytecode(contract: string, outFolder: string): Hex {
  const path = join(outFolder, `${contract}.sol`, `${contract}.json`);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new ArtifactMissingError(`artifact ${path} is missing: run \`npm run build\` first`, {
      cause,
      details: { path },
    });
  }
  return (JSON.parse(text) as { bytecode: { object: Hex } }).bytecode.object;
}

const require = createRequire(import.meta.url);

function uniswapBytecode(contract: "UniswapV3Factory" | "UniswapV3Pool"): Hex {
  const artifact = require(`@uniswap/v3-core/artifacts/contracts/${contract}.sol/${contract}.json`);
  return (artifact as { bytecode: Hex }).bytecode;
}
