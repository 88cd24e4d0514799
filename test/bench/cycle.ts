/** Speed of the market cycle, and its error against the exact engine. */

import { seededRandom } from "../../ml/random.ts";
import { compareWithExact, errorsOf } from "../../ml/sim/cycle/compare.ts";
import { createCycle, POLICY_WEIGHTS } from "../../ml/sim/cycle/cycle.ts";
import { defaultCycleParameters } from "../../ml/sim/cycle/parameters.ts";
import { defaultCycleSettings } from "../../ml/sim/cycle/world.ts";
import { createPool } from "../../ml/sim/exact/pool.ts";
import { type Bench, type BenchRow, cpuSeconds, median } from "./bench.ts";

const RUNS = 7;
const STEPS = 720;
/**
 * Environments of the error measurement, and orders that a step's noise is cut into: as many as the pool of the shipped
 * parameters had an hour on 2024-01-05 (252 swaps, of which 63 % by count were not informed). Fewer and larger orders
 * wander further, which the cycle does not see; how much that costs is measured beside it.
 */
const COMPARED = 256;
const ORDERS = 159;
const FEWER_ORDERS = [32, 8] as const;
const FEWER_COMPARED = 64;
const FEE_LIMIT = 0.005;
const VALUE_LIMIT_BPS = 1;
const RULE_AIM = 100e6;
const NET_AIM = 3e6;

export const bench: Bench = async ({ progress }) => {
  const parameters = defaultCycleParameters();
  const { environments } = defaultCycleSettings;
  const horizonSteps = STEPS * 10;
  const cycle = createCycle(parameters, { horizonSteps });
  const random = seededRandom(1);
  cycle.setPolicies(Float32Array.from({ length: POLICY_WEIGHTS }, () => (random() - 0.5) / 2));
  const rate = (name: string, steps: number, work: () => void): number => {
    progress(`${name}: ${RUNS} runs of ${(steps * environments).toLocaleString("en-US")} steps`);
    const once = (seed: number) => {
      cycle.reset(seed);
      return (steps * environments) / cpuSeconds(work);
    };
    once(0);
    return median(Array.from({ length: RUNS }, (_, i) => once(i + 1)));
  };
  const rule = rate("rule policy", horizonSteps, () => cycle.runRule(horizonSteps));
  const net = rate("net policy 16-32-32-5", STEPS, () => cycle.runPolicies(STEPS));
  const single = rate("step by step", STEPS, () => {
    for (let step = 0; step < STEPS; step++) cycle.step();
  });

  const compare = (compared: number, ordersPerStep: number) => {
    progress(`${compared} environments of ${STEPS} steps, ${ordersPerStep} orders a step, through the exact engine`);
    const began = performance.now();
    return compareWithExact({
      parameters,
      settings: { environments: compared },
      steps: STEPS,
      seed: 1,
      ordersPerStep,
      makePool: createPool,
      progress: (done, of) => {
        const left = ((performance.now() - began) / done) * (of - done);
        if (done % 120 === 0 && done < of) progress(`  step ${done} of ${of}, ${Math.ceil(left / 1000)} s left`);
      },
    });
  };
  const comparisons = compare(COMPARED, ORDERS);
  const { fees, value } = errorsOf(comparisons);
  const swaps = comparisons.reduce((sum, { swaps }) => sum + swaps, 0);
  const row = (name: string, value: number, unit: string, against = "", limit: number | null = null): BenchRow => ({
    name,
    value,
    unit,
    against,
    ratio: limit === null ? null : value / limit,
  });
  return [
    row("rule policy", rule, "steps/s", "aim 100 M", RULE_AIM),
    row("net policy 16-32-32-5", net, "steps/s", "aim 3 M", NET_AIM),
    row("step by step, observed", single, "steps/s"),
    row("exact swaps compared with", swaps, "swaps"),
    row("fee error, mean", fees.mean * 100, "%", "limit 0.5 %", FEE_LIMIT * 100),
    row("fee error, bias", fees.bias * 100, "%"),
    row("fee error, median", fees.p50 * 100, "%"),
    row("fee error, 90th percentile", fees.p90 * 100, "%"),
    row("fee error, 99th percentile", fees.p99 * 100, "%"),
    row("value error, mean", value.mean * 1e4, "bps", "limit 1 bp", VALUE_LIMIT_BPS),
    row("value error, bias", value.bias * 1e4, "bps"),
    row("value error, median", value.p50 * 1e4, "bps"),
    row("value error, 90th percentile", value.p90 * 1e4, "bps"),
    row("value error, 99th percentile", value.p99 * 1e4, "bps"),
    ...FEWER_ORDERS.flatMap((orders) => {
      const errors = errorsOf(compare(FEWER_COMPARED, orders));
      return [
        row(`fee error, mean, ${orders} orders a step`, errors.fees.mean * 100, "%", "limit 0.5 %", FEE_LIMIT * 100),
        row(`value error, mean, ${orders} orders`, errors.value.mean * 1e4, "bps", "limit 1 bp", VALUE_LIMIT_BPS),
      ];
    }),
  ];
};
