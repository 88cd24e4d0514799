import { describe, expect, it } from "vitest";
import { arbitrageShare, arbitrageWithFees, tradeProbability } from "../../../ml/risk/theory/arbitrage.ts";
import { compare } from "../../../ml/risk/theory/check.ts";
import { theoryChecks } from "../../../ml/risk/theory/theory.ts";

describe("published closed forms, simulated", () => {
  const checks = theoryChecks({ seed: 20, batches: 400 });
  const named = (name: string) => {
    const check = checks.find((one) => one.name === name);
    if (!check) throw new Error(`no check ${name}`);
    return check;
  };

  for (const check of checks)
    it(`${check.name}: the simulation meets the closed form`, () => {
      expect(Math.abs(check.z)).toBeLessThan(4);
      // A simulation that cannot tell 20 % more from the closed form would prove nothing.
      expect(check.standardError).toBeLessThan(0.05 * Math.abs(check.closedForm));
      expect(check.standardError).toBeGreaterThan(0);
    });

  it("includes the published figures: 3.125 bp a day, and 10.4 % of assets at 30 bp", () => {
    expect(named("LVR of a full range, 5 % a day").closedForm).toBeCloseTo(3.125, 10);
    expect(named("volume over assets to pay it, 30 bp").closedForm).toBeCloseTo(10.4167, 4);
    expect(named("LVR of a full range, 5 % a day").estimate).toBeCloseTo(3.125, 1);
  });

  it("takes arbitrage over LVR as the probability of a trade, in the limit of small fees and fast blocks", () => {
    const parameters = { sigmaPerDay: 0.05, gamma: 0.0005, blocksPerDay: 7200 };
    expect(tradeProbability(parameters)).toBeCloseTo(1 / (1 + (Math.sqrt(14_400) * 0.0005) / 0.05), 14);
    expect(arbitrageShare(parameters) / tradeProbability(parameters)).toBeCloseTo(1, 3);
    const simulated = named("arbitrage over LVR, 5 bp, 12 s");
    const limit = tradeProbability({ ...parameters, gamma: -Math.log(1 - 0.0005) }) * 100;
    expect(Math.abs(simulated.estimate - limit) / simulated.standardError).toBeLessThan(4);
  });

  it("needs the exact form where the fee is large: there the limit fails and the exact form holds", () => {
    const dear = { sigmaPerDay: 0.5, gamma: 0.2, blocksPerDay: 7200 };
    const [, arbitrage] = arbitrageWithFees({ ...dear, name: "dear", seed: 3, batches: 3200 });
    if (!arbitrage) throw new Error("no arbitrage check");
    expect(Math.abs(arbitrage.z)).toBeLessThan(4);
    expect(Math.abs(arbitrage.estimate / 100 - tradeProbability(dear)) * 100).toBeGreaterThan(
      4 * arbitrage.standardError,
    );
  });
});

describe("a comparison", () => {
  it("sees a closed form that is wrong by a tenth", () => {
    const [, arbitrage] = arbitrageWithFees({
      name: "5 bp, 12 s",
      seed: 1,
      batches: 400,
      sigmaPerDay: 0.05,
      gamma: 0.0005 * 1.25,
      blocksPerDay: 7200,
    });
    if (!arbitrage) throw new Error("no arbitrage check");
    const other = arbitrageShare({ sigmaPerDay: 0.05, gamma: 0.0005, blocksPerDay: 7200 }) * 100;
    expect(Math.abs(arbitrage.estimate - other) / arbitrage.standardError).toBeGreaterThan(4);
  });

  it("has the standard error of a ratio of batch sums", () => {
    const check = compare({
      name: "",
      unit: "",
      closedForm: 2,
      batches: [
        [1, 1],
        [3, 1],
        [2, 1],
        [2, 1],
      ],
    });
    expect(check.estimate).toBe(2);
    expect(check.standardError).toBeCloseTo(Math.sqrt(2 / 3 / 4), 12);
    expect(check.z).toBe(0);
  });
});
