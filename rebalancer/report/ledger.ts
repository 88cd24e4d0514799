import type { Address, Numeraire, Range } from "../../ml/types.ts";
import { amountsOf, rawPrice, worthOf } from "./worth.ts";

/** What happened to the vault and its pool, in chain order. Amounts in token units. */
export type LedgerEvent =
  | { readonly kind: "price"; readonly sqrtPriceX96: bigint }
  | { readonly kind: "vault-swap"; readonly amount0: bigint; readonly amount1: bigint; readonly sqrtPriceX96: bigint }
  | (Range & {
      readonly kind: "mint";
      readonly liquidity: bigint;
      readonly amount0: bigint;
      readonly amount1: bigint;
    })
  | (Range & {
      readonly kind: "burn";
      readonly liquidity: bigint;
      readonly amount0: bigint;
      readonly amount1: bigint;
    })
  | (Range & { readonly kind: "collect"; readonly amount0: bigint; readonly amount1: bigint })
  | { readonly kind: "flow"; readonly token: 0 | 1; readonly amount: bigint; readonly counterparty: Address }
  /** Uncollected fees of the vault's positions as the chain states them at the end of a block. */
  | {
      readonly kind: "accrual";
      readonly fees: readonly (Range & { readonly fees0: bigint; readonly fees1: bigint })[];
    };

export interface LedgerTotals {
  /** All in asset units (raw, floating point). */
  readonly deposits: number;
  readonly exits: number;
  readonly market: number;
  readonly fees: number;
  readonly lvr: number;
  readonly swapCost: number;
  readonly rounding: number;
  readonly fees0: bigint;
  readonly fees1: bigint;
  /** Value of what the walk says is left. */
  readonly value: number;
}

/** What a vault holds where a walk begins. Token units. */
export interface LedgerOpening {
  readonly idle0: bigint;
  readonly idle1: bigint;
  /** With the fees that were earned before and are not collected. */
  readonly positions: readonly (Range & {
    readonly liquidity: bigint;
    readonly fees0: bigint;
    readonly fees1: bigint;
  })[];
}

const EMPTY: LedgerOpening = { idle0: 0n, idle1: 0n, positions: [] };

interface OpenPosition extends Range {
  liquidity: bigint;
  owed0: bigint;
  owed1: bigint;
  fees0: bigint;
  fees1: bigint;
}

/**
 * Splits every change in a vault's value into market, fees, LVR, swap cost, flows and rounding, event by event, so
 * that deposits - exits + market + fees - lvr - swapCost + rounding = value at the end. Market is what the tokens held
 * gained by the price alone (a delta hedge would remove it); LVR is what the positions lost to trading along the curve
 * at every recorded price step (Milionis et al., arXiv 2208.06046, in its discrete form). A walk may begin with what
 * the vault held: its value then stands on the left.
 */
