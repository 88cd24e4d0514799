import { describe, expect, it } from "vitest";
import { type Evidence, GATE_RULES, gate } from "../../../ml/registry/gate.ts";

const shadow = { days: 20, answered: 400, difference: { low: 0.1, high: 2 }, outOfDomain: 0.01, inSample: false };
const backtest = { inSample: false, difference: { low: 0.001, high: 0.02 }, drawdown: 0.05, championDrawdown: 0.06 };
const good: Evidence = { shadow, backtest, parity: { different: 0, replayed: 400 } };

const refused = (evidence: Evidence) =>
  gate(evidence, GATE_RULES).flatMap(({ name, passes }) => (passes ? [] : [name]));

describe("the promotion gate", () => {
  it("lets through what meets every rule", () => expect(refused(good)).toEqual([]));

  it("names everything that was not shown", () => {
    const checks = gate({ shadow: null, backtest: null, parity: null }, GATE_RULES);
    expect(checks.map(({ passes, found }) => [passes, found])).toEqual(checks.map(() => [false, "not shown"]));
    expect(checks).toHaveLength(9);
  });

  it.each<[string, Evidence]>([
    ["shadow days", { ...good, shadow: { ...shadow, days: 13.9 } }],
    ["decisions", { ...good, shadow: { ...shadow, answered: 199 } }],
    ["live difference", { ...good, shadow: { ...shadow, difference: { low: 0, high: 2 } } }],
    ["live difference", { ...good, shadow: { ...shadow, difference: null } }],
    ["out of domain", { ...good, shadow: { ...shadow, outOfDomain: 0.051 } }],
    ["shadow span", { ...good, shadow: { ...shadow, inSample: true } }],
    ["backtest span", { ...good, backtest: { ...backtest, inSample: true } }],
    ["backtest difference", { ...good, backtest: { ...backtest, difference: { low: -0.001, high: 1 } } }],
    ["drawdown", { ...good, backtest: { ...backtest, drawdown: 0.0701 } }],
    ["parity", { ...good, parity: { different: 1, replayed: 400 } }],
    ["parity", { ...good, parity: { different: 0, replayed: 0 } }],
  ])("refuses for %s alone", (name, evidence) => expect(refused(evidence)).toEqual([name]));

  it("is as strict as it is told to be", () => {
    const rules = { ...GATE_RULES, shadowDays: 30, drawdownSlack: -0.02 };
    expect(gate(good, rules).filter(({ passes }) => !passes)).toMatchObject([
      { name: "shadow days", rule: "at least 30", found: "20" },
      { name: "drawdown" },
    ]);
  });
});
