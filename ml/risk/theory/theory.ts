import { arbitrageWithFees } from "./arbitrage.ts";
import type { SimulationParameters, TheoryCheck } from "./check.ts";
import { concentratedLvr, fullRangeLvr, impermanentLossDistribution } from "./losses.ts";

const POOLS = [
  { name: "30 bp, 12 s", fee: 0.003, seconds: 12 },
  { name: "5 bp, 12 s", fee: 0.0005, seconds: 12 },
  { name: "5 bp, 2 s", fee: 0.0005, seconds: 2 },
] as const;

/** Every published closed form that the product relies on, beside its simulation. About 10^7 draws per 1,000 batches. */
export const theoryChecks = ({ seed, batches }: SimulationParameters): readonly TheoryCheck[] => [
  ...fullRangeLvr({ seed, batches }),
  ...concentratedLvr({ seed, batches }),
  ...impermanentLossDistribution({ seed, batches }),
  ...POOLS.flatMap(({ name, fee, seconds }) =>
    arbitrageWithFees({
      name,
      seed,
      batches,
      sigmaPerDay: 0.05,
      gamma: -Math.log(1 - fee),
      blocksPerDay: 86_400 / seconds,
    }),
  ),
];
