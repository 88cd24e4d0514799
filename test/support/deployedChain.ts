import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { encodeFunctionData, erc20Abi, type Hex, parseAbi } from "viem";
import { createChainClient, getPoolMeta } from "../../rebalancer/chain.ts";
import { accounts } from "../../rebalancer/cli/demo/accounts.ts";
import { enqueue, fund, MARKET_OPERATOR, mine } from "../../rebalancer/cli/demo/market/chain.ts";
import { type Deployment, deployVault } from "../../rebalancer/cli/demo/stage.ts";
import { rangeVaultAbi } from "../../sdk/index.ts";
import { type LocalMarket, START, startLocalMarket } from "./localMarket.ts";

const ONE = 10n ** 18n;
const DAY = 86_400;
const ADDRESSES = join(import.meta.dirname, "../../deploy/addresses");

/** Token units of each swap of the market. */
export const SWAP_AMOUNT = 5_000n * ONE;

/** A chain on which everything is deployed, as it can be written to a file. */
export interface DeployedChain {
  /** What `anvil_dumpState` gave. */
  readonly state: Hex;
  readonly market: LocalMarket["deployment"];
  readonly deployment: Deployment;
  /** The worker's configuration (TOML) and the addresses file (JSON) that it names. */
  readonly config: string;
  readonly addresses: string;
  /** Unix seconds of the newest block. */
  readonly time: number;
}

/**
 * The deployed chain of this test run: whoever asks first builds it, the others wait and read its file. Outside of a
 * run nothing is kept.
 */
export async function deployedChain(folder = process.env.RANGEKEEPER_TEST_RUN): Promise<DeployedChain> {
  if (!folder) return deployChain();
  const file = join(folder, "deployed-chain.json");
  const lock = join(folder, "deployed-chain.lock");
  // A builder that failed takes its lock away: the next one tries, and fails with words of its own.
  while (!existsSync(file)) {
    if (!tryLock(lock)) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      continue;
    }
    try {
      if (existsSync(file)) break;
      writeFileSync(`${file}.part`, JSON.stringify(await deployChain()));
      renameSync(`${file}.part`, file);
    } finally {
      rmdirSync(lock);
    }
  }
  return JSON.parse(readFileSync(file, "utf8")) as DeployedChain;
}

function tryLock(lock: string): boolean {
  try {
    mkdirSync(lock);
    return true;
  } catch {
    return false;
  }
}

/** A vault with a depositor on a local pool that has traded for a day and a half; some four seconds when quiet. */
async function deployChain(): Promise<DeployedChain> {
  // The deploy script may read and write files in this folder, and nowhere outside of the project.
  mkdirSync(ADDRESSES, { recursive: true });
  const folder = mkdtempSync(join(ADDRESSES, "test-"));
  let market: LocalMarket | null = null;
  try {
    market = await startLocalMarket();
    const pool = await getPoolMeta(createChainClient(market.anvil.url), 31337, market.deployment.pool);
    const opens = START + 36 * 3_600;
    await market.oscillate({ from: START + 600, until: opens, everySeconds: 600, amountIn: SWAP_AMOUNT });
    await market.rpc.call("evm_setAutomine", [true]);
    const { deployment, configPath } = await deployVault({
      folder,
      rpcUrl: market.anvil.url,
      redis: { url: "redis://127.0.0.1:6379", prefix: "rangekeeper" },
      pool,
      asset: pool.token0,
      modelSet: "rules",
      packages: [],
      minHistorySeconds: DAY,
      everySeconds: 3_600,
      signal: new AbortController().signal,
    });
    await market.rpc.call("evm_setAutomine", [false]);
    const time = await firstDeposit(market, deployment);
    return {
      state: await market.rpc.call<Hex>("anvil_dumpState"),
      market: market.deployment,
      deployment,
      config: readFileSync(configPath, "utf8"),
      addresses: readFileSync(join(folder, "addresses.json"), "utf8"),
      time,
    };
  } finally {
    await market?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Somebody enters ten minutes before an hour begins, so that tests know which block begins a cadence bucket. */
async function firstDeposit({ rpc, deployment }: LocalMarket, { vault }: Deployment): Promise<number> {
  const head = await rpc.call<{ timestamp: string }>("eth_getBlockByNumber", ["latest", false]);
  const from = accounts.depositors[0].address;
  const asset = deployment.token0;
  const assets = 10_000n * ONE;
  const mintAbi = parseAbi(["function mint(address to, uint256 amount)"]);
  await fund(rpc, [from, MARKET_OPERATOR, accounts.keeper]);
  const hashes = await enqueue(rpc, [
    { from, to: asset, data: encodeFunctionData({ abi: mintAbi, functionName: "mint", args: [from, assets] }) },
    { from, to: asset, data: encodeFunctionData({ abi: erc20Abi, functionName: "approve", args: [vault, assets] }) },
    {
      from,
      to: vault,
      data: encodeFunctionData({ abi: rangeVaultAbi, functionName: "deposit", args: [assets, from] }),
    },
  ]);
  const time = Math.ceil((Number(head.timestamp) + 60) / 3_600) * 3_600 - 600;
  await mine(rpc, time, hashes);
  return time;
}
