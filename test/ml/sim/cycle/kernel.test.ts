import { describe, expect, it } from "vitest";
import { InvalidInputError } from "../../../../ml/errors.ts";
import { type Cycle, createCycle, navOf, POLICY_WEIGHTS } from "../../../../ml/sim/cycle/cycle.ts";
import { FIELDS, type FieldName, OBSERVATIONS } from "../../../../ml/sim/cycle/fields.ts";
import { parseCycleParameters } from "../../../../ml/sim/cycle/parameters.ts";
import { type Environment, referenceDay, referenceStep } from "../../../../ml/sim/cycle/reference.ts";
import { lively, mean, plain } from "./fixture.ts";

/** An environment as the reference reads it: keys as the integers that they are. */
function readEnvironment(cycle: Cycle, i: number): Environment {
  const integer = (name: FieldName) =>
    new Uint32Array(cycle.fields[name].buffer, cycle.fields[name].byteOffset)[i] ?? 0;
  const entries = FIELDS.map((name) => [name, name.startsWith("key") ? integer(name) : cycle.fields[name][i]]);
  return Object.fromEntries(entries) as Environment;
}

/**
 * Fields in which two environments differ by more than the size of floats explains. Own liquidity is a value over the
 * difference of two roots of prices, which magnifies it.
 */
function differences(kernel: Environment, reference: Environment, tolerance: number): string[] {
  const allowed = (name: FieldName) => tolerance * (name === "own" ? 20 : 1) * Math.max(1, Math.abs(reference[name]));
  return FIELDS.filter((name) => !(Math.abs(kernel[name] - reference[name]) <= allowed(name))).map(
    (name) => `${name}: ${kernel[name]} instead of ${reference[name]}`,
  );
}

describe("the kernel and the reference step", () => {
  it("agree on every field of every step, whatever the agent does", () => {
    const cycle = createCycle(lively, { environments: 16, horizonSteps: 240 });
    cycle.reset(7);
    let [events, moves] = [0, 0];
    for (let step = 0; step < 240; step++) {
      const actions = Array.from({ length: 16 }, (_, i) => ((step * 7 + i * 3) % 29 < 5 ? (step * 7 + i * 3) % 29 : 0));
      const before = Array.from({ length: 16 }, (_, i) => readEnvironment(cycle, i));
      cycle.step(actions);
      for (const [i, environment] of before.entries()) {
        const acting = { ...environment, action: actions[i] ?? 0 };
        const today = step > 0 && step % 24 === 0 ? referenceDay(cycle.world, acting, step / 24, false) : acting;
        const expected = referenceStep(cycle.world, today, step, false);
        expect(differences(readEnvironment(cycle, i), expected, 3e-6), `step ${step}, environment ${i}`).toEqual([]);
        if (expected.liquidity < environment.liquidity) events++;
        moves += expected.moves - environment.moves;
      }
    }
    expect(events).toBeGreaterThan(3);
    expect(moves).toBeGreaterThan(300);
  });

  it("agree on days: regime, volatility and activity", () => {
    const cycle = createCycle(lively, { environments: 32 });
    cycle.reset(3);
    for (let i = 0; i < 32; i++) {
      const environment = readEnvironment(cycle, i);
      expect(differences(environment, referenceDay(cycle.world, environment, 0, true), 1e-6)).toEqual([]);
    }
    expect(new Set(cycle.fields.regime)).toEqual(new Set([0, 1, 2]));
  });

  it("agree on the rule, and many steps in the kernel are single steps one after the other", () => {
    const settings = { environments: 16, rule: { tau: 0.03, width: 1 as const } };
    const inOne = createCycle(lively, settings);
    const inParts = createCycle(lively, settings);
    for (const cycle of [inOne, inParts]) cycle.reset(11);
    inOne.runRule(100);
    for (const steps of [1, 30, 17, 52]) inParts.runRule(steps);
    for (const name of FIELDS.filter((name) => name !== "reward")) {
      expect([...inParts.fields[name]], name).toEqual([...inOne.fields[name]]);
    }
    let byHand = Array.from({ length: 16 }, () => createCycle(lively, settings)).map((cycle, i) => {
      cycle.reset(11);
      return readEnvironment(cycle, i);
    });
    for (let step = 0; step < 100; step++) {
      byHand = byHand.map((environment) => {
        const today =
          step > 0 && step % 24 === 0 ? referenceDay(inOne.world, environment, step / 24, false) : environment;
        return referenceStep(inOne.world, today, step, true);
      });
    }
    const nav = byHand.map((environment) => environment.fees - environment.lvr - environment.cost);
    const kernel = Array.from(
      inOne.fields.fees,
      (fees, i) => fees - (inOne.fields.lvr[i] ?? 0) - (inOne.fields.cost[i] ?? 0),
    );
    // A price at the edge of a rule may fall on either side of it in 32 bits; that is rare.
    const far = nav.filter((value, i) => Math.abs(value - (kernel[i] ?? 0)) > 1e-4);
    expect(far.length).toBeLessThanOrEqual(1);
    expect(mean(inOne.fields.moves)).toBeGreaterThan(2);
  });
});

