import type { EventSession } from "../events/eventSession.ts";

/** Fees per unit of in-range liquidity that a bar saw, raw token units. */
export interface FeeGrowth {
  readonly feeGrowth0: number;
  readonly feeGrowth1: number;
}

/** Fee growth of consecutive bars, read off a session that is played along with them. */
export function growthOfBars(
  session: Pick<EventSession, "advance" | "feeGrowth">,
  ends: readonly number[],
): readonly FeeGrowth[] {
  let last = session.feeGrowth();
  return ends.map((end) => {
    session.advance(end, () => {});
    const now = session.feeGrowth();
    const growth = {
      feeGrowth0: since(now.feeGrowth0, last.feeGrowth0),
      feeGrowth1: since(now.feeGrowth1, last.feeGrowth1),
    };
    last = now;
    return growth;
  });
}

const since = (now: bigint, before: bigint): number => Number(BigInt.asUintN(256, now - before)) / 2 ** 128;
