import type { PositionState } from "../../data/state.ts";
import { uint128, uint256 } from "./integers.ts";
import { contractRequires } from "./revert.ts";
import { addLiquidity, type FeeGrowth } from "./ticks.ts";
import type { PositionKey } from "./types.ts";

/** One text per position: owner in lower case, then both ticks. */
export const positionId = ({ owner, tickLower, tickUpper }: PositionKey): string =>
  `${owner.toLowerCase()} ${tickLower} ${tickUpper}`;

export const emptyPosition = ({ owner, tickLower, tickUpper }: PositionKey): PositionState => ({
  owner: owner.toLowerCase() as PositionKey["owner"],
  tickLower,
  tickUpper,
  liquidity: 0n,
  feeGrowthInside0LastX128: 0n,
  feeGrowthInside1LastX128: 0n,
  tokensOwed0: 0n,
  tokensOwed1: 0n,
});

/** Fees earned since the position was last touched, cut to 128 bits as the contract cuts them. */
export function feesSince(held: PositionState, inside: FeeGrowth): { readonly fees0: bigint; readonly fees1: bigint } {
  const earned = (now: bigint, last: bigint) => uint128((uint256(now - last) * held.liquidity) >> 128n);
  return {
    fees0: earned(inside.feeGrowth0X128, held.feeGrowthInside0LastX128),
    fees1: earned(inside.feeGrowth1X128, held.feeGrowthInside1LastX128),
  };
}

/** A position after its fees are credited and its liquidity changed; owed amounts wrap round at 2^128. */
export function updatePosition(
  operation: string,
  held: PositionState,
  delta: bigint,
  inside: FeeGrowth,
): PositionState {
  contractRequires(delta !== 0n || held.liquidity > 0n, operation, "NP", "a position without liquidity has no fees");
  const liquidity = delta === 0n ? held.liquidity : addLiquidity(operation, held.liquidity, delta);
  const { fees0, fees1 } = feesSince(held, inside);
  return {
    ...held,
    liquidity,
    feeGrowthInside0LastX128: inside.feeGrowth0X128,
    feeGrowthInside1LastX128: inside.feeGrowth1X128,
    tokensOwed0: uint128(held.tokensOwed0 + fees0),
    tokensOwed1: uint128(held.tokensOwed1 + fees1),
  };
}
