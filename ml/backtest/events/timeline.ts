/** A moment that the record knows both the block and the time of. */
export interface BlockTime {
  readonly block: number;
  readonly timestamp: number;
}

/** Seconds per block where the record does not tell: by chain id, else mainnet's. */
export const blockSecondsOf = (chainId: number): number =>
  ({ 1: 12, 10: 2, 56: 3, 137: 2, 8453: 2, 42161: 0.25 })[chainId] ?? 12;

export interface Timeline {
  /** The newest block at or before a time. */
  blockAt(seconds: number): number;
  /** When a block is made, whole seconds rounded up. */
  timeOf(block: number): number;
}

/** Two lists of known moments as one, in order. Where both name a block they must agree; the first is kept. */
export function mergeTimes(recorded: readonly BlockTime[], more: readonly BlockTime[]): readonly BlockTime[] {
  if (more.length === 0) return recorded;
  const byBlock = new Map(more.map(({ block, timestamp }) => [block, { block, timestamp }]));
  for (const { block, timestamp } of recorded) byBlock.set(block, { block, timestamp });
  return [...byBlock.values()].sort((a, b) => a.block - b.block);
}

/** Blocks between recorded ones are taken to be evenly spaced, those outside of the record to come at the chain's pace. */
export function createTimeline(known: readonly BlockTime[], blockSeconds: number): Timeline {
  const first = known[0] as BlockTime;
  const last = known.at(-1) as BlockTime;
  const lastBefore = (isAfter: (at: BlockTime) => boolean): number => {
    let [low, high] = [0, known.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isAfter(known[middle] as BlockTime)) high = middle;
      else low = middle + 1;
    }
    return low - 1;
  };
  return {
    blockAt(seconds) {
      const i = lastBefore(({ timestamp }) => timestamp > seconds);
      if (i < 0) return first.block - Math.ceil((first.timestamp - seconds) / blockSeconds);
      const [a, b] = [known[i] as BlockTime, known[i + 1]];
      if (b === undefined) return last.block + Math.floor((seconds - last.timestamp) / blockSeconds);
      const share = (seconds - a.timestamp) / (b.timestamp - a.timestamp);
      return Math.min(b.block - 1, a.block + Math.floor(share * (b.block - a.block)));
    },
    timeOf(block) {
      const i = lastBefore((at) => at.block > block);
      if (i < 0) return Math.ceil(first.timestamp - (first.block - block) * blockSeconds);
      const [a, b] = [known[i] as BlockTime, known[i + 1]];
      if (b === undefined) return Math.ceil(last.timestamp + (block - last.block) * blockSeconds);
      return Math.ceil(a.timestamp + ((block - a.block) / (b.block - a.block)) * (b.timestamp - a.timestamp));
    },
  };
}
