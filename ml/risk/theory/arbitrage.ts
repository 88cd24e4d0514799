import { derivedSeed, seededRandom } from "../../random.ts";
import { drawNormal } from "../../sim/draw.ts";
import { type Batch, compare, type SimulationParameters, type TheoryCheck } from "./check.ts";

/** The model of Milionis, Moallemi and Roughgarden, "Automated Market Making and Arbitrage Profits in the Presence of
 * Fees" (arXiv 2305.14604). */
export interface FeeModelParameters {
  /** Volatility of the price outside per square root of a day; its logarithm has no drift. */
  readonly sigmaPerDay: number;
  /** Half-width γ of the band of log mispricing in which no trade pays: −ln(1 − fee). */
  readonly gamma: number;
  /** Blocks per day, λ; they arrive as a Poisson process. */
  readonly blocksPerDay: number;
}

/**
 * Probability that a block holds an arbitrage trade, 1/(1 + √(2λ)γ/σ). Between blocks the log mispricing z diffuses; a
 * block takes it back to ±γ when it is beyond. Outside the band the stationary density solves ½σ²p″ = λp, so it falls
 * like e^{−u√(2λ)/σ} in the distance u; inside, where blocks do nothing, it is flat. The mass outside is the result.
 */
export const tradeProbability = ({ sigmaPerDay, gamma, blocksPerDay }: FeeModelParameters): number =>
  1 / (1 + (Math.sqrt(2 * blocksPerDay) * gamma) / sigmaPerDay);

/**
 * Arbitrage profit over LVR for the constant product, exactly: P_trade · e^{γ/2} / (1 − σ²/(8λ)). A trade that closes a
 * distance u beyond the band earns 2L√P e^{γ/2}(cosh(u/2) − 1) after the fee on its input, u is exponential with rate
 * a = √(2λ)/σ, and E[cosh(u/2) − 1] = 1/(4a² − 1). The published statement, ARB/LVR = P_trade, is its limit of fast
 * blocks (σ²/λ → 0) and small fees (γ → 0).
 */
export const arbitrageShare = (parameters: FeeModelParameters): number =>
  (tradeProbability(parameters) * Math.exp(parameters.gamma / 2)) /
  (1 - parameters.sigmaPerDay ** 2 / (8 * parameters.blocksPerDay));

const BLOCKS_PER_BATCH = 2000;

/**
 * Plays that model block by block in a constant-product pool of liquidity 1: how often a block trades, and what the
 * arbitrageur takes after fees, over LVR measured on the same blocks. A batch starts at a stationary mispricing.
 */
export function arbitrageWithFees(
  parameters: FeeModelParameters & SimulationParameters & { readonly name: string },
): readonly TheoryCheck[] {
  const { sigmaPerDay, gamma, blocksPerDay, seed, batches, name } = parameters;
  const random = seededRandom(derivedSeed(seed, name));
  const probability = tradeProbability(parameters);
  const trades: Batch[] = [];
  const profits: Batch[] = [];
  for (let batch = 0; batch < batches; batch++) {
    const sign = random() < 0.5 ? 1 : -1;
    // After a block: at the band's edge if it traded, else anywhere inside with equal chance.
    let z = random() < probability ? sign * gamma : gamma * (2 * random() - 1);
    let [traded, arbitrage, lvr] = [0, 0, 0];
    for (let block = 0; block < BLOCKS_PER_BATCH; block++) {
      const days = -Math.log(1 - random()) / blocksPerDay;
      const move = sigmaPerDay * Math.sqrt(days) * drawNormal(random);
      z += move;
      // A full-range position of unit value, hedged from block to block: (√r − 1)²/2 at a return of r.
      lvr += Math.expm1(move / 2) ** 2 / 2;
      const beyond = Math.abs(z) - gamma;
      if (beyond <= 0) continue;
      traded++;
      arbitrage += profit(z, gamma);
      z = Math.sign(z) * gamma;
    }
    trades.push([traded, BLOCKS_PER_BATCH]);
    profits.push([arbitrage, lvr]);
  }
  return [
    compare({
      name: `blocks with a trade, ${name}`,
      unit: "%",
      closedForm: probability * 100,
      batches: percent(trades),
    }),
    compare({
      name: `arbitrage over LVR, ${name}`,
      unit: "%",
      closedForm: arbitrageShare(parameters) * 100,
      batches: percent(profits),
    }),
  ];
}

const percent = (batches: readonly Batch[]): Batch[] => batches.map(([top, bottom]) => [top * 100, bottom]);

/**
 * What the arbitrageur takes from a constant-product pool per unit of its value (2√P at liquidity 1, P = 1 outside),
 * straight from the pool's amounts: he moves its price from e^{−z} to the edge e^{∓γ} and pays the fee on his input.
 */
function profit(z: number, gamma: number): number {
  const [before, after] = [Math.exp(-z), Math.exp(-Math.sign(z) * gamma)];
  const other = 1 / Math.sqrt(before) - 1 / Math.sqrt(after);
  const asset = Math.sqrt(before) - Math.sqrt(after);
  // Positive = the arbitrageur receives. What he pays in, he pays times e^γ = 1/(1 − fee).
  const withFee = (received: number) => (received < 0 ? received * Math.exp(gamma) : received);
  return (withFee(other) + withFee(asset)) / 2;
}
