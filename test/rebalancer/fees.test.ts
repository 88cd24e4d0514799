import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bumpedFees, type FeeParameters, type Fees, firstFees } from "../../rebalancer/sending/fees.ts";

const GWEI = 10n ** 9n;
const wei = fc.bigInt({ min: 0n, max: 10n ** 13n });
const parameters = fc.record({ baseFeePerGas: wei, priorityFeePerGas: wei, capPerGas: wei });
const fees = fc
  .record({ maxFeePerGas: wei, part: fc.bigInt({ min: 0n, max: 1000n }) })
  .map(({ maxFeePerGas, part }): Fees => ({ maxFeePerGas, maxPriorityFeePerGas: (maxFeePerGas * part) / 1000n }));

/** What every offer keeps to, whatever the market does. */
function expectSound(offer: Fees, { capPerGas, baseFeePerGas, priorityFeePerGas }: FeeParameters) {
  expect(offer.maxFeePerGas <= capPerGas).toBe(true);
  expect(offer.maxPriorityFeePerGas <= offer.maxFeePerGas).toBe(true);
  expect(offer.maxPriorityFeePerGas >= 0n).toBe(true);
  // mined now wherever the cap has room for it
  if (baseFeePerGas + priorityFeePerGas <= capPerGas) expect(offer.maxFeePerGas >= baseFeePerGas).toBe(true);
}

describe("firstFees", () => {
  it("is sound, or says that the cap has no room", () => {
    fc.assert(
      fc.property(parameters, (given) => {
        const offer = firstFees(given);
        const room = given.baseFeePerGas + given.priorityFeePerGas <= given.capPerGas;
        expect(offer !== null).toBe(room);
        if (offer) {
          expectSound(offer, given);
          expect(offer.maxPriorityFeePerGas).toBe(given.priorityFeePerGas);
        }
      }),
    );
  });

  it("leaves room for the base fee to double, up to the cap", () => {
    const market = { baseFeePerGas: 20n * GWEI, priorityFeePerGas: GWEI };
    expect(firstFees({ ...market, capPerGas: 100n * GWEI })?.maxFeePerGas).toBe(41n * GWEI);
    expect(firstFees({ ...market, capPerGas: 30n * GWEI })?.maxFeePerGas).toBe(30n * GWEI);
    expect(firstFees({ ...market, capPerGas: 20n * GWEI })).toBeNull();
  });
});

describe("bumpedFees", () => {
  it("is sound and at least an eighth above every transaction that it takes the place of", () => {
    fc.assert(
      fc.property(fc.array(fees, { minLength: 1, maxLength: 6 }), parameters, (previous, given) => {
        const offer = bumpedFees(previous, given);
        if (offer === null) return;
        expectSound(offer, given);
        for (const { maxFeePerGas, maxPriorityFeePerGas } of previous) {
          expect(offer.maxFeePerGas * 8n >= maxFeePerGas * 9n && offer.maxFeePerGas > maxFeePerGas).toBe(true);
          expect(offer.maxPriorityFeePerGas * 8n >= maxPriorityFeePerGas * 9n).toBe(true);
          expect(offer.maxPriorityFeePerGas > maxPriorityFeePerGas).toBe(true);
        }
      }),
    );
  });

  it("gives up only where the cap is in the way", () => {
    fc.assert(
      fc.property(fees, parameters, (previous, given) => {
        if (bumpedFees([previous], given) !== null) return;
        const { maxFeePerGas } = previous;
        const { priorityFeePerGas } = given;
        const isHigher = maxFeePerGas > priorityFeePerGas;
        const highest = isHigher ? maxFeePerGas : priorityFeePerGas;
        expect(highest * 1_125n + 2_000n > given.capPerGas * 1_000n).toBe(true);
      }),
    );
  });

  it("climbs to the cap in a bounded number of steps and stops there", () => {
    fc.assert(
      fc.property(parameters, (given) => {
        const sent: Fees[] = [];
        let next = firstFees(given);
        while (next) {
          sent.push(next);
          next = bumpedFees(sent, given);
          // 1 wei to 10^13 in steps of an eighth, and one wei at a time at first
          expect(sent.length).toBeLessThan(300);
        }
        for (const [index, offer] of sent.entries())
          if (index > 0) expect(offer.maxFeePerGas > (sent[index - 1]?.maxFeePerGas ?? 0n)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it("follows the market when that has risen by more than an eighth", () => {
    const previous = [{ maxFeePerGas: 20n * GWEI, maxPriorityFeePerGas: GWEI }];
    const market = { baseFeePerGas: 40n * GWEI, priorityFeePerGas: GWEI, capPerGas: 500n * GWEI };
    expect(bumpedFees(previous, market)).toEqual({
      maxFeePerGas: 81_125_000_000n,
      maxPriorityFeePerGas: 1_125_000_000n,
    });
  });
});
