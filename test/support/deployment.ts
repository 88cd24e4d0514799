import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "smol-toml";
import { encodeFunctionData, erc20Abi, parseAbi } from "viem";
import { createChainClient, getPoolMeta } from "../../rebalancer/chain.ts";
import { accounts, localKeys } from "../../rebalancer/cli/demo/accounts.ts";
import { enqueue, fund, MARKET_OPERATOR, mine } from "../../rebalancer/cli/demo/market/chain.ts";
import type { RedisHandle } from "../../rebalancer/cli/demo/redis.ts";
import { type Deployment, deployVault } from "../../rebalancer/cli/demo/stage.ts";
import { type Config, loadConfig } from "../../rebalancer/config.ts";
import { rangeVaultAbi } from "../../sdk/index.ts";
import { type LocalMarket, START, startLocalMarket } from "./localMarket.ts";
import { startRedis } from "./redis.ts";

const ONE = 10n ** 18n;
export const DAY = 86_400;
const ADDRESSES = join(import.meta.dirname, "../../deploy/addresses");

/** A vault with a depositor on a local pool that has traded for a day and a half, and a Redis for its worker. */
export interface LocalDeployment {
  readonly market: LocalMarket;
  readonly redis: RedisHandle;
  readonly deployment: Deployment;
  /** Unix seconds of the newest block. */
  time: number;
  /** Environment with the worker's keys. */
  readonly env: NodeJS.ProcessEnv;
  /** Writes a configuration file; `changes` by path, as in { "worker.mode": "dry-run" }. */
  configure(changes?: Record<string, unknown>): { path: string; config: Config };
  /** Mines a block with one round trip through the pool, `seconds` after the last. */
  tick(seconds: number): Promise<number>;
  /** Tells the clock that the chain was put back. */
  rewind(time: number): void;
  stop(): Promise<void>;
}

/** Starts it all; about ten seconds with compiled contracts. */
export async function startLocalDeployment(): Promise<LocalDeployment> {
  const [market, redis] = await Promise.all([startLocalMarket(), startRedis()]);
  // The deploy script may read and write files in this folder, and nowhere outside of the project.
  mkdirSync(ADDRESSES, { recursive: true });
  const folder = mkdtempSync(join(ADDRESSES, "test-"));
  const pool = await getPoolMeta(createChainClient(market.anvil.url), 31337, market.deployment.pool);
  const asset = pool.token0.address;
  const amountIn = 5_000n * ONE;
  const opens = START + 36 * 3_600;
  await market.oscillate({ from: START + 600, until: opens, everySeconds: 600, amountIn });
  await market.rpc.call("evm_setAutomine", [true]);
  const { deployment, configPath } = await deployVault({
    folder,
    rpcUrl: market.anvil.url,
    redis: { url: redis.url, prefix: "rangekeeper" },
    pool,
    asset: pool.token0,
    modelSet: "rules",
    packages: [],
    minHistorySeconds: DAY,
    everySeconds: 3_600,
    signal: new AbortController().signal,
  });
  await market.rpc.call("evm_setAutomine", [false]);

  const head = await market.rpc.call<{ timestamp: string }>("eth_getBlockByNumber", ["latest", false]);
  const depositor = accounts.depositors[0].address;
  const assets = 10_000n * ONE;
  const mintAbi = parseAbi(["function mint(address to, uint256 amount)"]);
  await fund(market.rpc, [depositor, MARKET_OPERATOR, accounts.keeper]);
  const hashes = await enqueue(market.rpc, [
    {
      from: depositor,
      to: asset,
      data: encodeFunctionData({ abi: mintAbi, functionName: "mint", args: [depositor, assets] }),
    },
    {
      from: depositor,
      to: asset,
      data: encodeFunctionData({ abi: erc20Abi, functionName: "approve", args: [deployment.vault, assets] }),
    },
    {
      from: depositor,
      to: deployment.vault,
      data: encodeFunctionData({ abi: rangeVaultAbi, functionName: "deposit", args: [assets, depositor] }),
    },
  ]);
  // To the start of the next hour, so that tests know which block begins a cadence bucket.
  const time = Math.ceil((Number(head.timestamp) + 60) / 3_600) * 3_600 - 600;
  await mine(market.rpc, time, hashes);

  const keys = localKeys();
  let turn = 0;
  let files = 0;
  const local: LocalDeployment = {
    market,
    redis,
    deployment,
    time,
    env: { ...process.env, RANGEKEEPER_SIGNER_KEY: keys.modelSigner, RANGEKEEPER_KEEPER_KEY: keys.keeper },
    configure(changes = {}) {
      const raw = parse(readFileSync(configPath, "utf8")) as Record<string, unknown>;
      const file = files++;
      const all = { "journal.path": join(folder, `journal-${file}.db`), "log.level": "silent", ...changes };
      for (const [key, value] of Object.entries(all)) {
        const [section = "", field] = key.split(".");
        if (field === undefined) raw[section] = value;
        else raw[section] = { ...(raw[section] as Record<string, unknown> | undefined), [field]: value };
      }
      const path = join(folder, `config-${file}.toml`);
      writeFileSync(path, stringify(raw));
      return { path, config: loadConfig({ path, env: {} }) };
    },
    async tick(seconds) {
      local.time += seconds;
      turn += 1;
      return market.swap(local.time, [{ zeroForOne: turn % 2 === 0, amountIn }]);
    },
    rewind(to) {
      local.time = to;
      turn = 0;
    },
    async stop() {
      await Promise.all([market.stop(), redis.stop()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return local;
}
