import { readFileSync } from "node:fs";
import { z } from "zod";
import { InvalidInputError } from "../../errors.ts";

const positive = z.number().positive();
const share = z.number().min(0).max(1);
const amount = z.number().min(0);

const schema = z.object({
  version: z.literal("market-cycle@1"),
  market: z.string(),
  feePips: z.number().int().positive().max(100_000),
  tickSpacing: z.number().int().positive(),
  volatility: z.object({
    /** One to three regimes, calm to wild; a day's volatility is drawn around its regime's, log-normally. */
    regimes: z
      .array(z.object({ sigmaPerDay: positive, logSd: amount }))
      .min(1)
      .max(3),
    /** Row = today's regime, column = tomorrow's. */
    transition: z.array(z.array(share)),
  }),
  jumps: z.object({ perDay: amount, logSd: amount }),
  /** Falls that come back in part: size = least + an exponential number with this mean, log price. */
  flashCrashes: z.object({
    perDay: amount,
    leastLog: amount,
    meanExcessLog: amount,
    reboundShare: share,
    reboundHours: positive,
    /** Share of the pool's liquidity that stays. */
    liquidityShare: positive.max(1),
  }),
  /** Times when liquidity leaves the pool without a crash. */
  crunches: z.object({ perDay: amount, liquidityShare: positive.max(1), recoveryHours: positive }),
  noise: z.object({
    /** Volume that is not arbitrage, over the value of a full-range position with all in-range liquidity. */
    turnoverPerDay: positive,
    /** Volume grows with (variance per day / reference) to this power. */
    elasticity: z.number(),
    referenceVariancePerDay: positive,
    /** Standard deviation of an hour's volume over its mean. */
    hourlyVariation: amount,
    towardShare: share,
    /** Largest share of an hour's noise that is on one side by chance. */
    imbalance: share,
  }),
  arbitrage: z.object({ marginBps: amount }),
  depth: z.object({
    /** Value of a full-range position with all in-range liquidity, whole units of the quote token. */
    fullRangeValue: positive,
  }),
  provenance: z.object({
    files: z.array(z.object({ file: z.string(), sha256: z.string() })),
    how: z.record(z.string(), z.string()),
    residuals: z.array(
      z.object({ statistic: z.string(), unit: z.string(), real: z.number().nullable(), simulated: z.number() }),
    ),
  }),
});

/** Everything that the market cycle is made of, with where it came from. */
export type CycleParameters = z.infer<typeof schema>;

/** Checks parameters of the cycle; raises InvalidInputError that names the field, its value and the rule. */
export function parseCycleParameters(value: unknown): CycleParameters {
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new InvalidInputError(`cycle parameters: ${issue?.path.join(".")}: ${issue?.message}`, {
      details: { issues: parsed.error.issues },
    });
  }
  const { regimes, transition } = parsed.data.volatility;
  if (transition.length !== regimes.length) {
    throw new InvalidInputError(
      `volatility.transition has ${transition.length} rows, but it must have one for each of ${regimes.length} regimes`,
    );
  }
  for (const [i, row] of transition.entries()) {
    const sum = row.reduce((a, b) => a + b, 0);
    if (row.length !== regimes.length || Math.abs(sum - 1) > 1e-6) {
      throw new InvalidInputError(
        `volatility.transition.${i} is [${row}], but it must be ${regimes.length} shares that sum to 1`,
      );
    }
  }
  return parsed.data;
}

/** The parameters that ship: those of ml/sim/cycle-parameters.json. */
export const defaultCycleParameters = (): CycleParameters =>
  parseCycleParameters(JSON.parse(readFileSync(new URL("../cycle-parameters.json", import.meta.url), "utf8")));
