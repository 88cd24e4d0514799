import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import {
  concat,
  decodeFunctionData,
  encodeAbiParameters,
  encodeDeployData,
  encodeFunctionData,
  getAddress,
  getContractAddress,
  getCreate2Address,
  keccak256,
  pad,
  parseAbi,
  toFunctionSelector,
  toHex,
} from "viem";
import { HIGHEST_LIMIT_X96, LOWEST_LIMIT_X96 } from "../../ml/sim/exact/orders.ts";
import type { Address, Hex } from "../../ml/types.ts";
import { createChainClient, getPoolMeta } from "../../rebalancer/chain.ts";
import { accounts } from "../../rebalancer/cli/demo/accounts.ts";
import { type AnvilHandle, startAnvil } from "../../rebalancer/cli/demo/anvil.ts";
import { marketActorAbi, marketPoolAbi } from "../../rebalancer/cli/demo/market/actor.ts";
import { enqueue, fund, MARKET_OPERATOR, type MarketCall, mine } from "../../rebalancer/cli/demo/market/chain.ts";
import { deployLocal } from "../../rebalancer/cli/demo/market/deployLocal.ts";
import { createRpc, type Rpc } from "../../rebalancer/cli/demo/rpc.ts";
import { type Deployment, deployVault } from "../../rebalancer/cli/demo/stage.ts";
import { rangeVaultAbi } from "../../sdk/index.ts";
import { START } from "./localMarket.ts";

const ONE = 10n ** 18n;
const HOUR = 3_600;
const ROOT = join(import.meta.dirname, "../..");
const ADDRESSES = join(ROOT, "deploy/addresses");
/** By tick spacing, as Uniswap's factory has them. */
const FEE_PIPS = { 10: 500, 60: 3_000 } as const;
const SWAP_AMOUNT = 5_000n * ONE;
/** So little that the gas of a move never pays. */
const DUST = ONE / 1_000n;
/** So much that it does, and so little that several vaults of a pool stay below their shares of its liquidity. */
const PLENTY = 1_000n * ONE;
/** Often enough that fees pay for a move that is large against its gas. */
const TRADE_SECONDS = 600;
const BLOCK_GAS = 30_000_000_000n;
const TRANSACTIONS_AT_ONCE = 200;

export interface ManyPool {
  readonly pool: Address;
  readonly other: Address;
  readonly actor: Address;
}

export interface ManyVault {
  readonly pool: Address;
  readonly vault: Address;
  readonly strategy: Address;
}

/** What is on the chain. */
interface Built {
  readonly asset: Address;
  readonly pools: readonly ManyPool[];
  readonly vaults: readonly ManyVault[];
  readonly lens: Address;
  /** Text of the configuration that the deploy script read. */
  readonly config: string;
  /** Unix seconds of the newest block. */
  readonly time: number;
}

/** Many vaults over many pools on one local chain; every pool trades one common asset, the chain's native token. */
export interface ManyVaults extends Built {
  readonly anvil: AnvilHandle;
  readonly rpc: Rpc;
  /** Mines a block with a swap in every pool, in which these vaults get so much that moving pays. */
  tick(seconds: number, enriched?: readonly ManyVault[]): Promise<number>;
  stop(): Promise<void>;
}

export interface StartManyVaultsParameters {
  readonly pools: number;
  readonly vaults: number;
  /** Of every pool; a closer one leaves room for more ranges between the same bounds. Absent = 60. */
  readonly tickSpacing?: keyof typeof FEE_PIPS;
  readonly progress?: (line: string) => void;
}

const tokenConstructor = parseAbi(["constructor(string name, string symbol, uint8 decimals)"]);
const tokenAbi = parseAbi(["function mint(address to, uint256 amount)"]);
const factoryAbi = parseAbi(["function createPool(address tokenA, address tokenB, uint24 fee) returns (address)"]);
const managerAbi = parseAbi(["function setTargetFunctionRole(address target, bytes4[] selectors, uint64 role)"]);
/** Of OpenZeppelin's ERC-20. */
const ALLOWANCES_SLOT = 1;
const CALLS_AT_ONCE = 1_000;

