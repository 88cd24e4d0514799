import { MAX_UINT256, Q128, uint128, uint256 } from "./integers.ts";
import { requireInitialised } from "./liquidity.ts";
import { contractRequires } from "./revert.ts";
import type { Storage } from "./storage.ts";
import type { Amounts } from "./types.ts";

/** Gives what a flash loan paid beyond the lent amounts to the protocol and to the liquidity in range. */
export function flash(storage: Storage, paid0: bigint, paid1: bigint): void {
  requireInitialised(storage, "flash");
  const { liquidity, feeProtocol } = storage;
  contractRequires(liquidity > 0n, "flash", "L", "there must be liquidity in range");
  const share0 = share(paid0, feeProtocol & 15, liquidity);
  const share1 = share(paid1, feeProtocol >> 4, liquidity);
  storage.protocolFees0 = uint128(storage.protocolFees0 + share0.protocol);
  storage.protocolFees1 = uint128(storage.protocolFees1 + share1.protocol);
  storage.feeGrowthGlobal0X128 = uint256(storage.feeGrowthGlobal0X128 + share0.growth);
  storage.feeGrowthGlobal1X128 = uint256(storage.feeGrowthGlobal1X128 + share1.growth);
}

function share(paid: bigint, protocolPart: number, liquidity: bigint) {
  const fees = protocolPart === 0 ? 0n : paid / BigInt(protocolPart);
  const growth = ((paid - fees) * Q128) / liquidity;
  contractRequires(growth <= MAX_UINT256, "flash", "", "its fee growth must fit in 256 bits");
  return { protocol: uint128(fees), growth };
}

/** Denominators of the protocol's part of the fees: 0 = none, else 4 to 10. */
export function setFeeProtocol(storage: Storage, feeProtocol0: number, feeProtocol1: number): void {
  requireInitialised(storage, "setFeeProtocol");
  for (const part of [feeProtocol0, feeProtocol1]) {
    const allowed = part === 0 || (part >= 4 && part <= 10);
    contractRequires(allowed, "setFeeProtocol", "", `a protocol fee must be 0 or from 4 to 10, got ${part}`);
  }
  storage.feeProtocol = feeProtocol0 + (feeProtocol1 << 4);
}

/** Pays the protocol's fees, at most what is asked for; the last unit stays, so that the slot is never emptied. */
export function collectProtocol(storage: Storage, amount0: bigint, amount1: bigint): Amounts {
  requireInitialised(storage, "collectProtocol");
  const paid0 = payable(storage.protocolFees0, amount0);
  const paid1 = payable(storage.protocolFees1, amount1);
  storage.protocolFees0 -= paid0;
  storage.protocolFees1 -= paid1;
  return { amount0: paid0, amount1: paid1 };
}

function payable(owed: bigint, requested: bigint): bigint {
  if (requested < owed) return requested;
  return owed > 0n ? owed - 1n : 0n;
}
