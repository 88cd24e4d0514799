import type { PoolEvent } from "../../data/events.ts";
import type { PoolState, PositionState, TickState } from "../../data/state.ts";
import type { Address } from "../../types.ts";

/** Stands for an owner that a file does not name. */
export const UNKNOWN_OWNER: Address = "0x000000000000000000000000000000000a11ce02";

/** Who holds the position of a mint, burn or collect; some files write the owner into the sender's column. */
export const positionOwner = (event: PoolEvent): Address => event.owner ?? event.sender ?? UNKNOWN_OWNER;

const keyOf = (owner: Address, lower: number, upper: number) => `${owner.toLowerCase()} ${lower} ${upper}`;

export interface CompletedState {
  readonly state: PoolState;
  /** Positions that the events burn without the state holding them, in full or in part. */
  readonly deducedPositions: number;
  /** Ticks that such positions, or positions of the state, need and the state lacks. */
  readonly deducedTicks: number;
}

/**
 * Adds to a partial pool state what its later events prove to have been there: positions that are burned without
 * having been minted, and the ticks of positions where the state has none. Ticks that are there already count such
 * positions, and so does the in-range liquidity.
 */
export function completeState(state: PoolState, events: readonly PoolEvent[]): CompletedState {
  const missing = missingLiquidity(state.positions, events);
  const known = new Map(state.positions.map((p) => [keyOf(p.owner, p.tickLower, p.tickUpper), p]));
  for (const [key, { owner, tickLower, tickUpper, liquidity }] of missing) {
    const held = known.get(key);
    known.set(
      key,
      held
        ? { ...held, liquidity: held.liquidity + liquidity }
        : { owner, tickLower, tickUpper, liquidity, ...freshPosition },
    );
  }
  const ticks = new Map(state.ticks.map((tick) => [tick.tick, tick]));
  const needed = tickNeeds([...known.values()]);
  let deducedTicks = 0;
  for (const [tick, { gross, net }] of needed) {
    const held = ticks.get(tick);
    if (held === undefined || held.liquidityGross === 0n) {
      deducedTicks++;
      ticks.set(tick, freshTick(state, tick, gross, net));
    } else if (held.liquidityGross < gross) {
      ticks.set(tick, { ...held, liquidityGross: gross });
    }
  }
  const completed = { ...state, ticks: [...ticks.values()].sort((a, b) => a.tick - b.tick) };
  // A deduced position has earned nothing before the replay starts.
  const positions = [...known].map(([key, position]) =>
    missing.has(key) && !hasHistory(position)
      ? { ...position, ...feeGrowthInside(completed, position.tickLower, position.tickUpper) }
      : position,
  );
  return { state: { ...completed, positions }, deducedPositions: missing.size, deducedTicks };
}

const freshPosition = {
  feeGrowthInside0LastX128: 0n,
  feeGrowthInside1LastX128: 0n,
  tokensOwed0: 0n,
  tokensOwed1: 0n,
} as const;

const hasHistory = (position: PositionState): boolean =>
  position.feeGrowthInside0LastX128 !== 0n || position.feeGrowthInside1LastX128 !== 0n;

type Missing = Pick<PositionState, "owner" | "tickLower" | "tickUpper" | "liquidity">;

/** How much liquidity each position must have had at the start for its burns never to exceed what it holds. */
export function missingLiquidity(
  positions: readonly PositionState[],
  events: readonly PoolEvent[],
): Map<string, Missing> {
  const balance = new Map(positions.map((p) => [keyOf(p.owner, p.tickLower, p.tickUpper), p.liquidity]));
  const missing = new Map<string, Missing>();
  for (const event of events) {
    if (event.type !== "MINT" && event.type !== "BURN") continue;
    const { tickLower, tickUpper, liquidityDelta } = event;
    const owner = positionOwner(event);
    const key = keyOf(owner, tickLower, tickUpper);
    const after = (balance.get(key) ?? 0n) + liquidityDelta;
    balance.set(key, after < 0n ? 0n : after);
    if (after >= 0n) continue;
    const liquidity = (missing.get(key)?.liquidity ?? 0n) - after;
    missing.set(key, { owner, tickLower, tickUpper, liquidity });
  }
  return missing;
}

/** What positions add up to at each of their ticks. */
export function tickNeeds(positions: readonly Missing[]): Map<number, { gross: bigint; net: bigint }> {
  const needs = new Map<number, { gross: bigint; net: bigint }>();
  const add = (tick: number, gross: bigint, net: bigint) => {
    const held = needs.get(tick) ?? { gross: 0n, net: 0n };
    needs.set(tick, { gross: held.gross + gross, net: held.net + net });
  };
  for (const { tickLower, tickUpper, liquidity } of positions) {
    if (liquidity === 0n) continue;
    add(tickLower, liquidity, liquidity);
    add(tickUpper, liquidity, -liquidity);
  }
  return needs;
}

/** A tick as the pool would have initialised it now: all growth so far counts as having happened below it. */
export function freshTick(
  state: Pick<PoolState, "tick" | "feeGrowthGlobal0X128" | "feeGrowthGlobal1X128">,
  tick: number,
  liquidityGross: bigint,
  liquidityNet: bigint,
): TickState {
  const below = tick <= state.tick;
  return {
    tick,
    liquidityGross,
    liquidityNet,
    feeGrowthOutside0X128: below ? state.feeGrowthGlobal0X128 : 0n,
    feeGrowthOutside1X128: below ? state.feeGrowthGlobal1X128 : 0n,
    tickCumulativeOutside: 0n,
    secondsPerLiquidityOutsideX128: 0n,
    secondsOutside: 0,
    initialized: true,
  };
}

const wrap = (value: bigint) => BigInt.asUintN(256, value);

/** Fee growth inside a range, modulo 2^256, as the pool computes it. */
export function feeGrowthInside(
  state: PoolState,
  tickLower: number,
  tickUpper: number,
): Pick<PositionState, "feeGrowthInside0LastX128" | "feeGrowthInside1LastX128"> {
  const lower = state.ticks.find(({ tick }) => tick === tickLower);
  const upper = state.ticks.find(({ tick }) => tick === tickUpper);
  const inside = (global: bigint, outsideLower: bigint, outsideUpper: bigint) => {
    const below = state.tick >= tickLower ? outsideLower : global - outsideLower;
    const above = state.tick < tickUpper ? outsideUpper : global - outsideUpper;
    return wrap(global - below - above);
  };
  return {
    feeGrowthInside0LastX128: inside(
      state.feeGrowthGlobal0X128,
      lower?.feeGrowthOutside0X128 ?? 0n,
      upper?.feeGrowthOutside0X128 ?? 0n,
    ),
    feeGrowthInside1LastX128: inside(
      state.feeGrowthGlobal1X128,
      lower?.feeGrowthOutside1X128 ?? 0n,
      upper?.feeGrowthOutside1X128 ?? 0n,
    ),
  };
}