/**
 * Deploys one vault by the deploy script; every further one is a copy of it, code and storage, in which addresses of
 * the first one's parts and pool are exchanged for its own. Deposits are real transactions.
 */
export async function startManyVaults(parameters: StartManyVaultsParameters): Promise<ManyVaults> {
  const { progress = () => undefined } = parameters;
  const anvil = await startAnvil({ timestamp: START, automine: false, gasLimit: BLOCK_GAS });
  const rpc = createRpc(anvil.url);
  try {
    const file = cacheFile(parameters);
    let built: Built;
    if (existsSync(file)) {
      progress(`loading the chain of ${file}`);
      const { state, ...saved } = JSON.parse(readFileSync(file, "utf8")) as Built & { state: Hex };
      await rpc.call("anvil_loadState", [state]);
      await rpc.call("anvil_setBlockTimestampInterval", [0]);
      built = saved;
    } else {
      built = await build(rpc, anvil, parameters);
      const state = await rpc.call<Hex>("anvil_dumpState");
      writeFileSync(`${file}.part`, JSON.stringify({ ...built, state }));
      renameSync(`${file}.part`, file);
    }
    let { time } = built;
    let turn = 0;
    return {
      ...built,
      anvil,
      rpc,
      get time() {
        return time;
      },
      async tick(seconds, enriched = []) {
        time += seconds;
        const calls = [
          ...trade(built.pools, turn++, seconds),
          ...enriched.map(({ vault }) => depositCall(vault, PLENTY)),
        ];
        return (await mine(rpc, time, await enqueue(rpc, calls))).block;
      },
      async stop() {
        rpc.close();
        await anvil.stop();
      },
    };
  } catch (error) {
    rpc.close();
    await anvil.stop();
    throw error;
  }
}

/** Kept between runs; another build of the contracts, or another version of this file, is another file. */
function cacheFile({ pools, vaults, tickSpacing = 60 }: StartManyVaultsParameters): string {
  const contracts = createHash("sha256").update(readFileSync(import.meta.filename));
  for (const name of ["RangeVault", "ModelStrategy", "VaultLens", "DemoToken"]) contracts.update(out(name));
  return join(
    tmpdir(),
    `rangekeeper-${pools}-pools-${tickSpacing}-ticks-${vaults}-vaults-${contracts.digest("hex").slice(0, 16)}.json`,
  );
}

async function build(rpc: Rpc, anvil: AnvilHandle, parameters: StartManyVaultsParameters): Promise<Built> {
  const { progress = () => undefined } = parameters;
  progress(`deploying ${parameters.pools} pools`);
  const { pools, asset } = await deployPools(rpc, parameters.pools, parameters.tickSpacing ?? 60);
  const opens = START + 36 * HOUR;
  progress("trading for 36 hours");
  let turn = 0;
  for (let time = START + TRADE_SECONDS; time <= opens; time += TRADE_SECONDS) {
    await mine(rpc, time, await enqueue(rpc, trade(pools, turn++, TRADE_SECONDS)));
  }
  progress(`deploying ${parameters.vaults} vaults`);
  const { deployment, config, vaults } = await deployVaults(rpc, { vaults: parameters.vaults, anvil, pools, asset });
  progress("depositing");
  await deposit(rpc, asset, vaults);
  const head = await rpc.call<{ timestamp: Hex }>("eth_getBlockByNumber", ["latest", false]);
  return { asset, pools, vaults, lens: deployment.lens, config, time: Math.ceil(Number(head.timestamp) / 12) * 12 };
}

