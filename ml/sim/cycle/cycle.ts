import { readFileSync } from "node:fs";
import { InvalidInputError } from "../../errors.ts";
import { FIELDS, type FieldName, OBSERVATIONS } from "./fields.ts";
import type { CycleParameters } from "./parameters.ts";
import { type CycleSettings, defaultCycleSettings, parameterBlock, type World, worldOf } from "./world.ts";

/** Numbers of one policy net 16-32-32-5: weights [out][in] and biases of each layer, one after the other. */
export const POLICY_WEIGHTS = 16 * 32 + 32 + 32 * 32 + 32 + 32 * 5 + 5;

interface Kernel {
  readonly memory: { readonly buffer: ArrayBuffer };
  allocate(environments: number, weights: number): number;
  parameters(): number;
  reset(seed: number): void;
  step(at: number, stepsPerDay: number): void;
  runRule(from: number, steps: number, stepsPerDay: number): void;
  runPolicies(from: number, steps: number, stepsPerDay: number, policies: number): void;
}

declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { readonly exports: unknown };
};

export interface CycleStep {
  /** One array per name of OBSERVATIONS, one number per environment. A view: the next step overwrites it. */
  readonly observations: readonly Float32Array[];
  /** Fees − LVR − cost of the step, as a share of the starting capital. A view. */
  readonly rewards: Float32Array;
  /** All environments run in lock-step, so they are done together. */
  readonly done: boolean;
}

/**
 * Thousands of markets in lock-step, each with a position. Arrays are views into the kernel's memory, one number per
 * environment; nothing is copied. Money is in starting capitals, prices are relative to the start.
 */
export interface Cycle {
  readonly world: World;
  readonly environments: number;
  /** Everything that is kept of the environments, by name; prices as their roots. Writing to it changes the world. */
  readonly fields: Readonly<Record<FieldName, Float32Array>>;
  /** 0 hold, 1 to 3 recentre to that width, 4 idle: for the next step. */
  readonly actions: Float32Array;
  readonly stepsDone: number;
  /** The same seed gives the same market, whatever the agents do. */
  reset(seed: number): readonly Float32Array[];
  /** Acts at the observed prices, then lets one step pass. Raises InvalidInputError once the episode is done. */
  step(actions?: ArrayLike<number>): CycleStep;
  /** Many steps under the built-in rule, all in the kernel. */
  runRule(steps: number): void;
  /** Many steps under nets in the kernel; environments are split evenly among them, in blocks of eight. */
  runPolicies(steps: number): void;
  /** One net or several, POLICY_WEIGHTS numbers each; as many as `policies` at creation. */
  setPolicies(weights: ArrayLike<number>): void;
  /** Net asset value of each environment at the price elsewhere. */
  nav(): Float64Array;
}

/** Makes a market cycle; `policies` = how many nets it has room for. */
export function createCycle(
  parameters: CycleParameters,
  wanted: Partial<CycleSettings> = {},
  { policies = 1 }: { readonly policies?: number } = {},
): Cycle {
  const settings = { ...defaultCycleSettings, ...wanted };
  const world = worldOf(parameters, settings);
  const { environments, horizonSteps } = settings;
  if (!Number.isInteger(policies) || policies < 1 || policies > environments / 8) {
    throw new InvalidInputError(`cycle: policies is ${policies}, but it must be from 1 to ${environments / 8}`);
  }
  const kernel = load();
  const base = kernel.allocate(environments, policies * POLICY_WEIGHTS);
  const { buffer } = kernel.memory;
  new Float32Array(buffer, kernel.parameters(), 64).set(parameterBlock(world));
  const row = (index: number) => new Float32Array(buffer, base + 4 * index * environments, environments);
  const fields = Object.fromEntries(FIELDS.map((name, i) => [name, row(i)])) as Record<FieldName, Float32Array>;
  const observations = OBSERVATIONS.map((_, i) => row(FIELDS.length + i));
  const weights = new Float32Array(
    buffer,
    base + 4 * (FIELDS.length + OBSERVATIONS.length) * environments,
    policies * POLICY_WEIGHTS,
  );
  let at = 0;
  const ahead = (steps: number) => {
    if (!Number.isInteger(steps) || steps < 1 || at + steps > horizonSteps) {
      throw new InvalidInputError(
        `cycle: steps is ${steps}, but it must be from 1 to the ${horizonSteps - at} left of the episode; reset begins another`,
      );
    }
  };
  const cycle: Cycle = {
    world,
    environments,
    fields,
    actions: fields.action,
    get stepsDone() {
      return at;
    },
    reset(seed) {
      at = 0;
      kernel.reset(seed);
      return observations;
    },
    step(actions) {
      ahead(1);
      if (actions !== undefined) fields.action.set(actions);
      kernel.step(at++, world.stepsPerDay);
      return { observations, rewards: fields.reward, done: at === horizonSteps };
    },
    runRule(steps) {
      ahead(steps);
      kernel.runRule(at, steps, world.stepsPerDay);
      at += steps;
    },
    runPolicies(steps) {
      ahead(steps);
      kernel.runPolicies(at, steps, world.stepsPerDay, policies);
      at += steps;
    },
    setPolicies(numbers) {
      if (numbers.length !== weights.length) {
        throw new InvalidInputError(`cycle: ${numbers.length} weights given, but there must be ${weights.length}`);
      }
      weights.set(numbers);
    },
    nav: () => Float64Array.from({ length: environments }, (_, i) => navOf(fields, i)),
  };
  cycle.reset(0);
  return cycle;
}

/** Value of what an environment holds, at the price elsewhere. */
export function navOf(fields: Readonly<Record<FieldName, Float32Array>>, i: number): number {
  const of = (name: FieldName) => fields[name][i] ?? Number.NaN;
  const at = Math.min(Math.max(of("pool"), of("lower")), of("upper"));
  const held0 = of("own") * (1 / at - 1 / of("upper")) + of("fee0");
  return held0 * of("ref") ** 2 + of("own") * (at - of("lower")) + of("fee1") + of("cash");
}

/** A kernel of its own for each cycle: its memory is the cycle's state. */
function load(): Kernel {
  compiled ??= new WebAssembly.Module(readFileSync(new URL("./cycle.wasm", import.meta.url)));
  const abort = (_message: number, _file: number, line: number) => {
    throw new Error(`cycle.wasm stopped at line ${line} of its source`);
  };
  return new WebAssembly.Instance(compiled, { env: { abort } }).exports as Kernel;
}

let compiled: object | undefined;
