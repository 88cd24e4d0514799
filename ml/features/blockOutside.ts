import type { PoolHistory } from "../types.ts";
import type { Outside } from "./outsideSeries.ts";

const WEI_PER_GWEI = 1e9;

/** What a block's own header tells of the world: its base fee. On a chain without one it is missing, as all else is. */
export const blockOutside = (atSeconds: number, baseFeePerGas: bigint): Outside =>
  baseFeePerGas === 0n
    ? {}
    : {
        base_fee: {
          at: [atSeconds],
          knowable: [atSeconds],
          values: [Number(baseFeePerGas) / WEI_PER_GWEI],
          maxAgeSeconds: 0,
        },
      };

/** A history with what its last block's header tells; undefined = that was not kept. */
export const withBaseFee = (history: PoolHistory, baseFeePerGas: bigint | undefined): PoolHistory =>
  baseFeePerGas === undefined ? history : { ...history, outside: blockOutside(history.toTimestamp, baseFeePerGas) };