/** One swap in every pool, back and forth, as large as what is usual in so many seconds. */
function trade(pools: readonly ManyPool[], turn: number, seconds: number): readonly MarketCall[] {
  const zeroForOne = turn % 2 === 0;
  const limit = zeroForOne ? LOWEST_LIMIT_X96 : HIGHEST_LIMIT_X96;
  const orders = [
    { zeroForOne, amountSpecified: (SWAP_AMOUNT * BigInt(seconds)) / BigInt(TRADE_SECONDS), sqrtPriceLimitX96: limit },
  ];
  const data = encodeFunctionData({ abi: marketActorAbi, functionName: "play", args: [orders] });
  return pools.map(({ actor }) => ({ from: MARKET_OPERATOR, to: actor, data }));
}

const bytecodeOf = (path: string): Hex => {
  const { bytecode } = JSON.parse(readFileSync(join(ROOT, path), "utf8")) as { bytecode: Hex | { object: Hex } };
  return typeof bytecode === "string" ? bytecode : bytecode.object;
};
const out = (contract: string) =>
  bytecodeOf(join(process.env.FOUNDRY_OUT ?? "out", `${contract}.sol/${contract}.json`));

async function deployPools(
  rpc: Rpc,
  count: number,
  tickSpacing: keyof typeof FEE_PIPS,
): Promise<{ pools: readonly ManyPool[]; asset: Address }> {
  const feePips = FEE_PIPS[tickSpacing];
  const token = { symbol: "AAA", decimals: 18 };
  const common = { feePips, tickSpacing, sqrtPriceX96: 2n ** 96n, observationCardinality: 500 };
  const first = await deployLocal(rpc, { ...common, token0: token, token1: { ...token, symbol: "BBB" } });
  const asset = first.token0;
  const initCodeHash = keccak256(
    bytecodeOf("node_modules/@uniswap/v3-core/artifacts/contracts/UniswapV3Pool.sol/UniswapV3Pool.json"),
  );
  let nonce = BigInt(await rpc.call<Hex>("eth_getTransactionCount", [MARKET_OPERATOR, "pending"]));
  const calls: MarketCall[] = [];
  const send = (call: Omit<MarketCall, "from">): Address => {
    calls.push({ from: MARKET_OPERATOR, ...call });
    return getContractAddress({ from: MARKET_OPERATOR, nonce: nonce++ });
  };
  const pools: ManyPool[] = [{ pool: first.pool, other: first.token1, actor: first.actor }];
  while (pools.length < count) {
    const args = [`Demo B${pools.length}`, `B${pools.length}`, 18] as const;
    const other = send({ data: encodeDeployData({ abi: tokenConstructor, bytecode: out("DemoToken"), args }) });
    // Copies of the first vault expect the asset on the same side of the pool.
    if (BigInt(other) < BigInt(asset)) continue;
    const [token0, token1] = [asset, other];
    const pool = getCreate2Address({
      from: first.factory,
      salt: keccak256(
        encodeAbiParameters([{ type: "address" }, { type: "address" }, { type: "uint24" }], [token0, token1, feePips]),
      ),
      bytecodeHash: initCodeHash,
    });
    send({
      to: first.factory,
      data: encodeFunctionData({ abi: factoryAbi, functionName: "createPool", args: [token0, token1, feePips] }),
    });
    send({
      to: pool,
      data: encodeFunctionData({ abi: marketPoolAbi, functionName: "initialize", args: [common.sqrtPriceX96] }),
    });
    send({
      to: pool,
      data: encodeFunctionData({ abi: marketPoolAbi, functionName: "increaseObservationCardinalityNext", args: [500] }),
    });
    const actor = send({
      data: encodeDeployData({ abi: marketActorAbi, bytecode: out("MarketActor"), args: [pool] }),
    });
    pools.push({ pool, other, actor });
  }
  const position = { tickLower: -60_000, tickUpper: 60_000, liquidity: 10n ** 24n };
  const open = encodeFunctionData({ abi: marketActorAbi, functionName: "open", args: [[position]] });
  for (const { actor } of pools) send({ to: actor, data: open });
  await inBlocks(rpc, calls);
  return { pools, asset };
}

