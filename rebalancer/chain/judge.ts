import type { Hex } from "../../ml/types.ts";

/** What one node says of the chain, as far as nodes are compared. */
export interface Testimony {
  readonly head: number;
  /** Hash that it gives the block at the height that all were asked for; null = it did not say. */
  readonly hashAtHeight: Hex | null;
}

export type Verdict = "ok" | "lagging" | "forked";

/** The height at which nodes are compared: the lowest head of those that are not too far behind. */
export function commonHeight(heads: readonly number[], maxLagBlocks: number): number {
  const best = Math.max(...heads);
  return Math.min(...heads.filter((head) => best - head <= maxLagBlocks));
}

/**
 * Judges nodes against each other: one that is too far behind the best lags; of those that differ at the common height
 * the most are believed, among as many the one with the newest head, among equals the one that is configured first.
 */
export function judge(testimonies: readonly Testimony[], maxLagBlocks: number): readonly Verdict[] {
  const best = Math.max(...testimonies.map(({ head }) => head));
  const lags = ({ head }: Testimony) => best - head > maxLagBlocks;
  const camps = new Map<Hex, { votes: number; newest: number }>();
  for (const one of testimonies) {
    if (lags(one) || one.hashAtHeight === null) continue;
    const camp = camps.get(one.hashAtHeight) ?? { votes: 0, newest: 0 };
    camps.set(one.hashAtHeight, { votes: camp.votes + 1, newest: Math.max(camp.newest, one.head) });
  }
  const [believed] = [...camps].sort(([, a], [, b]) => b.votes - a.votes || b.newest - a.newest)[0] ?? [null];
  return testimonies.map((one) => {
    if (lags(one)) return "lagging";
    return one.hashAtHeight === null || one.hashAtHeight === believed ? "ok" : "forked";
  });
}
