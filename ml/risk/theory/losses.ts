import { derivedSeed, seededRandom } from "../../random.ts";
import { drawNormal } from "../../sim/draw.ts";
import { breakEvenVolume } from "../fees.ts";
import { expectedImpermanentLoss, expectedLvr, impermanentLossQuantile } from "../horizon.ts";
import { timeInRange } from "../lognormal.ts";
import { impermanentLossOf, isInside, positionOfValue, rangeDelta, rangeValue } from "../range.ts";
import { type Batch, compare, type SimulationParameters, type TheoryCheck } from "./check.ts";

/** 5 % a day, the volatility of the published figures. */
const SIGMA = 0.05 * Math.sqrt(365);
const DAY = 1 / 365;
const FEE = 0.003;
const FULL = { lowerPrice: 0, upperPrice: Number.POSITIVE_INFINITY };
const STEPS_PER_DAY = 288;

/** A fair price's next value after `years`. */
const nextPrice = (price: number, years: number, random: () => number): number =>
  price * Math.exp(SIGMA * Math.sqrt(years) * drawNormal(random) - (SIGMA * SIGMA * years) / 2);

/**
 * Full range at 5 % a day (arXiv 2208.06046): hedged every five minutes it loses σ²/8 = 3.125 bp of its value a day; and
 * noise traders at 30 bp pay for that when they trade 10.4 % of its value a day. The loss is measured as what holding the
 * position's delta gains more than it does, the fees as φ × the size of orders that arrive at random.
 */
export function fullRangeLvr({ seed, batches }: SimulationParameters): readonly TheoryCheck[] {
  const random = seededRandom(derivedSeed(seed, "full-range"));
  const perStep = 0.1 / STEPS_PER_DAY;
  const losses: Batch[] = [];
  const volumes: Batch[] = [];
  const position = positionOfValue(FULL, 1, 1);
  for (let batch = 0; batch < batches; batch++) {
    let [price, loss, fees, volume] = [1, 0, 0, 0];
    for (let step = 0; step < STEPS_PER_DAY; step++) {
      const next = nextPrice(price, DAY / STEPS_PER_DAY, random);
      const value = rangeValue(position, price);
      loss += (rangeDelta(position, price) * (next - price) - (rangeValue(position, next) - value)) / value;
      // Orders of exponential size: a tenth of the assets a day on average.
      const order = -perStep * Math.log(1 - random());
      volume += order;
      fees += FEE * order;
      price = next;
    }
    losses.push([loss * 1e4, 1]);
    // The volume at which fees would have been the loss: volume × loss / fees.
    volumes.push([(loss * volume) / fees, 1]);
  }
  return [
    compare({
      name: "LVR of a full range, 5 % a day",
      unit: "bp/day",
      closedForm: (SIGMA ** 2 / 8 / 365) * 1e4,
      batches: losses,
    }),
    compare({
      name: "volume over assets to pay it, 30 bp",
      unit: "%/day",
      closedForm: (breakEvenVolume(SIGMA, FEE) / 365) * 100,
      batches: volumes.map(([volume, one]) => [volume * 100, one]),
    }),
  ];
}

/** Ranges of which the price is in the middle, at an edge, and outside; a week, hedged every five minutes. */
const RANGES = [
  { name: "±10 %", range: { lowerPrice: 0.9, upperPrice: 1.1 } },
  { name: "±2 %", range: { lowerPrice: 0.98, upperPrice: 1.02 } },
  { name: "+2..+20 %", range: { lowerPrice: 1.02, upperPrice: 1.2 } },
] as const;

/**
 * Concentrated ranges over a week: LVR against ∫ Lσ²/4 E[√P; inside] dt, and time in range against its integral. LVR is
 * −½Γ (ΔP)² of each step, taken at the step's start: the instantaneous rate Lσ²√P/4 wherever the price is.
 */
export function concentratedLvr({ seed, batches }: SimulationParameters): readonly TheoryCheck[] {
  const years = 7 * DAY;
  const steps = 7 * STEPS_PER_DAY;
  return RANGES.flatMap(({ name, range }) => {
    const random = seededRandom(derivedSeed(seed, name));
    const position = positionOfValue(range, 1, 1);
    const losses: Batch[] = [];
    const times: Batch[] = [];
    for (let batch = 0; batch < batches; batch++) {
      let [price, loss, inside] = [1, 0, 0];
      for (let step = 0; step < steps; step++) {
        const next = nextPrice(price, years / steps, random);
        loss +=
          rangeDelta(position, price) * (next - price) - (rangeValue(position, next) - rangeValue(position, price));
        // Midpoints of the steps: the trapezium of both ends.
        inside += (Number(isInside(range, price)) + Number(isInside(range, next))) / 2 / steps;
        price = next;
      }
      losses.push([loss * 1e4, 1]);
      times.push([inside * 100, 1]);
    }
    const process = { price: 1, sigma: SIGMA };
    return [
      compare({
        name: `LVR of ${name} in a week`,
        unit: "bp",
        closedForm: expectedLvr(position, process, years) * 1e4,
        batches: losses,
      }),
      compare({
        name: `time in ${name} in a week`,
        unit: "%",
        closedForm: timeInRange(range, process, years) * 100,
        batches: times,
      }),
    ];
  });
}

/** The distribution of impermanent loss of ±10 % after a week: its mean, and how often it is beyond its 10 % quantile. */
export function impermanentLossDistribution({ seed, batches }: SimulationParameters): readonly TheoryCheck[] {
  const random = seededRandom(derivedSeed(seed, "impermanent-loss"));
  const years = 7 * DAY;
  const process = { price: 1, sigma: SIGMA };
  const position = positionOfValue(RANGES[0].range, 1, 1);
  const tails = [0.1, 0.5].map((tail) => ({ tail, at: impermanentLossQuantile(position, process, years, tail) }));
  const losses = Array.from({ length: batches * 10 }, () =>
    impermanentLossOf(position, 1, nextPrice(1, years, random)),
  );
  return [
    compare({
      name: "mean IL of ±10 % after a week",
      unit: "bp",
      closedForm: expectedImpermanentLoss(position, process, years) * 1e4,
      batches: losses.map((loss) => [loss * 1e4, 1]),
    }),
    ...tails.map(({ tail, at }) =>
      compare({
        name: `IL beyond its ${tail * 100} % quantile ${(at * 100).toFixed(2)} %`,
        unit: "%",
        closedForm: tail * 100,
        batches: losses.map((loss) => [loss <= at ? 100 : 0, 1]),
      }),
    ),
  ];
}