describe("the cycle", () => {
  it("is the same for a seed, and another for another", () => {
    const prices = (seed: number) => {
      const cycle = createCycle(lively, { environments: 64 });
      cycle.reset(seed);
      cycle.runRule(100);
      return [...cycle.fields.ref];
    };
    expect(prices(5)).toEqual(prices(5));
    expect(prices(5)).not.toEqual(prices(6));
    expect(new Set(prices(5)).size).toBe(64);
  });

  it("has a market that does not look at the agents", () => {
    const [active, idle] = [createCycle(lively, { environments: 8 }), createCycle(lively, { environments: 8 })];
    for (const cycle of [active, idle]) cycle.reset(2);
    active.runRule(200);
    for (let step = 0; step < 200; step++) idle.step();
    for (const name of ["ref", "liquidity", "regime", "gross", "halfSigma"] as const) {
      expect([...active.fields[name]]).toEqual([...idle.fields[name]]);
    }
  });

  it("rewards with fees − LVR − cost, and what is left of a change in value is exposure", () => {
    const cycle = createCycle(lively, { environments: 64, horizonSteps: 200 });
    cycle.reset(1);
    const rewards = new Float64Array(64);
    const exposure = new Float64Array(64);
    for (let step = 0; step < 200; step++) {
      // Held through the step: the amounts after the action, so act first on steps of their own.
      const acts = step % 40 === 0;
      const navBefore = cycle.nav();
      const fields = cycle.fields;
      const held = Float64Array.from({ length: 64 }, (_, i) => {
        const at = Math.min(Math.max(fields.pool[i] ?? 1, fields.lower[i] ?? 1), fields.upper[i] ?? 1);
        return (fields.own[i] ?? 0) * (1 / at - 1 / (fields.upper[i] ?? 1)) + (fields.fee0[i] ?? 0);
      });
      const refBefore = Float64Array.from(fields.ref);
      const fee0Before = Float64Array.from(fields.fee0);
      const feesBefore = Float64Array.from(fields.fees);
      cycle.step(new Float32Array(64).fill(acts ? 1 + ((step / 40) % 3) : 0));
      for (let i = 0; i < 64; i++) {
        rewards[i] = (rewards[i] ?? 0) + (fields.reward[i] ?? 0);
        if (acts) continue;
        const gain = (held[i] ?? 0) * ((fields.ref[i] ?? 1) ** 2 - (refBefore[i] ?? 1) ** 2);
        exposure[i] = (exposure[i] ?? 0) + gain;
        expect(Math.abs((cycle.nav()[i] ?? 0) - (navBefore[i] ?? 0) - gain - (fields.reward[i] ?? 0))).toBeLessThan(
          2e-6,
        );
        expect(fields.fee0[i]).toBeGreaterThanOrEqual(fee0Before[i] ?? 0);
        expect(fields.fees[i]).toBeGreaterThanOrEqual(feesBefore[i] ?? 0);
      }
    }
    for (let i = 0; i < 64; i++) {
      const { fees, lvr, cost } = cycle.fields;
      expect(Math.abs((rewards[i] ?? 0) - ((fees[i] ?? 0) - (lvr[i] ?? 0) - (cost[i] ?? 0)))).toBeLessThan(2e-5);
    }
    expect(mean(cycle.fields.fees)).toBeGreaterThan(0.01);
    expect(mean(exposure.map(Math.abs))).toBeGreaterThan(0.001);
  });

  it("tells when an episode is done, and takes no step after it", () => {
    const cycle = createCycle(plain, { environments: 8, horizonSteps: 3 });
    expect([cycle.step().done, cycle.step().done, cycle.step().done]).toEqual([false, false, true]);
    expect(() => cycle.step()).toThrow(InvalidInputError);
    expect(() => cycle.step()).toThrow("0 left of the episode");
    cycle.reset(1);
    expect(cycle.step().done).toBe(false);
  });

  it("shows agents finite numbers of the order of one, also idle and in the wildest market", () => {
    const wild = {
      ...lively,
      flashCrashes: { ...lively.flashCrashes, perDay: 3, meanExcessLog: 0.3 },
      jumps: { perDay: 5, logSd: 0.1 },
    };
    const cycle = createCycle(wild, { environments: 64, horizonSteps: 2000 });
    cycle.reset(4);
    for (let step = 0; step < 2000; step++) {
      const { observations, rewards } = cycle.step(
        new Float32Array(64).map((_, i) => ((step + i) % 50 < 5 ? (step + i) % 5 : 0)),
      );
      if (step % 20 !== 0) continue;
      expect(observations.length).toBe(OBSERVATIONS.length);
      for (const [k, values] of observations.entries()) {
        expect(Math.max(...values.map(Math.abs)), OBSERVATIONS[k]).toBeLessThanOrEqual(5);
      }
      expect(rewards.every(Number.isFinite)).toBe(true);
    }
    for (let i = 0; i < 64; i++) expect(navOf(cycle.fields, i)).toBeGreaterThanOrEqual(0);
  });

  it("does in the kernel what a net says, one net for each part of the environments", () => {
    // A net whose last biases alone decide: the first half idles, the second takes the wide range once.
    const net = (action: number) => {
      const weights = new Float32Array(POLICY_WEIGHTS);
      weights[POLICY_WEIGHTS - 5 + action] = 1;
      return weights;
    };
    const cycle = createCycle(plain, { environments: 16 }, { policies: 2 });
    cycle.setPolicies([...net(4), ...net(3)]);
    cycle.reset(1);
    cycle.runPolicies(5);
    expect([...cycle.fields.action]).toEqual([...Array(8).fill(4), ...Array(8).fill(3)]);
    expect(cycle.fields.own[0]).toBe(0);
    expect(cycle.fields.own[15]).toBeGreaterThan(0);
    expect(cycle.fields.moves[15]).toBe(5);
  });

  it("evaluates the net as plain arithmetic does", () => {
    const cycle = createCycle(lively, { environments: 64 });
    const weights = Float32Array.from({ length: POLICY_WEIGHTS }, (_, i) => Math.sin(i * 12.9898) * 0.5);
    cycle.setPolicies(weights);
    cycle.reset(9);
    cycle.runRule(30);
    const layer = (at: number, inputs: number[], outputs: number) =>
      Array.from({ length: outputs }, (_, o) =>
        inputs.reduce(
          (sum, x, i) => sum + x * (weights[at + o * inputs.length + i] ?? 0),
          weights[at + outputs * inputs.length + o] ?? 0,
        ),
      );
    const relu = (values: number[]) => values.map((x) => Math.max(x, 0));
    const observed = createCycle(lively, { environments: 64 });
    const view = observed.reset(9);
    observed.runRule(30);
    const expected = Array.from({ length: 64 }, (_, i) => {
      const inputs = view.map((values) => values[i] ?? 0);
      const hidden = relu(layer(544, relu(layer(0, inputs, 32)), 32));
      const outputs = layer(1600, hidden, 5);
      return outputs.indexOf(Math.max(...outputs));
    });
    cycle.runPolicies(1);
    expect([...cycle.fields.action]).toEqual(expected);
    expect(new Set(expected).size).toBeGreaterThan(1);
  });
});

describe("what the cycle refuses", () => {
  it("settings outside their range, by their name", () => {
    for (const [settings, text] of [
      [{ environments: 12 }, "environments is 12"],
      [{ stepSeconds: 7000 }, "stepSeconds is 7000"],
      [{ halfWidths: [0.1, 0.05, 0.2] as [number, number, number] }, "halfWidths"],
      [{ capital: 0 }, "capital is 0"],
    ] as const) {
      expect(() => createCycle(lively, settings)).toThrow(InvalidInputError);
      expect(() => createCycle(lively, settings)).toThrow(text);
    }
  });

  it("parameters that break a rule, by their field", () => {
    expect(() => parseCycleParameters({ ...lively, jumps: { perDay: -1, logSd: 0 } })).toThrow("jumps.perDay");
    const leaky = {
      ...lively.volatility,
      transition: [
        [1, 0, 0],
        [0.5, 0.5, 0],
        [0.1, 0.1, 0.1],
      ],
    };
    expect(() => parseCycleParameters({ ...lively, volatility: leaky })).toThrow("volatility.transition.2");
  });
});
