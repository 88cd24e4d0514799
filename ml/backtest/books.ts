import { BaseError } from "../errors.ts";
import type { MarketSession, OwnHoldings } from "./market.ts";
import { type Orientation, wholeAmounts } from "./price.ts";
import type { Waterfall } from "./types.ts";
import type { Vault } from "./vault.ts";

/** The parts of a result do not add up to it: an error of ours. */
export class AccountingError extends BaseError {
  override name = "AccountingError";
}

/** How far the parts may miss the whole, as a fraction of the start. */
const TOLERANCE = 1e-9;

/** Everything held, in whole units. */
interface Holding {
  readonly price: number;
  readonly idleAsset: number;
  readonly idleOther: number;
  readonly principalAsset: number;
  readonly principalOther: number;
  readonly feesAsset: number;
  readonly feesOther: number;
  readonly inRange: boolean;
}

/** Cumulative sums in whole asset units, positive unless said otherwise. */
export interface Sums {
  fees: number;
  /**
   * What holding each position's amount of the other token, adjusted at every step, gained more than the position.
   */
  lvr: number;
  swapCost: number;
  mev: number;
  gas: number;
  /** Other token held × price change; may be negative. */
  exposure: number;
}

export interface Books {
  readonly sums: Readonly<Sums>;
  /** Net of gas, whole asset units. */
  readonly nav: number;
  /** Without the gas, which the keeper pays from elsewhere: what is really in the vault. */
  readonly held: number;
  /** The same, looked at again: after a dealing that is not written down yet. */
  heldNow(): number;
  readonly inRange: boolean;
  /** Part of what is held that is in the pool. */
  readonly deployed: number;
  /** Writes down what the market did since the last step. */
  step(): void;
  /** Writes down an own dealing that has just been carried out, right after a step. */
  dealt(costs: { readonly mev: number; readonly gas: number }): { readonly swapCost: number };
  waterfall(): Waterfall;
}

export interface BooksParameters {
  readonly session: MarketSession;
  readonly vault: Vault;
  readonly orientation: Orientation;
  /** Part of fees that is kept, a ratio. */
  readonly feesKept: number;
}

/** Books of one run. Each step splits what the holdings gained, so the parts add up to the whole by construction. */
export function openBooks({ session, vault, orientation, feesKept }: BooksParameters): Books {
  const look = (): Holding => holdingNow(session.holdings(), session.price, vault, orientation, feesKept);
  const sums: Sums = { fees: 0, lvr: 0, swapCost: 0, mev: 0, gas: 0, exposure: 0 };
  let last = look();
  const start = worth(last);

  return {
    sums,
    get nav() {
      return worth(last) - sums.gas;
    },
    get held() {
      return worth(last);
    },
    heldNow: () => worth(look()),
    get inRange() {
      return last.inRange;
    },
    get deployed() {
      const total = worth(last);
      return total === 0 ? 0 : (last.principalAsset + last.principalOther * last.price) / total;
    },
    step() {
      const now = look();
      const moved = now.price - last.price;
      sums.exposure += (last.idleOther + last.principalOther + last.feesOther) * moved;
      sums.fees += now.feesAsset - last.feesAsset + (now.feesOther - last.feesOther) * now.price;
      sums.lvr -= now.principalAsset - last.principalAsset + (now.principalOther - last.principalOther) * now.price;
      last = now;
    },
    dealt({ mev, gas }) {
      const now = look();
      const swapCost = worth(last) - worth(now) - mev;
      sums.swapCost += swapCost;
      sums.mev += mev;
      sums.gas += gas;
      last = now;
      return { swapCost };
    },
    waterfall() {
      const { fees, lvr, swapCost, mev, gas, exposure } = sums;
      const final = worth(look()) - gas;
      const headline = fees - lvr - swapCost - mev - gas;
      const residual = final - (start + headline + exposure);
      if (!(Math.abs(residual) <= TOLERANCE * start)) {
        throw new AccountingError(
          `waterfall.residual is ${residual}, but the parts must add up to the final value within ${TOLERANCE} of the start ${start}`,
          { details: { start, final, ...sums } },
        );
      }
      return { start, fees, lvr, swapCost, mev, gas, exposure, final, headline, residual };
    },
  };
}

function holdingNow(
  own: OwnHoldings,
  price: number,
  vault: Vault,
  orientation: Orientation,
  feesKept: number,
): Holding {
  const idle = wholeAmounts(Number(vault.idle0), Number(vault.idle1), orientation);
  const principal = wholeAmounts(own.principal0, own.principal1, orientation);
  const fees = wholeAmounts(own.fees0, own.fees1, orientation);
  return {
    price,
    idleAsset: idle.asset,
    idleOther: idle.other,
    principalAsset: principal.asset,
    principalOther: principal.other,
    feesAsset: fees.asset * feesKept,
    feesOther: fees.other * feesKept,
    inRange: own.inRange,
  };
}

const worth = (held: Holding): number =>
  held.idleAsset +
  held.principalAsset +
  held.feesAsset +
  (held.idleOther + held.principalOther + held.feesOther) * held.price;
