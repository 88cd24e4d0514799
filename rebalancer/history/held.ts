import type { Hex, SwapEvent } from "../../ml/types.ts";

/** A block up to which everything is held. */
export interface Checkpoint {
  readonly block: number;
  readonly hash: Hex;
}

/** The swaps of one pool from a time on, without a gap. Swaps are never changed: later histories hold the same objects. */
export interface Held {
  fromTimestamp: number;
  startsAtGenesis: boolean;
  readonly fromBlock: number;
  /** In chain order. */
  readonly swaps: SwapEvent[];
  /** Newest last: everything up to the last one is held. */
  readonly checkpoints: Checkpoint[];
  /** Newest block at which the last swap's price was seen to be the pool's. */
  agreedBlock: number;
}

/** Blocks whose hashes are remembered, to find where a reorganised chain still agrees. */
export const CHECKPOINTS = 256;
/** Swaps that are too old go when there are so many of them: taking from the front of a list costs its whole length. */
const EXPIRED_AT_ONCE = 1_000;

/** The first block that is not held. */
export const nextBlock = ({ checkpoints, fromBlock }: Held): number => (checkpoints.at(-1)?.block ?? fromBlock - 1) + 1;

/** Adds what follows; the swaps are those of all blocks up to the checkpoint. */
export function append(held: Held, found: readonly SwapEvent[], checkpoint: Checkpoint): void {
  // one by one: a list that is too long cannot be spread
  for (const swap of found) held.swaps.push(swap);
  held.checkpoints.push(checkpoint);
  if (held.checkpoints.length > 2 * CHECKPOINTS) held.checkpoints.splice(0, held.checkpoints.length - CHECKPOINTS);
}

/** Forgets everything after a block, of which the checkpoint must be held. */
export function dropAfter(held: Held, block: number): void {
  while ((held.checkpoints.at(-1)?.block ?? -1) > block) held.checkpoints.pop();
  const kept = held.checkpoints.at(-1)?.block ?? held.fromBlock - 1;
  held.swaps.splice(lastUpTo(held.swaps, kept));
  held.agreedBlock = Math.min(held.agreedBlock, kept);
}

/** Forgets swaps from before a time, when they are many; whether it did. */
export function expire(held: Held, sinceTimestamp: number): boolean {
  const expired = firstSince(held.swaps, sinceTimestamp);
  if (expired <= EXPIRED_AT_ONCE) return false;
  held.swaps.splice(0, expired);
  held.fromTimestamp = Math.max(held.fromTimestamp, sinceTimestamp);
  held.startsAtGenesis = false;
  return true;
}

/** The swaps from a time on, up to a block. */
export const between = ({ swaps }: Held, fromTimestamp: number, toBlock: number): readonly SwapEvent[] =>
  swaps.slice(firstSince(swaps, fromTimestamp), lastUpTo(swaps, toBlock));

/** The last swap up to a block; undefined when none is held. */
export const lastSwap = ({ swaps }: Held, toBlock: number): SwapEvent | undefined =>
  swaps[lastUpTo(swaps, toBlock) - 1];

const firstSince = (swaps: readonly SwapEvent[], timestamp: number) =>
  bisect(swaps, (swap) => swap.timestamp >= timestamp);
const lastUpTo = (swaps: readonly SwapEvent[], block: number) => bisect(swaps, (swap) => swap.block > block);

/** Index of the first swap for which it holds, as it does for all after it; their number when for none. */
function bisect(swaps: readonly SwapEvent[], holds: (swap: SwapEvent) => boolean): number {
  let [low, high] = [0, swaps.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(swaps[middle] as SwapEvent)) high = middle;
    else low = middle + 1;
  }
  return low;
}
