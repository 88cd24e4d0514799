import { describe, expect, it } from "vitest";
import { type LedgerEvent, walkLedger } from "../../../rebalancer/report/ledger.ts";

const Q96 = 2n ** 96n;
const sqrtX96 = (price: number) => BigInt(Math.round(Math.sqrt(price) * 2 ** 40)) * (Q96 >> 40n);
const OUTSIDER = "0x00000000000000000000000000000000000000aa";

/** Amounts of liquidity on a range at a sqrt price, floating point, to build events from. */
function amounts(liquidity: number, lowerTick: number, upperTick: number, price: number): [bigint, bigint] {
  const lower = 1.0001 ** (lowerTick / 2);
  const upper = 1.0001 ** (upperTick / 2);
  const at = Math.min(Math.max(Math.sqrt(price), lower), upper);
  return [BigInt(Math.round(liquidity * (1 / at - 1 / upper))), BigInt(Math.round(liquidity * (at - lower)))];
}

function residual(totals: ReturnType<typeof walkLedger>): number {
  const left =
    totals.deposits - totals.exits + totals.market + totals.fees - totals.lvr - totals.swapCost + totals.rounding;
  return Math.abs(left - totals.value) / totals.deposits;
}

describe("the vault's ledger", () => {
  const range = { lowerTick: -2000, upperTick: 2000 };
  const liquidity = 10n ** 20n;

  /** A deposit in both tokens, a mint, price steps with fee accrual, a burn with its collect, a swap, an exit. */
  function story(prices: readonly number[]): LedgerEvent[] {
    const [mint0, mint1] = amounts(1e20, range.lowerTick, range.upperTick, 1);
    const last = prices.at(-1) ?? 1;
    const [burn0, burn1] = amounts(1e20, range.lowerTick, range.upperTick, last);
    const fee0 = 3n * 10n ** 16n;
    const fee1 = 2n * 10n ** 16n;
    return [
      { kind: "flow", token: 0, amount: mint0 + 10n ** 18n, counterparty: OUTSIDER },
      { kind: "flow", token: 1, amount: mint1, counterparty: OUTSIDER },
      { kind: "mint", ...range, liquidity, amount0: mint0, amount1: mint1 },
      ...prices.map((price): LedgerEvent => ({ kind: "price", sqrtPriceX96: sqrtX96(price) })),
      { kind: "accrual", fees: [{ ...range, fees0: fee0, fees1: fee1 / 2n }] },
      { kind: "burn", ...range, liquidity, amount0: burn0, amount1: burn1 },
      { kind: "collect", ...range, amount0: burn0 + fee0, amount1: burn1 + fee1 },
      {
        kind: "vault-swap",
        amount0: 10n ** 18n,
        amount1: -(10n ** 18n * BigInt(Math.round(last * 0.99e6))) / 10n ** 6n,
        sqrtPriceX96: sqrtX96(last * 0.999),
      },
      { kind: "flow", token: 1, amount: -(mint1 / 3n), counterparty: OUTSIDER },
    ];
  }

  for (const numeraire of [0, 1] as const) {
    it(`closes the identity to 1e-9 with token${numeraire} as the asset`, () => {
      let seed = 7;
      const random = () => {
        seed = (seed * 1103515245 + 12345) % 2 ** 31;
        return seed / 2 ** 31;
      };
      for (let round = 0; round < 50; round++) {
        const prices = Array.from({ length: 40 }, () => Math.exp((random() - 0.5) * 0.6));
        const totals = walkLedger(story(prices), numeraire, Q96);
        expect(residual(totals)).toBeLessThan(1e-9);
        expect(totals.lvr).toBeGreaterThan(0);
        expect(totals.fees0).toBe(3n * 10n ** 16n);
        expect(totals.fees1).toBe(2n * 10n ** 16n);
      }
    });
  }

  it("charges no LVR when the price does not move, and half the squared move times gamma when it does", () => {
    const still = walkLedger(story([1, 1, 1]), 1, Q96);
    expect(Math.abs(still.lvr)).toBeLessThan(1e-6 * still.deposits);
    // Full-range LVR of one small step is value x (step^2) / 8 in log price: Milionis et al.
    const wide = { lowerTick: -887220, upperTick: 887220 };
    const [mint0, mint1] = amounts(1e20, wide.lowerTick, wide.upperTick, 1);
    const step = 0.01;
    const moved = walkLedger(
      [
        { kind: "flow", token: 0, amount: mint0, counterparty: OUTSIDER },
        { kind: "flow", token: 1, amount: mint1, counterparty: OUTSIDER },
        { kind: "mint", ...wide, liquidity, amount0: mint0, amount1: mint1 },
        { kind: "price", sqrtPriceX96: sqrtX96(Math.exp(step)) },
      ],
      1,
      Q96,
    );
    expect(moved.lvr / moved.deposits / (step ** 2 / 8)).toBeCloseTo(1, 1);
  });

  it("books a swap's shortfall against the price before it as cost", () => {
    const totals = walkLedger(
      [
        { kind: "flow", token: 1, amount: 2_000_000n, counterparty: OUTSIDER },
        { kind: "vault-swap", amount0: -997_000n, amount1: 1_000_000n, sqrtPriceX96: Q96 },
      ],
      1,
      Q96,
    );
    expect(totals.swapCost).toBe(3_000);
    expect(totals.value).toBe(1_997_000);
  });
});
