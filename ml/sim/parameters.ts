import { z } from "zod";
import { InvalidInputError } from "../errors.ts";

const positive = z.number().positive();
const share = z.number().min(0).max(1);

const schema = z.object({
  version: z.literal("sim-market@1"),
  pool: z.object({
    feePips: z.number().int().positive(),
    tickSpacing: z.number().int().positive(),
    token0: z.object({ symbol: z.string(), decimals: z.number().int().min(0) }),
    token1: z.object({ symbol: z.string(), decimals: z.number().int().min(0) }),
  }),
  /** Token0 per token1 in whole tokens: the dollar price of ether. */
  startPrice: positive,
  volatility: z.object({
    /** A day's volatility is drawn around its regime's, log-normally; jumps come on top. */
    regimes: z.array(z.object({ sigmaPerDay: positive, logSd: z.number().min(0) })).min(1),
    /** Row = today's regime, column = tomorrow's. */
    transition: z.array(z.array(share)),
  }),
  jumps: z.object({ perDay: z.number().min(0), logSd: z.number().min(0) }),
  noise: z.object({
    /** Orders a day at the reference variance. */
    perDay: positive,
    /** Orders grow with (variance per day / reference) to this power. */
    elasticity: z.number(),
    referenceVariancePerDay: positive,
    /** Share of orders that trade towards the price elsewhere, as routers choose pools. */
    towardShare: share,
    /** Evenly spaced quantiles of ln(order size in whole token0). */
    logSizeQuantiles: z.array(z.number()).min(2),
  }),
  /** How far beyond the fee the price must be for an arbitrageur to pay his gas. */
  arbitrage: z.object({ marginBps: z.number().min(0) }),
  depth: z.object({
    /** In-range liquidity, pool units. */
    liquidity: positive,
    /** Share of it that lies out to a log-price half-width and further; null = everywhere. Falling. */
    bands: z.array(z.object({ halfWidth: positive.nullable(), share })).min(1),
  }),
  provenance: z.object({
    files: z.array(z.object({ file: z.string(), sha256: z.string() })),
    how: z.record(z.string(), z.string()),
    /** Statistics of the real market beside those of the simulated one. */
    residuals: z.array(z.object({ statistic: z.string(), unit: z.string(), real: z.number(), simulated: z.number() })),
  }),
});

/** Everything that the synthetic market is made of, with where it came from. */
export type MarketParameters = z.infer<typeof schema>;

/** Checks market parameters; raises InvalidInputError that names the field. */
export function parseMarketParameters(value: unknown): MarketParameters {
  const parsed = schema.safeParse(value);
  if (parsed.success) {
    const { regimes, transition } = parsed.data.volatility;
    for (const [i, row] of transition.entries()) {
      const sum = row.reduce((a, b) => a + b, 0);
      if (row.length !== regimes.length || Math.abs(sum - 1) > 1e-6) {
        throw new InvalidInputError(
          `volatility.transition.${i} is [${row}], but it must be ${regimes.length} shares of 1`,
        );
      }
    }
    if (transition.length !== regimes.length) {
      throw new InvalidInputError(
        `volatility.transition has ${transition.length} rows, but there are ${regimes.length} regimes`,
      );
    }
    return parsed.data;
  }
  const issue = parsed.error.issues[0];
  throw new InvalidInputError(`market parameters: ${issue?.path.join(".")}: ${issue?.message}`, {
    details: { issues: parsed.error.issues },
  });
}
