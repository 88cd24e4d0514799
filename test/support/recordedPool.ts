import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { type Abi, decodeEventLog, decodeFunctionResult, encodeFunctionData } from "viem";
import { seededRandom } from "../../ml/random.ts";
import { UNLIMITED } from "../../ml/sim/exact/orders.ts";
import type { Address, Hex } from "../../ml/types.ts";
import { ceilToSpacing, floorToSpacing, getSqrtPriceAtTick, MAX_TICK, MIN_TICK } from "../../ml/units.ts";
import { marketActorAbi, marketPoolAbi } from "../../rebalancer/cli/demo/market/actor.ts";
import { enqueue, fund, MARKET_OPERATOR, type MarketCall, mine } from "../../rebalancer/cli/demo/market/chain.ts";
import { deployLocal, type LocalDeployment } from "../../rebalancer/cli/demo/market/deployLocal.ts";
import { positionKey } from "../../rebalancer/cli/demo/market/poolStorage.ts";
import type { Rpc } from "../../rebalancer/cli/demo/rpc.ts";
import { localArtifacts } from "./localArtifacts.ts";

/** Calls a view function of a contract on the local chain. */
export async function view(rpc: Rpc, address: Address, abi: Abi, functionName: string, args: readonly unknown[] = []) {
  const data = encodeFunctionData({ abi, functionName, args });
  const answer = await rpc.call<Hex>("eth_call", [{ to: address, data }, "latest"]);
  return decodeFunctionResult({ abi, functionName, data: answer }) as never;
}

export const KNOWN: Address = "0x00000000000000000000000000000000000c0001";
export const FORGOTTEN: Address = "0x00000000000000000000000000000000000c0002";

const SPACING = 60;
const FULL: [number, number] = [ceilToSpacing(MIN_TICK, SPACING), floorToSpacing(MAX_TICK, SPACING)];

/**
 * Makes a small market on a fresh chain and records it in the format of the data folder: a state file that lacks what
 * real ones lack (one owner's positions, the outermost ticks), and events with swaps of all orders, prices left on
 * initialised ticks from both sides, mints, and burns of positions that the state does not know.
 */
