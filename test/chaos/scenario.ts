import { createDraw, type Draw } from "../exact/draw.ts";
import { FAULTS, type FaultName } from "./faults.ts";

export interface FaultPlan {
  readonly name: FaultName;
  /** Index of the block at which it begins. */
  readonly slot: number;
  /** Blocks for which it lasts; 0 = one instant. */
  readonly slots: number;
  readonly values: Readonly<Record<string, string | number | boolean>>;
}

/** What happens in one run, all of it drawn from the seed. */
export interface Scenario {
  readonly index: number;
  readonly seed: number;
  /** How many the worker keeps: 1; 2, one in each of two pools, each with a key of its own; 4, both keys in both pools. */
  readonly vaults: number;
  readonly everySeconds: number;
  readonly confirmations: number;
  /** Seconds before each block. */
  readonly gaps: readonly number[];
  readonly faults: readonly FaultPlan[];
  /** Ticks that the price moves up in each block of at least five minutes, so that a position is left behind. */
  readonly driftTicks: number;
  /** Whether states of the past must be kept. */
  readonly reorganises: boolean;
  /** Whether heads are announced over a WebSocket, a second node is configured, signs of life are given. */
  readonly webSocket: boolean;
  readonly secondNode: boolean;
  readonly heartbeats: boolean;
}

const NAMES = Object.keys(FAULTS) as FaultName[];

export interface DrawScenarioParameters {
  readonly seed: number;
  readonly index: number;
  /** The kind of its first fault; absent = each kind in turn. */
  readonly only?: FaultName;
  /** No further faults beside the first. */
  readonly alone?: boolean;
  /** Vaults that the worker keeps; absent = drawn, one for a fault that is alone. */
  readonly vaults?: number;
}

/** Draws the scenario of an index: its first fault goes through all kinds in turn, up to two more are drawn beside it. */
export function drawScenario({ seed, index, only, alone = false, vaults }: DrawScenarioParameters): Scenario {
  // Neighbouring seeds must not give neighbouring streams.
  const draw = createDraw((Math.imul(seed, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b)) >>> 0);
  const first = only ?? (NAMES[index % NAMES.length] as FaultName);
  const names = [first];
  for (let more = alone ? 0 : draw.pick([0, 0, 1, 1, 2]); more > 0; more--) names.push(draw.pick(NAMES));
  const plans: FaultPlan[] = names.map((name) => plan(draw, name));
  const length = Math.max(4, ...plans.map(({ slot, slots }) => slot + slots + 1));
  // Some last for hours, in which the price leaves the position and the vault moves again.
  const long = !alone && draw.chance(0.3);
  const gaps = Array.from({ length: long ? Math.max(8, length) : length }, (_, slot) =>
    slot === 0 ? 600 : gap(draw, long),
  );
  for (const { name, slot, slots } of plans) {
    // Held for an hour: past every deadline.
    if (FAULTS[name].hour) for (let at = slot + 1; at <= slot + slots; at++) gaps[at] = at === slot + 1 ? 1_200 : 2_400;
  }
  return {
    index,
    seed,
    everySeconds: draw.pick([12, 60, 60, 600, 3_600]),
    confirmations: draw.pick([1, 1, 1, 2, 3]),
    gaps,
    driftTicks: long ? draw.pick([60, 100, -60, -100]) : 0,
    faults: plans,
    reorganises: plans.some(({ name }) => FAULTS[name].reorganises === true),
    webSocket: plans.some(({ name }) => FAULTS[name].webSocket === true),
    secondNode: plans.some(({ name }) => FAULTS[name].secondNode === true),
    heartbeats: plans.some(({ name }) => FAULTS[name].heartbeats === true),
    vaults: vaults ?? (alone ? 1 : draw.pick([1, 2, 4, 4])),
  };
}

const gap = (draw: Draw, long: boolean): number =>
  draw.chance(long ? 0.25 : 0.75) ? 12 : draw.pick(long ? [300, 600, 900, 1_800] : [13, 24, 60, 300, 600]);

function plan(draw: Draw, name: FaultName): FaultPlan {
  const kind = FAULTS[name];
  const values = kind.draw?.(draw) ?? {};
  const slots = kind.slots ? draw.integer(...kind.slots) : 0;
  const slot = typeof values.slot === "number" ? values.slot : draw.integer(0, 3);
  return { name, slot, slots, values };
}
