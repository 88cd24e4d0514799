import { decodeEventLog } from "viem";
import { MODES, marketActorAbi, marketPoolAbi } from "./actor.ts";
import type { ChainReceipt } from "./chain.ts";
import type { LocalDeployment } from "./deployLocal.ts";
import type { SwapResult } from "./market.ts";

/** What the market's transactions of one block did, in order. */
export interface MarketOutcome {
  /** `result` is null for a skipped swap. */
  readonly swaps: readonly { mode: (typeof MODES)[number]; result: SwapResult | null }[];
  /** Mints and burns. */
  readonly liquidity: readonly { amount0: bigint; amount1: bigint }[];
}

/** Reads what the market's transactions did from the pool's logs and the actor's marks between them. */
export function readReceipts(
  receipts: readonly ChainReceipt[],
  { pool, actor }: Pick<LocalDeployment, "pool" | "actor">,
): MarketOutcome {
  const swaps: { mode: (typeof MODES)[number]; result: SwapResult | null }[] = [];
  const liquidity: { amount0: bigint; amount1: bigint }[] = [];
  let result: SwapResult | null = null;
  for (const log of receipts.flatMap((receipt) => receipt.logs)) {
    const { topics, data } = log;
    if (log.address.toLowerCase() === actor.toLowerCase()) {
      const { args } = decodeEventLog({ abi: marketActorAbi, eventName: "Played", topics, data });
      swaps.push({ mode: MODES[args.mode] ?? "skipped", result });
      result = null;
    } else if (log.address.toLowerCase() === pool.toLowerCase()) {
      const decoded = decodeEventLog({ abi: marketPoolAbi, topics, data });
      if (decoded.eventName === "Swap") {
        const { amount0, amount1, sqrtPriceX96, tick, liquidity: inRange } = decoded.args;
        result = { amount0, amount1, sqrtPriceX96, tick, liquidity: inRange };
      } else if (decoded.eventName === "Mint" || decoded.eventName === "Burn") {
        liquidity.push({ amount0: decoded.args.amount0, amount1: decoded.args.amount1 });
      }
    }
  }
  return { swaps, liquidity };
}