export async function recordPool(rpc: Rpc, folder: string, options: { seed: number; withState: boolean }) {
  const random = seededRandom(options.seed);
  const deployment = await deployLocal(rpc, {
    token0: { symbol: "WBTC", decimals: 8 },
    token1: { symbol: "WETH", decimals: 18 },
    feePips: 3000,
    tickSpacing: SPACING,
    sqrtPriceX96: getSqrtPriceAtTick(256_895) + 12_345n,
    observationCardinality: 8,
    outFolder: localArtifacts(),
  });
  await fund(rpc, [KNOWN, FORGOTTEN]);
  await rpc.call("evm_setAutomine", [false]);
  const actor = (functionName: "play" | "mintFor", args: readonly unknown[]): MarketCall => ({
    from: MARKET_OPERATOR,
    to: deployment.actor,
    data: encodeFunctionData({ abi: marketActorAbi as Abi, functionName, args }),
  });
  const mint = (owner: Address, tickLower: number, tickUpper: number, liquidity: bigint) =>
    actor("mintFor", [owner, { tickLower, tickUpper, liquidity }]);
  const burn = (owner: Address, lower: number, upper: number, liquidity: bigint): MarketCall => ({
    from: owner,
    to: deployment.pool,
    data: encodeFunctionData({ abi: marketPoolAbi, functionName: "burn", args: [lower, upper, liquidity] }),
  });
  const collect = (owner: Address, lower: number, upper: number): MarketCall => ({
    from: owner,
    to: deployment.pool,
    data: encodeFunctionData({
      abi: marketPoolAbi,
      functionName: "collect",
      args: [owner, lower, upper, 2n ** 100n, 2n ** 100n],
    }),
  });
  const swap = (zeroForOne: boolean, amountSpecified: bigint, limit?: bigint) =>
    actor("play", [
      [
        {
          zeroForOne,
          amountSpecified,
          sqrtPriceLimitX96: limit ?? (zeroForOne ? getSqrtPriceAtTick(200_000) : getSqrtPriceAtTick(300_000)),
        },
      ],
    ]);
  let timestamp = 1_700_000_000;
  const block = async (calls: readonly MarketCall[]) => {
    timestamp += 12 + Math.floor(random() * 300);
    return mine(rpc, timestamp, await enqueue(rpc, calls));
  };

  await block([
    mint(KNOWN, ...FULL, 4n * 10n ** 17n),
    mint(FORGOTTEN, ...FULL, 10n ** 17n),
    mint(KNOWN, 256_440, 257_340, 2n * 10n ** 18n),
    mint(FORGOTTEN, 256_800, 256_980, 10n ** 18n),
    mint(FORGOTTEN, 256_860, 256_920, 7n * 10n ** 17n),
  ]);
  await block([swap(true, 10n ** 7n), swap(false, 10n ** 17n)]);
  const stateText = JSON.stringify(await readState(rpc, deployment), (_, v) => (typeof v === "bigint" ? `${v}` : v));

  const rows: string[] = [];
  const record = async (calls: readonly MarketCall[]) => {
    const mined = await block(calls);
    const logs = mined.receipts
      .flatMap(({ logs: all }) => all)
      .filter((log) => log.address === deployment.pool.toLowerCase());
    rows.push(...logs.map((log, i) => csvRow(mined.block, mined.timestamp, i, log)));
  };
  const edgeAbove = getSqrtPriceAtTick(256_920);
  const edgeBelow = getSqrtPriceAtTick(256_860);
  await record([swap(false, UNLIMITED, edgeAbove)]);
  await record([swap(true, 3n * 10n ** 6n), swap(false, -(2n * 10n ** 6n))]);
  await record([swap(true, UNLIMITED, edgeBelow)]);
  // The price lies on an initialised tick that was crossed downwards: the pool reports the tick below.
  await record([swap(false, 5n * 10n ** 16n), burn(FORGOTTEN, 256_860, 256_920, 7n * 10n ** 17n)]);
  await record([mint(KNOWN, 256_800, 257_100, 3n * 10n ** 17n), burn(FORGOTTEN, 256_800, 256_980, 0n)]);
  await record([burn(FORGOTTEN, ...FULL, 4n * 10n ** 16n), collect(FORGOTTEN, ...FULL), swap(true, -(10n ** 18n))]);
  // Limits between two ticks: no whole amount of tokens leads there.
  await record([swap(true, UNLIMITED, getSqrtPriceAtTick(256_830) + 987_654_321n)]);
  await record([swap(false, UNLIMITED, getSqrtPriceAtTick(256_905) + 123_456_789n)]);
  for (let i = 0; i < 40; i++) {
    const down = random() < 0.5;
    const size = BigInt(Math.floor(random() * 1e6));
    const kind = random();
    const amount = down === kind < 0.7 ? size * 400n : size * 60_000_000_000_000n;
    await record([swap(down, kind < 0.7 ? amount : -amount)].slice(0, amount === 0n ? 0 : 1));
  }
  await record([burn(FORGOTTEN, 256_800, 256_980, 10n ** 18n), swap(true, 777n), swap(false, 1n)]);
  await record([swap(false, 6n * 10n ** 19n), burn(KNOWN, 256_800, 257_100, 10n ** 17n)]);

  const header =
    "block_number,timestamp,tx_index,log_index,type,sender,recipient_or_owner,amount0,amount1,sqrt_price_x96,liquidity,tick,tick_lower,tick_upper,liquidity_delta,tx_hash";
  mkdirSync(join(folder, "pools"), { recursive: true });
  const name = "ethereum_wbtc_weth_03_events_generated";
  writeFileSync(join(folder, "pools", `${name}.csv.gz`), gzipSync(`${[header, ...rows].join("\n")}\n`));
  if (options.withState)
    writeFileSync(join(folder, "pools", "ethereum_wbtc_weth_03_state_block2.json.gz"), gzipSync(stateText));
  return { name, rows: rows.length, deployment };
}

