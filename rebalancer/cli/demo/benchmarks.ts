import { decodeFunctionResult, encodeFunctionData, encodePacked, keccak256 } from "viem";
import type { Address, Hex, Numeraire, PoolMeta, Range } from "../../../ml/types.ts";
import { ceilToSpacing, floorToSpacing, MAX_TICK, MIN_TICK } from "../../../ml/units.ts";
import { uniswapV3PoolAbi } from "../../../sdk/abi/uniswapV3Pool.ts";
import { amountsOf, worthOf } from "../../report/worth.ts";
import { marketActorAbi } from "./market/actor.ts";
import { enqueue, MARKET_OPERATOR } from "./market/chain.ts";
import type { Rpc, RpcCall } from "./rpc.ts";

/** A real position in the same pool that is opened with the vault and never touched: an alternative to the vault. */
export interface Benchmark {
  readonly name: string;
  readonly range: Range;
  readonly owner: Address;
}

export interface PoolPoint {
  readonly sqrtPriceX96: bigint;
  readonly tick: number;
}

/** Liquidity of a benchmark position as a share of the pool's: too little to dilute anyone. */
const SHARE = 100_000n;
const HALF_WIDTHS = [0.1, 0.03];

/** Opens a full-range position and two fixed widths around spot, each for a holder of its own, with the next block. */
export async function openBenchmarks(rpc: Rpc, pool: PoolMeta, actor: Address): Promise<Benchmark[]> {
  const spacing = pool.tickSpacing;
  const [slot0, active] = (await rpc.batch([
    call(pool.address, encodeFunctionData({ abi: uniswapV3PoolAbi, functionName: "slot0" })),
    call(pool.address, encodeFunctionData({ abi: uniswapV3PoolAbi, functionName: "liquidity" })),
  ])) as readonly [Hex, Hex];
  const tick = decodeFunctionResult({ abi: uniswapV3PoolAbi, functionName: "slot0", data: slot0 })[1];
  const around = (halfWidth: number): Range => {
    const ticks = Math.log(1 + halfWidth) / Math.log(1.0001);
    return { lowerTick: floorToSpacing(tick - ticks, spacing), upperTick: ceilToSpacing(tick + ticks, spacing) };
  };
  const full = { lowerTick: ceilToSpacing(MIN_TICK, spacing), upperTick: floorToSpacing(MAX_TICK, spacing) };
  const benchmarks: Benchmark[] = [
    { name: "full range", range: full, owner: holder(0) },
    ...HALF_WIDTHS.map((halfWidth, index) => ({
      name: `fixed ±${halfWidth * 100} %`,
      range: around(halfWidth),
      owner: holder(index + 1),
    })),
  ];
  const liquidity = BigInt(active) / SHARE + 1_000_000n;
  await enqueue(
    rpc,
    benchmarks.map(({ range, owner }) => ({
      from: MARKET_OPERATOR,
      to: actor,
      data: encodeFunctionData({
        abi: marketActorAbi,
        functionName: "mintFor",
        args: [owner, { tickLower: range.lowerTick, tickUpper: range.upperTick, liquidity }],
      }),
    })),
  );
  return benchmarks;
}

/** An address that holds a benchmark position and does nothing else. */
const holder = (index: number): Address => `0x${(0xbe9c4a00 + index).toString(16).padStart(40, "0")}`;

const MASK_256 = (1n << 256n) - 1n;
const Q128 = 1n << 128n;

type Tick = readonly [bigint, bigint, bigint, bigint, bigint, bigint, number, boolean];
type Position = readonly [bigint, bigint, bigint, bigint, bigint];

/**
 * What each benchmark position is worth now, uncollected fees included, in asset units (raw). Fees follow the pool's
 * own bookkeeping: growth inside the range since the mint, modulo 2^256 (whitepaper, section 6.3).
 */
export async function benchmarkValues(
  rpc: Rpc,
  pool: Address,
  benchmarks: readonly Benchmark[],
  numeraire: Numeraire,
): Promise<{ point: PoolPoint; values: number[] }> {
  const read = (functionName: "slot0" | "feeGrowthGlobal0X128" | "feeGrowthGlobal1X128"): RpcCall =>
    call(pool, encodeFunctionData({ abi: uniswapV3PoolAbi, functionName }));
  const perBenchmark = benchmarks.flatMap(({ range, owner }) => [
    call(pool, encodeFunctionData({ abi: uniswapV3PoolAbi, functionName: "ticks", args: [range.lowerTick] })),
    call(pool, encodeFunctionData({ abi: uniswapV3PoolAbi, functionName: "ticks", args: [range.upperTick] })),
    call(
      pool,
      encodeFunctionData({ abi: uniswapV3PoolAbi, functionName: "positions", args: [positionKey(owner, range)] }),
    ),
  ]);
  const answers = (await rpc.batch([
    read("slot0"),
    read("feeGrowthGlobal0X128"),
    read("feeGrowthGlobal1X128"),
    ...perBenchmark,
  ])) as readonly `0x${string}`[];
  const decode = <Result>(functionName: "slot0" | "feeGrowthGlobal0X128" | "ticks" | "positions", index: number) =>
    decodeFunctionResult({ abi: uniswapV3PoolAbi, functionName, data: answers[index] ?? "0x" }) as Result;

  const slot0 = decode<readonly [bigint, number]>("slot0", 0);
  const point = { sqrtPriceX96: slot0[0], tick: slot0[1] };
  const global0 = decode<bigint>("feeGrowthGlobal0X128", 1);
  const global1 = decode<bigint>("feeGrowthGlobal0X128", 2);
  const values = benchmarks.map(({ range }, index) => {
    const lower = decode<Tick>("ticks", 3 + index * 3);
    const upper = decode<Tick>("ticks", 4 + index * 3);
    const position = decode<Position>("positions", 5 + index * 3);
    const fees = (global: bigint, side: 2 | 3, last: bigint) =>
      (position[0] * ((growthInside(point.tick, range, global, lower[side], upper[side]) - last) & MASK_256)) / Q128;
    const [amount0, amount1] = amountsOf(position[0], range, point.sqrtPriceX96);
    return worthOf(
      amount0 + Number(fees(global0, 2, position[1]) + position[3]),
      amount1 + Number(fees(global1, 3, position[2]) + position[4]),
      point.sqrtPriceX96,
      numeraire,
    );
  });
  return { point, values };
}

const call = (to: Address, data: `0x${string}`): RpcCall => ({ method: "eth_call", params: [{ to, data }, "latest"] });

/** The pool's key of a position. */
export const positionKey = (owner: Address, range: Range) =>
  keccak256(encodePacked(["address", "int24", "int24"], [owner, range.lowerTick, range.upperTick]));

function growthInside(tick: number, range: Range, global: bigint, lowerOutside: bigint, upperOutside: bigint): bigint {
  const below = tick >= range.lowerTick ? lowerOutside : global - lowerOutside;
  const above = tick < range.upperTick ? upperOutside : global - upperOutside;
  return (global - below - above) & MASK_256;
}