/** Sends transactions in their order, and mines as often as they fill a request. */
async function inBlocks(rpc: Rpc, calls: readonly MarketCall[]): Promise<void> {
  for (let at = 0; at < calls.length; at += TRANSACTIONS_AT_ONCE) {
    const hashes = await enqueue(rpc, calls.slice(at, at + TRANSACTIONS_AT_ONCE));
    const { timestamp } = await rpc.call<{ timestamp: Hex }>("eth_getBlockByNumber", ["latest", false]);
    await mine(rpc, Number(timestamp) + 1, hashes);
  }
}

interface DeployVaultsParameters {
  readonly vaults: number;
  readonly anvil: AnvilHandle;
  readonly pools: readonly ManyPool[];
  readonly asset: Address;
}

async function deployVaults(
  rpc: Rpc,
  { anvil, pools, asset, vaults: count }: DeployVaultsParameters,
): Promise<{ deployment: Deployment; config: string; vaults: readonly ManyVault[] }> {
  // The deploy script may read and write files in this folder, and nowhere outside of the project.
  mkdirSync(ADDRESSES, { recursive: true });
  const folder = mkdtempSync(join(ADDRESSES, "test-"));
  try {
    const [first] = pools;
    if (!first) throw new Error("there must be a pool");
    const before = Number(await rpc.call<Hex>("eth_blockNumber"));
    await rpc.call("evm_setAutomine", [true]);
    const { deployment, configPath } = await deployVault({
      folder,
      rpcUrl: anvil.url,
      redis: { url: "redis://127.0.0.1:6379", prefix: "rangekeeper" },
      pool: await getPoolMeta(createChainClient(anvil.url), 31_337, first.pool),
      asset: { address: asset, symbol: "AAA" },
      nativeToken: asset,
      modelSet: "rules",
      packages: [],
      minHistorySeconds: 86_400,
      everySeconds: 12,
      signal: new AbortController().signal,
    });
    await rpc.call("evm_setAutomine", [false]);
    const vaults = await copyVaults(rpc, { deployment, pools, count, rights: await rightsOf(rpc, before, deployment) });
    return { deployment, config: readFileSync(configPath, "utf8"), vaults };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Who may call what, as the deploy script told the access manager. */
interface Right {
  readonly target: Address;
  readonly selectors: readonly Hex[];
  readonly role: bigint;
}

async function rightsOf(rpc: Rpc, before: number, { accessManager }: Deployment): Promise<readonly Right[]> {
  const head = Number(await rpc.call<Hex>("eth_blockNumber"));
  const rights: Right[] = [];
  for (let block = before + 1; block <= head; block++) {
    const { transactions } = await rpc.call<{ transactions: { to: Address | null; input: Hex }[] }>(
      "eth_getBlockByNumber",
      [`0x${block.toString(16)}`, true],
    );
    for (const { to, input } of transactions) {
      if (to?.toLowerCase() !== accessManager.toLowerCase()) continue;
      if (!input.startsWith(toFunctionSelector(managerAbi[0]))) continue;
      const [target, selectors, role] = decodeFunctionData({ abi: managerAbi, data: input }).args;
      rights.push({ target, selectors, role });
    }
  }
  return rights;
}

interface DumpedAccount {
  readonly code: Hex;
  readonly storage: Readonly<Record<Hex, Hex>>;
}

async function copyVaults(
  rpc: Rpc,
  parameters: {
    readonly deployment: Deployment;
    readonly pools: readonly ManyPool[];
    readonly count: number;
    readonly rights: readonly Right[];
  },
): Promise<readonly ManyVault[]> {
  const { deployment, pools, count, rights } = parameters;
  const dump = Buffer.from((await rpc.call<Hex>("anvil_dumpState")).slice(2), "hex");
  const { accounts: all } = JSON.parse(gunzipSync(dump).toString("utf8")) as {
    accounts: Record<string, DumpedAccount>;
  };
  const [first] = pools as readonly [ManyPool];
  const parts = ["oracle", "vault", "strategy"] as const;
  const vaults: ManyVault[] = [{ pool: first.pool, vault: deployment.vault, strategy: deployment.strategy }];
  let calls: { method: string; params: readonly unknown[] }[] = [];
  const flush = async (): Promise<void> => {
    await rpc.batch(calls);
    calls = [];
  };
  const store = (address: Address, slot: Hex, value: Hex) =>
    void calls.push({ method: "anvil_setStorageAt", params: [address, slot, value] });
  while (vaults.length < count) {
    const number = vaults.length;
    const { pool, other } = pools[number % pools.length] as ManyPool;
    const own = Object.fromEntries(
      parts.map((part) => [part, getAddress(`0x${keccak256(toHex(`${part} ${number}`)).slice(-40)}`)]),
    ) as Record<(typeof parts)[number], Address>;
    const exchanged: readonly (readonly [string, string])[] = [
      [bare(first.pool), bare(pool)],
      [bare(first.other), bare(other)],
      ...parts.map((part) => [bare(deployment[part]), bare(own[part])] as const),
    ];
    for (const part of parts) {
      const { code, storage } = all[deployment[part].toLowerCase()] as DumpedAccount;
      const change = (text: string, inCode: boolean): Hex =>
        exchanged.reduce(
          // A contract that finds its own address changed works out its signing domain again.
          (changed, [from, into]) =>
            inCode && from === bare(deployment[part]) ? changed : changed.replaceAll(from, into),
          text,
        ) as Hex;
      calls.push({ method: "anvil_setCode", params: [own[part], change(code, true)] });
      for (const [slot, value] of Object.entries(storage)) store(own[part], slot as Hex, change(value, false));
    }
    for (const { target, selectors, role } of rights) {
      const part = parts.find((one) => deployment[one].toLowerCase() === target.toLowerCase());
      if (part === undefined) continue;
      for (const selector of selectors) {
        const slot = keyed(pad(selector, { dir: "right" }), keyed(pad(own[part]), pad("0x0")));
        store(deployment.accessManager, slot, pad(toHex(role)));
      }
    }
    vaults.push({ pool, vault: own.vault, strategy: own.strategy });
    if (calls.length >= CALLS_AT_ONCE) await flush();
  }
  await flush();
  return vaults;
}

/** Where a Solidity mapping keeps what belongs to a key. */
const keyed = (key: Hex, slot: Hex): Hex => keccak256(concat([key, slot]));

const bare = (address: Address): string => address.slice(2).toLowerCase();

const depositor = accounts.depositors[0].address;

const depositCall = (vault: Address, assets: bigint): MarketCall => ({
  from: depositor,
  to: vault,
  data: encodeFunctionData({ abi: rangeVaultAbi, functionName: "deposit", args: [assets, depositor] }),
});

async function deposit(rpc: Rpc, asset: Address, vaults: readonly ManyVault[]): Promise<void> {
  await fund(rpc, [depositor, accounts.keeper]);
  const minted = PLENTY * BigInt(vaults.length) * 2n;
  const spender = (vault: Address): Hex => keyed(pad(vault), keyed(pad(depositor), pad(toHex(ALLOWANCES_SLOT))));
  await rpc.batch(
    vaults.map(({ vault }) => ({
      method: "anvil_setStorageAt",
      params: [asset, spender(vault), pad(toHex(minted))],
    })),
  );
  await inBlocks(rpc, [
    {
      from: depositor,
      to: asset,
      data: encodeFunctionData({ abi: tokenAbi, functionName: "mint", args: [depositor, minted] }),
    },
    ...vaults.map(({ vault }) => depositCall(vault, DUST)),
  ]);
}