function csvRow(block: number, timestamp: number, index: number, log: { topics: [Hex, ...Hex[]]; data: Hex }): string {
  const { eventName, args } = decodeEventLog({ abi: marketPoolAbi, topics: log.topics, data: log.data });
  const head = [block, timestamp, index, index, eventName.toUpperCase()];
  if (eventName === "Swap") {
    const { sender, recipient, amount0, amount1, sqrtPriceX96, liquidity, tick } = args;
    return [...head, sender, recipient, amount0, amount1, sqrtPriceX96, liquidity, tick, "", "", "", "0x00"].join(",");
  }
  const sign = eventName === "Mint" ? 1n : -1n;
  const delta = eventName === "Collect" ? "" : sign * args.amount;
  const range = [args.tickLower, args.tickUpper];
  return [...head, "", args.owner, args.amount0, args.amount1, "", "", "", ...range, delta, "0x00"].join(",");
}

/** The pool as a state file writes it, without what one owner holds and without the outermost ticks. */
async function readState(rpc: Rpc, { pool, token0, token1 }: LocalDeployment) {
  const read = (functionName: string, args: readonly unknown[] = []) =>
    view(rpc, pool, marketPoolAbi as Abi, functionName, args) as Promise<never>;
  const slot0 = (await read("slot0")) as [bigint, number, number, number, number, number, boolean];
  const ticks: Record<string, unknown> = {};
  // Keys in no order, as in real files.
  for (const tick of [256_980, 256_440, 257_340, 256_800, 256_920, 256_860]) {
    const [gross, net, out0, out1, cumulative, seconds, outside, initialized] = (await read("ticks", [
      tick,
    ])) as unknown[];
    ticks[tick] = {
      liquidityGross: gross,
      liquidityNet: net,
      feeGrowthOutside0X128: out0,
      feeGrowthOutside1X128: out1,
      tickCumulativeOutside: cumulative,
      secondsPerLiquidityOutsideX128: seconds,
      secondsOutside: outside,
      initialized,
    };
  }
  const positions: Record<string, unknown> = {};
  for (const [lower, upper] of [FULL, [256_440, 257_340]] as const) {
    const [liquidity, in0, in1, owed0, owed1] = (await read("positions", [
      positionKey(KNOWN, lower, upper),
    ])) as unknown[];
    positions[`${KNOWN}${lower}${upper}`] = {
      liquidity,
      feeGrowthInside0LastX128: in0,
      feeGrowthInside1LastX128: in1,
      tokensOwed0: owed0,
      tokensOwed1: owed1,
    };
  }
  const observations = [];
  for (let i = 0; i < slot0[3]; i++) {
    const [blockTimestamp, tickCumulative, seconds, initialized] = (await read("observations", [i])) as unknown[];
    observations.push({ blockTimestamp, tickCumulative, secondsPerLiquidityCumulativeX128: seconds, initialized });
  }
  const [owed0, owed1] = (await read("protocolFees")) as [bigint, bigint];
  const balanceOf = async (token: Address) =>
    BigInt(
      await rpc.call<Hex>("eth_call", [
        { to: token, data: `0x70a08231${pool.slice(2).toLowerCase().padStart(64, "0")}` },
        "latest",
      ]),
    );
  return {
    poolAddress: pool,
    block: 2,
    data: {
      token0,
      token1,
      fee: 3000,
      tickSpacing: SPACING,
      feeGrowthGlobal0X128: await read("feeGrowthGlobal0X128"),
      feeGrowthGlobal1X128: await read("feeGrowthGlobal1X128"),
      protocolFees: { token0: owed0, token1: owed1 },
      liquidity: await read("liquidity"),
      slot0: {
        sqrtPriceX96: slot0[0],
        tick: slot0[1],
        observationIndex: slot0[2],
        observationCardinality: slot0[3],
        feeProtocol: slot0[4],
      },
      balance0: await balanceOf(token0),
      balance1: await balanceOf(token1),
      ticks,
      positions,
      observations,
    },
  };
}
