// The market cycle in WebAssembly: thousands of environments in lock-step. ../cycle.ts is how to use it.
import { advance, advanceByRule } from "./advance";
import { drawDay } from "./day";
import * as F from "./layout";
import { SEGMENT } from "./market";
import { splat } from "./math";
import { observe } from "./observe";
import { decide, WEIGHTS } from "./policy";

export { allocate } from "./layout";
export { parameters } from "./parameters";

/** Bytes of one policy's weights. */
export function weightBytes(): i32 { return WEIGHTS << 2; }

@inline function mix(x: u32): u32 {
  x ^= x >> 16;
  x *= 0x7feb352d;
  x ^= x >> 15;
  x *= 0x846ca68b;
  return x ^ (x >> 16);
}

/** Every environment at price 1 with 1 in cash, and the keys of its random numbers. */
export function reset(seed: u32): void {
  for (let index: i32 = 0; index < F.ENVIRONMENT_FIELDS; index++) {
    const at1 =
      index === F.REF || index === F.POOL || index === F.LIQUIDITY || index === F.LOWER || index === F.UPPER ||
      index === F.CASH;
    const value = splat(at1 ? 1 : 0);
    for (let e: i32 = 0; e < F.count; e += 4) v128.store(F.field(index, e), value);
  }
  for (let e: i32 = 0; e < F.count; e++) {
    const key = mix(seed + mix(<u32>e + 0x9e3779b9));
    store<u32>(F.field(F.KEY0, e), key);
    store<u32>(F.field(F.KEY1, e), mix(key ^ 0x85ebca6b ^ mix(seed)));
  }
  for (let e: i32 = 0; e < F.count; e += 4) {
    drawDay(e, 0, true);
    observe(e);
  }
}

@inline function dayBegins(environment: i32, step: i32, stepsPerDay: i32): void {
  if (step > 0 && step % stepsPerDay === 0) drawDay(environment, step / stepsPerDay, false);
}

/** One step of every environment under the actions in memory; observations follow. */
export function step(at: i32, stepsPerDay: i32): void {
  for (let e: i32 = 0; e < F.count; e += 4) {
    dayBegins(e, at, stepsPerDay);
    advance(e, at, 1);
    observe(e);
  }
}

/** Many steps under the built-in rule. */
export function runRule(from: i32, steps: i32, stepsPerDay: i32): void {
  for (let e: i32 = 0; e < F.count; e += 4) {
    let at = from;
    while (at < from + steps) {
      dayBegins(e, at, stepsPerDay);
      const today = min(min(stepsPerDay - (at % stepsPerDay), from + steps - at), SEGMENT);
      advanceByRule(e, at, today);
      at += today;
    }
    observe(e);
  }
}

/** Many steps under nets; environments are split evenly among `policies` of them, in blocks of eight. */
export function runPolicies(from: i32, steps: i32, stepsPerDay: i32, policies: i32): void {
  for (let e: i32 = 0; e < F.count; e += 8) {
    const weights = F.weightsAt() + <usize>(((e >> 3) * policies) / (F.count >> 3)) * <usize>(WEIGHTS << 2);
    for (let at = from; at < from + steps; at++) {
      decide(e, weights);
      dayBegins(e, at, stepsPerDay);
      dayBegins(e + 4, at, stepsPerDay);
      advance(e, at, 1);
      advance(e + 4, at, 1);
      observe(e);
      observe(e + 4);
    }
  }
}
