import { decodeFunctionResult, encodeFunctionData } from "viem";
import type { Address, Numeraire, Range } from "../../../ml/types.ts";
import { tickToLnPrice } from "../../../ml/units.ts";
import { rangeVaultAbi } from "../../../sdk/abi/rangeVault.ts";
import { vaultLensAbi } from "../../../sdk/abi/vaultLens.ts";
import { rawPrice, worthOf } from "../../report/worth.ts";
import { type Benchmark, benchmarkValues } from "./benchmarks.ts";
import type { Rpc, RpcCall } from "./rpc.ts";

/** The vault and its alternatives at the end of one block. Values in asset units (raw), prices in human units. */
export interface Snapshot {
  readonly block: number;
  readonly at: number;
  readonly sqrtPriceX96: bigint;
  readonly price: number;
  /** Outer bounds of what is held, in the numeraire's orientation; null when all is idle. */
  readonly lower: number | null;
  readonly upper: number | null;
  readonly inRange: boolean;
  /** Value at spot of idle tokens, positions and uncollected fees. */
  readonly value: number;
  /** The same in human units. */
  readonly nav: number;
  readonly deployedShare: number;
  readonly supply: bigint;
  readonly idle0: bigint;
  readonly idle1: bigint;
  readonly fees: readonly (Range & { readonly fees0: bigint; readonly fees1: bigint })[];
  readonly benchmarks: readonly number[];
}

export interface RecorderParameters {
  readonly rpc: Rpc;
  readonly pool: Address;
  readonly vault: Address;
  readonly lens: Address;
  readonly numeraire: Numeraire;
  readonly decimals0: number;
  readonly decimals1: number;
  readonly benchmarks: readonly Benchmark[];
}

/** Human price (asset per other token) of a tick or of a raw price. */
export function humanPrices({
  numeraire,
  decimals0,
  decimals1,
}: Pick<RecorderParameters, "numeraire" | "decimals0" | "decimals1">) {
  const scale = 10 ** (numeraire === 1 ? decimals0 - decimals1 : decimals1 - decimals0);
  return {
    ofSqrt: (sqrtPriceX96: bigint) => rawPrice(sqrtPriceX96, numeraire) * scale,
    ofTick: (tick: number) => Math.exp(tickToLnPrice(tick, numeraire)) * scale,
  };
}

/** Reads one block's snapshot in two requests. */
export async function takeSnapshot(parameters: RecorderParameters, block: number, at: number): Promise<Snapshot> {
  const { rpc, pool, vault, lens, numeraire } = parameters;
  const prices = humanPrices(parameters);
  const call = (to: Address, data: `0x${string}`): RpcCall => ({
    method: "eth_call",
    params: [{ to, data }, "latest"],
  });
  const [{ point, values }, answers] = await Promise.all([
    benchmarkValues(rpc, pool, parameters.benchmarks, numeraire),
    rpc.batch([
      call(vault, encodeFunctionData({ abi: rangeVaultAbi, functionName: "idle" })),
      call(vault, encodeFunctionData({ abi: rangeVaultAbi, functionName: "totalSupply" })),
      call(lens, encodeFunctionData({ abi: vaultLensAbi, functionName: "positions", args: [vault] })),
    ]) as Promise<readonly `0x${string}`[]>,
  ]);
  const [idle0, idle1] = decodeFunctionResult({ abi: rangeVaultAbi, functionName: "idle", data: answers[0] ?? "0x" });
  const supply = decodeFunctionResult({ abi: rangeVaultAbi, functionName: "totalSupply", data: answers[1] ?? "0x" });
  const positions = decodeFunctionResult({ abi: vaultLensAbi, functionName: "positions", data: answers[2] ?? "0x" });

  const worth = (amount0: bigint, amount1: bigint) =>
    worthOf(Number(amount0), Number(amount1), point.sqrtPriceX96, numeraire);
  const deployed = positions.reduce((sum, p) => sum + worth(p.amount0 + p.fees0, p.amount1 + p.fees1), 0);
  const value = deployed + worth(idle0, idle1);
  const edges = positions.flatMap(({ lowerTick, upperTick }) => [prices.ofTick(lowerTick), prices.ofTick(upperTick)]);
  return {
    block,
    at,
    sqrtPriceX96: point.sqrtPriceX96,
    price: prices.ofSqrt(point.sqrtPriceX96),
    lower: edges.length > 0 ? Math.min(...edges) : null,
    upper: edges.length > 0 ? Math.max(...edges) : null,
    inRange: positions.some(({ lowerTick, upperTick }) => lowerTick <= point.tick && point.tick < upperTick),
    value,
    nav: value / 10 ** (numeraire === 0 ? parameters.decimals0 : parameters.decimals1),
    deployedShare: value > 0 ? deployed / value : 0,
    supply,
    idle0,
    idle1,
    fees: positions.map(({ lowerTick, upperTick, fees0, fees1 }) => ({ lowerTick, upperTick, fees0, fees1 })),
    benchmarks: values,
  };
}