export function walkLedger(
  events: Iterable<LedgerEvent>,
  numeraire: Numeraire,
  startSqrtPriceX96: bigint,
  opening: LedgerOpening = EMPTY,
): LedgerTotals {
  const positions = new Map<string, OpenPosition>();
  let { idle0, idle1 } = opening;
  let sqrtPriceX96 = startSqrtPriceX96;
  const totals = { deposits: 0, exits: 0, market: 0, fees: 0, lvr: 0, swapCost: 0, rounding: 0, fees0: 0n, fees1: 0n };

  const price = () => rawPrice(sqrtPriceX96, numeraire);
  const worth = (amount0: number, amount1: number) => worthOf(amount0, amount1, sqrtPriceX96, numeraire);
  const otherOf = (amount0: number, amount1: number) => (numeraire === 1 ? amount0 : amount1);
  const key = (range: Range) => `${range.lowerTick}:${range.upperTick}`;
  const position = (range: Range) => {
    const found = positions.get(key(range));
    if (found) return found;
    const opened = {
      lowerTick: range.lowerTick,
      upperTick: range.upperTick,
      liquidity: 0n,
      owed0: 0n,
      owed1: 0n,
      fees0: 0n,
      fees1: 0n,
    };
    positions.set(key(range), opened);
    return opened;
  };
  for (const { lowerTick, upperTick, liquidity, fees0, fees1 } of opening.positions) {
    Object.assign(position({ lowerTick, upperTick }), { liquidity, fees0, fees1 });
  }
  const inPositions = () => {
    let amount0 = 0;
    let amount1 = 0;
    for (const open of positions.values()) {
      const [a0, a1] = amountsOf(open.liquidity, open, sqrtPriceX96);
      amount0 += a0;
      amount1 += a1;
    }
    return [amount0, amount1] as const;
  };
  const outside = () => {
    let amount0 = idle0;
    let amount1 = idle1;
    for (const open of positions.values()) {
      amount0 += open.owed0 + open.fees0;
      amount1 += open.owed1 + open.fees1;
    }
    return [Number(amount0), Number(amount1)] as const;
  };

  const movePrice = (to: bigint) => {
    const before = price();
    const [position0, position1] = inPositions();
    const positionValueBefore = worth(position0, position1);
    const [outside0, outside1] = outside();
    sqrtPriceX96 = to;
    const step = price() - before;
    const [after0, after1] = inPositions();
    const gainOfHolding = otherOf(position0, position1) * step;
    totals.market += gainOfHolding + otherOf(outside0, outside1) * step;
    totals.lvr += gainOfHolding - (worth(after0, after1) - positionValueBefore);
  };
  const earn = (open: OpenPosition, fees0: bigint, fees1: bigint) => {
    const gained0 = fees0 - open.fees0;
    const gained1 = fees1 - open.fees1;
    totals.fees += worth(Number(gained0), Number(gained1));
    totals.fees0 += gained0;
    totals.fees1 += gained1;
    open.fees0 = fees0;
    open.fees1 = fees1;
  };
  /** Runs a change that should move tokens about without changing the value, and books what it did change. */
  const conserve = (change: () => void) => {
    const [before0, before1] = inPositions();
    const [outsideBefore0, outsideBefore1] = outside();
    const before = worth(before0 + outsideBefore0, before1 + outsideBefore1);
    change();
    const [after0, after1] = inPositions();
    const [outsideAfter0, outsideAfter1] = outside();
    totals.rounding += worth(after0 + outsideAfter0, after1 + outsideAfter1) - before;
  };

  for (const event of events) {
    switch (event.kind) {
      case "price":
        movePrice(event.sqrtPriceX96);
        break;
      case "vault-swap":
        totals.swapCost += worth(Number(event.amount0), Number(event.amount1));
        idle0 -= event.amount0;
        idle1 -= event.amount1;
        movePrice(event.sqrtPriceX96);
        break;
      case "mint":
        conserve(() => {
          position(event).liquidity += event.liquidity;
          idle0 -= event.amount0;
          idle1 -= event.amount1;
        });
        break;
      case "burn":
        conserve(() => {
          const open = position(event);
          open.liquidity -= event.liquidity;
          open.owed0 += event.amount0;
          open.owed1 += event.amount1;
        });
        break;
      case "collect": {
        const open = position(event);
        const fees0 = event.amount0 > open.owed0 ? event.amount0 - open.owed0 : 0n;
        const fees1 = event.amount1 > open.owed1 ? event.amount1 - open.owed1 : 0n;
        // Collected beyond the principal is fee income, earned at the latest now.
        earn(open, fees0 > open.fees0 ? fees0 : open.fees0, fees1 > open.fees1 ? fees1 : open.fees1);
        open.fees0 -= fees0;
        open.fees1 -= fees1;
        open.owed0 -= event.amount0 - fees0;
        open.owed1 -= event.amount1 - fees1;
        idle0 += event.amount0;
        idle1 += event.amount1;
        if (open.liquidity === 0n && open.owed0 === 0n && open.owed1 === 0n && open.fees0 === 0n && open.fees1 === 0n)
          positions.delete(key(event));
        break;
      }
      case "flow": {
        const value = worth(event.token === 0 ? Number(event.amount) : 0, event.token === 1 ? Number(event.amount) : 0);
        if (event.token === 0) idle0 += event.amount;
        else idle1 += event.amount;
        if (event.amount >= 0n) totals.deposits += value;
        else totals.exits -= value;
        break;
      }
      case "accrual":
        for (const fees of event.fees) earn(position(fees), fees.fees0, fees.fees1);
        break;
    }
  }
  const [held0, held1] = inPositions();
  const [outside0, outside1] = outside();
  return { ...totals, value: worth(held0 + outside0, held1 + outside1) };
}
