import { describe, expect, it } from "vitest";
import type { PoolEvent } from "../../../../ml/data/events.ts";
import type { MarketData } from "../../../../ml/data/market.ts";
import type { PoolState } from "../../../../ml/data/state.ts";
import { completeState } from "../../../../ml/sim/exact/complete.ts";
import { PoolStateError, planReplay } from "../../../../ml/sim/exact/plan.ts";
import { NoSwapsError, reconstructState } from "../../../../ml/sim/exact/reconstruct.ts";
import type { Address } from "../../../../ml/types.ts";
import { getSqrtPriceAtTick } from "../../../../ml/units.ts";

const OWNER: Address = "0x00000000000000000000000000000000000c0001";
const base = {
  timestamp: 1_700_000_000,
  sender: null,
  owner: OWNER,
  amount0: 0n,
  amount1: 0n,
  gasPriceWei: null,
  gasUsed: null,
};
let order = 0;
const at = () => ({ ...base, block: 100 + order, order: order++ });

const swapTo = (tick: number, liquidity: bigint): PoolEvent => ({
  ...at(),
  type: "SWAP",
  amount0: 10n,
  amount1: -10n,
  sqrtPriceX96: getSqrtPriceAtTick(tick) + 1n,
  liquidity,
  tick,
  tickLower: null,
  tickUpper: null,
  liquidityDelta: null,
});
const change = (type: "MINT" | "BURN", tickLower: number, tickUpper: number, liquidityDelta: bigint): PoolEvent => ({
  ...at(),
  type,
  tickLower,
  tickUpper,
  liquidityDelta,
  sqrtPriceX96: null,
  liquidity: null,
  tick: null,
});

const market = (events: PoolEvent[], state: PoolState | null = null): MarketData => ({
  name: "test",
  eventFile: "test.csv",
  stateFile: null,
  events,
  state,
  notes: [],
  pool: {
    chainId: 1,
    address: null,
    token0: { symbol: "A", decimals: 18, address: null },
    token1: { symbol: "B", decimals: 18, address: null },
    feePips: 3000,
    tickSpacing: 60,
  },
});

/** Liquidity at the start at a tick, from the nets of the ticks below. */
const liquidityAt = (state: PoolState, tick: number) =>
  state.ticks.reduce((sum, t) => (t.tick <= tick ? sum + t.liquidityNet : sum), 0n);

describe("a pool reconstructed from events", () => {
  it("starts with what was seen after each swap less what was minted and burned before it", () => {
    const events = [
      swapTo(10, 1000n),
      change("MINT", -60, 120, 50n),
      swapTo(70, 850n),
      change("BURN", 0, 120, -20n),
      swapTo(20, 1030n),
    ];
    const { state, seenSpans, spans, contradictions } = reconstructState(market(events));
    expect([seenSpans, spans, contradictions]).toEqual([2, 2, 0]);
    expect(state.tick).toBe(10);
    expect(state.liquidity).toBe(1000n);
    expect(liquidityAt(state, 10)).toBe(1000n);
    expect(liquidityAt(state, 70)).toBe(800n);
    // Beyond what was seen: the nearest.
    expect(liquidityAt(state, -5000)).toBe(1000n);
    expect(liquidityAt(state, 5000)).toBe(800n);
    expect(state.ticks.reduce((sum, t) => sum + t.liquidityNet, 0n)).toBe(0n);
  });

  it("counts swaps that contradict each other", () => {
    expect(reconstructState(market([swapTo(10, 1000n), swapTo(20, 999n)])).contradictions).toBe(1);
  });

  it("starts a span that nobody swapped in with at least what is burned from it", () => {
    const events = [swapTo(10, 10n), change("BURN", 6000, 6060, -500n)];
    const { state } = reconstructState(market(events));
    expect(liquidityAt(state, 6030)).toBe(500n);
    expect(liquidityAt(state, 5000)).toBe(10n);
  });

  it("keeps a tick alive for positions that cancel there, when one of them is burned", () => {
    // At tick 60 as much liquidity ends as begins, so that nothing shows but the burn.
    const { state } = reconstructState(market([swapTo(10, 1000n), change("BURN", 0, 60, -400n), swapTo(70, 1000n)]));
    const tick = state.ticks.find((t) => t.tick === 60);
    expect([tick?.liquidityGross, tick?.liquidityNet]).toEqual([800n, 0n]);
    expect(liquidityAt(state, 10)).toBe(1000n);
  });

  it("refuses a market without swaps", () => {
    const empty = market([change("MINT", 0, 60, 1n)]);
    expect(() => reconstructState(empty)).toThrow(NoSwapsError);
    expect(() => planReplay(empty)).toThrow("no swap");
  });
});

const partial: PoolState = {
  ...reconstructState(market([swapTo(10, 1000n)])).state,
  feeGrowthGlobal0X128: 777n,
  ticks: [],
};

describe("a partial state", () => {
  it("gets the positions that are burned later, and their ticks", () => {
    const events = [change("MINT", 0, 60, 5n), change("BURN", 0, 60, -12n), change("BURN", -120, 60, -3n)];
    const { state, deducedPositions, deducedTicks } = completeState(partial, events);
    expect([deducedPositions, deducedTicks]).toEqual([2, 3]);
    expect(state.positions.map(({ tickLower, liquidity }) => [tickLower, liquidity])).toEqual([
      [0, 7n],
      [-120, 3n],
    ]);
    expect(state.ticks.map(({ tick, liquidityGross, liquidityNet }) => [tick, liquidityGross, liquidityNet])).toEqual([
      [-120, 3n, 3n],
      [0, 7n, 7n],
      [60, 10n, -10n],
    ]);
    // A position that was not known has earned nothing yet: its mark is the growth inside its range now.
    expect(state.positions.map((p) => p.feeGrowthInside0LastX128)).toEqual([0n, 0n]);
    expect(state.ticks.map((t) => t.feeGrowthOutside0X128)).toEqual([777n, 777n, 0n]);
  });

  it("leaves ticks that are there as they are, since they count such positions already", () => {
    const ticks = completeState(partial, [change("BURN", 0, 60, -12n)]).state.ticks.map((tick) => ({
      ...tick,
      liquidityGross: 100n,
    }));
    const { state, deducedTicks } = completeState({ ...partial, ticks }, [change("BURN", 0, 60, -12n)]);
    expect(deducedTicks).toBe(0);
    expect(state.ticks).toEqual(ticks);
  });

  it("must not have seen anything after the first event", () => {
    const observations = [
      { blockTimestamp: base.timestamp, tickCumulative: 0n, secondsPerLiquidityCumulativeX128: 0n, initialized: true },
    ];
    const late = market([swapTo(10, 1000n)], { ...partial, observations });
    expect(() => planReplay(late)).toThrow(PoolStateError);
    expect(() => planReplay(late)).toThrow(String(base.timestamp));
  });
});
