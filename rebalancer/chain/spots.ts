import type { PublicClient } from "viem";
import type { Address, Hex } from "../../ml/types.ts";
import { MAX_SQRT_PRICE_X96, MAX_TICK, MIN_SQRT_PRICE_X96, MIN_TICK } from "../../ml/units.ts";
import { atBlock } from "./atBlock.ts";
import { ChainAnswerError } from "./errors.ts";
import { toHex } from "./quantities.ts";

/** Price, tick and in-range liquidity of a pool. */
export interface Spot {
  readonly sqrtPriceX96: bigint;
  readonly tick: number;
  readonly liquidity: bigint;
}

/** Selectors of slot0() and liquidity(); their answers are words, which needs no decoder. */
const SLOT0 = "0x3850c7bd";
const LIQUIDITY = "0x1a686502";

/** Spots of pools at the end of one block, in their order, all in one request; never throws, each pool has its own fate. */
export async function getSpots(
  client: PublicClient,
  pools: readonly Address[],
  block: { readonly number: number; readonly hash: Hex },
): Promise<readonly PromiseSettledResult<Spot>[]> {
  const at = atBlock(client, block);
  const call = (to: Address, data: Hex) =>
    at.request({ method: "eth_call", params: [{ to, data }, toHex(block.number)] }) as Promise<Hex>;
  return Promise.allSettled(
    pools.map(async (pool) => {
      const [slot0, inRange] = await Promise.all([call(pool, SLOT0), call(pool, LIQUIDITY)]);
      const spot = {
        sqrtPriceX96: word(slot0, 0),
        tick: Number(BigInt.asIntN(256, word(slot0, 1))),
        liquidity: word(inRange, 0),
      };
      const isPrice = spot.sqrtPriceX96 >= MIN_SQRT_PRICE_X96 && spot.sqrtPriceX96 < MAX_SQRT_PRICE_X96;
      if (!isPrice || spot.tick < MIN_TICK || spot.tick > MAX_TICK || spot.liquidity >= 1n << 128n) {
        throw new ChainAnswerError(
          `slot0 of pool ${pool} at block ${block.number}: ${slot0.slice(0, 80)}...; rule: must be a v3 pool's price and tick`,
        );
      }
      return spot;
    }),
  );
}

/** A word of an answer; 0n where the answer is too short, which no price is. */
function word(answer: Hex, index: number): bigint {
  const text = answer.slice(2 + 64 * index, 2 + 64 * (index + 1));
  return text.length === 64 ? BigInt(`0x${text}`) : 0n;
}
