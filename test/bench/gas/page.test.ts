import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { GAS_PAGE, GAS_SNAPSHOT } from "../gas.ts";
import { gasGoals, guardCosts } from "./goals.ts";
import { type GasSnapshot, gasPage } from "./page.ts";

const snapshot = JSON.parse(readFileSync(GAS_SNAPSHOT, "utf8")) as GasSnapshot;

test("the page says what the snapshot says", () => {
  expect(readFileSync(GAS_PAGE, "utf8")).toBe(gasPage(snapshot));
});

test("every goal is held against a row, and every part of a row is counted once", () => {
  for (const goal of gasGoals) {
    expect(snapshot[goal.name], goal.name).toBeDefined();
    if (goal.floor !== undefined) expect(snapshot[goal.floor], goal.floor).toBeDefined();
  }
  for (const cost of guardCosts) {
    expect(snapshot[cost.with], cost.with).toBeDefined();
    expect(snapshot[cost.without], cost.without).toBeDefined();
  }
  for (const [name, { gas, spent }] of Object.entries(snapshot)) {
    expect(
      Object.values(spent).reduce((total, part) => total + part, 0),
      name,
    ).toBe(gas);
    expect(spent.code, name).toBeGreaterThan(0);
  }
});
