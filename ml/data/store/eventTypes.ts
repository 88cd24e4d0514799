import type { EventBase, PoolEvent } from "../events.ts";

/** The pool's first event: it gets its price. */
export interface PoolInitialize extends EventBase {
  readonly type: "INITIALIZE";
  readonly sqrtPriceX96: bigint;
  readonly tick: number;
}

/** A flash loan; `amount0`, `amount1` were lent, `paid0`, `paid1` came back on top and went to those in range. */
export interface PoolFlash extends EventBase {
  readonly type: "FLASH";
  readonly paid0: bigint;
  readonly paid1: bigint;
}

/** From here on the protocol takes 1/feeProtocol of the swap fees of each token; 0 = nothing. */
export interface PoolSetFeeProtocol extends EventBase {
  readonly type: "SET_FEE_PROTOCOL";
  readonly feeProtocol0: number;
  readonly feeProtocol1: number;
}

/** The protocol took `amount0`, `amount1` of its fees. */
export interface PoolCollectProtocol extends EventBase {
  readonly type: "COLLECT_PROTOCOL";
}

/** Any event that the store keeps; those of positions and swaps are `PoolEvent`s. */
export type StoredEvent = PoolEvent | PoolInitialize | PoolFlash | PoolSetFeeProtocol | PoolCollectProtocol;

/** Whether an event is one of the four types that event files hold. */
export const isPoolEvent = (event: StoredEvent): event is PoolEvent =>
  event.type === "SWAP" || event.type === "MINT" || event.type === "BURN" || event.type === "COLLECT";
