import { barEarnings } from "../../ml/backtest/policies/barEarnings.ts";
import { edgesOf, otherShareAt } from "../../ml/backtest/policies/costs.ts";
import type { PolicyFactory, RunMove, RunPoint, RunResult, RunSettings } from "../../ml/backtest/types.ts";
import { seededRandom } from "../../ml/random.ts";
import { delta, value } from "../../ml/risk/position.ts";
import { drawNormal } from "../../ml/sim/draw.ts";
import type { Bar, HeldPosition, PoolMeta, Range, VaultState } from "../../ml/types.ts";
import { lnPriceToTick } from "../../ml/units.ts";

const HOUR = 3600;
export const START = 1_658_188_800;
const ADDRESS = "0x45dda9cb7c25131df268515131f647d726f50608";

export const pool: PoolMeta = {
  chainId: 137,
  address: ADDRESS,
  token0: { address: "0x2791bca1f2de4661ed88a30c99a7a9449aa84174", symbol: "USDC", decimals: 6 },
  token1: { address: "0x7ceb23fd6bc0add59e62ac25578270cff1b9f619", symbol: "WETH", decimals: 18 },
  feePips: 500,
  tickSpacing: 10,
};

/** ln of raw USDC per raw WETH from whole ones. */
const raw = (price: number) => Math.log(price) - 12 * Math.LN10;
const LIQUIDITY = 5e19;

export interface BarsParameters {
  readonly seed?: number;
  readonly hours?: number;
  /** Daily. */
  readonly sigma?: number;
  readonly feeOverLvr?: number;
  readonly price?: number;
  /** Log return a day. */
  readonly drift?: number;
}

/** Hourly bars of a random walk in USDC per WETH, with a chosen ratio of full-range fees to LVR. */
export function walkBars(parameters: BarsParameters = {}): Bar[] {
  const { seed = 1, hours = 240, sigma = 0.04, feeOverLvr = 0.9, price = 1600, drift = 0 } = parameters;
  const random = seededRandom(seed);
  const bars: Bar[] = [];
  let close = raw(price);
  for (let i = 0; i < hours; i++) {
    const open = close;
    // Twice as wild in every second week, so that volatility regimes differ.
    const scale = Math.floor(i / 168) % 2 === 1 ? 2 : 1;
    close = open + drift / 24 + ((sigma * scale) / Math.sqrt(24)) * drawNormal(random);
    const realisedVariance = (close - open) ** 2;
    const feeYield = (feeOverLvr * (sigma * scale) ** 2) / 24 / 8;
    bars.push({
      startSeconds: START + i * HOUR,
      endSeconds: START + (i + 1) * HOUR,
      open,
      close,
      high: Math.max(open, close) + 0.001,
      low: Math.min(open, close) - 0.001,
      realisedVariance,
      volume: (feeYield * 2 * LIQUIDITY * Math.exp(close / 2)) / 5e-4,
      signedVolume: 0,
      feeYield,
      liquidity: LIQUIDITY,
      swaps: 100,
    });
  }
  return bars;
}

export const settings = (bars: readonly Bar[], over: Partial<RunSettings> = {}): RunSettings => ({
  capital: 10_000,
  numeraire: 0,
  decisionSeconds: HOUR,
  latencyBlocks: 1,
  costs: {
    gasPerMove: 350_000,
    gasPerPosition: 200_000,
    gasGwei: 60,
    gasScale: 1,
    gasTokenPrice: 0.9,
    mevBps: 1,
    feeHaircutBps: 0,
  },
  seed: 1,
  fromSeconds: bars[0]?.startSeconds ?? 0,
  toSeconds: bars.at(-1)?.endSeconds ?? 0,
  ...over,
});

interface Held extends Range {
  readonly liquidity: number;
}

export interface TinyRunParameters {
  readonly bars: readonly Bar[];
  readonly settings?: Partial<RunSettings>;
  /** Bars that the policy knows before the first decision. */
  readonly warmUpBars?: number;
}

/**
 * Runs a policy over bars with the plainest bookkeeping that closes: fees by share of the bar in range, LVR and exposure
 * from close to close, swaps at the fee. A fixture generator: it makes results with real shapes, not a market to believe.
 */
export async function tinyRun(factory: PolicyFactory, parameters: TinyRunParameters): Promise<RunResult> {
  const { bars, warmUpBars = 48 } = parameters;
  const traded = bars.slice(warmUpBars);
  const run = settings(traded, parameters.settings);
  const { capital, numeraire, costs } = run;
  const policy = await factory({
    pool,
    numeraire,
    capital,
    decisionSeconds: run.decisionSeconds,
    costs,
    future: traded,
  });
  let held: Held[] = [];
  let [asset, other, lastMoveAt] = [capital * 1e6, 0, 0];
  const totals = { fees: 0, lvr: 0, swapCost: 0, mev: 0, gas: 0, exposure: 0 };
  const points: RunPoint[] = [];
  const moves: RunMove[] = [];
  const byReason: Record<string, number> = {};
  let taken = 0;
  const start = traded[0]?.open ?? 0;
  const fullRangeAt = { lower: -40, upper: 40 };
  let [fullRange, fifty] = [capital, capital];

  const offsets = (range: Range, at: number) => {
    const { lower, upper } = edgesOf(range, numeraire);
    return { lower: lower - at, upper: upper - at };
  };
  const worth = (position: Held, at: number) => position.liquidity * Math.exp(at / 2) * value(offsets(position, at), 0);
  const otherIn = (position: Held, at: number) =>
    (position.liquidity / Math.exp(at / 2)) * delta(offsets(position, at), 0);
  const nav = (at: number) => asset + other * Math.exp(at) + held.reduce((sum, one) => sum + worth(one, at), 0);
  const whole = (at: number) => Math.exp(at) * 1e12;
  const inside = (at: number) =>
    held.some(({ lowerTick, upperTick }) => {
      const tick = lnPriceToTick(at, numeraire);
      return lowerTick <= tick && tick < upperTick;
    });

  const state = (at: number, atSeconds: number): VaultState => {
    const positions = held.map((one): HeldPosition => {
      const others = otherIn(one, at);
      const assets = worth(one, at) - others * Math.exp(at);
      return {
        lowerTick: one.lowerTick,
        upperTick: one.upperTick,
        liquidity: BigInt(Math.round(one.liquidity)),
        amount0: BigInt(Math.round(assets)),
        amount1: BigInt(Math.round(others)),
        fees0: 0n,
        fees1: 0n,
      };
    });
    return {
      vault: ADDRESS,
      numeraire,
      idle0: BigInt(Math.round(asset)),
      idle1: BigInt(Math.round(other)),
      positions,
      nav: BigInt(Math.round(nav(at))),
      sharePrice: 10n ** 18n,
      calm: true,
      paused: false,
      lastMoveAt,
      movesToday: moves.filter((move) => move.actedAt > atSeconds - 86_400).length,
      lossBudgetLeftWad: 10n ** 16n,
      nextNonce: 0n,
      referenceTick: Math.floor(lnPriceToTick(at, numeraire)),
    };
  };

  const close = (at: number) => {
    for (const one of held) {
      const others = otherIn(one, at);
      asset += worth(one, at) - others * Math.exp(at);
      other += others;
    }
    held = [];
  };
  const trade = (wanted: number, at: number) => {
    const swapped = Math.abs(wanted - other * Math.exp(at));
    const [fee, mev] = [swapped * 5e-4, (swapped * costs.mevBps) / 1e4];
    const sold = wanted < other * Math.exp(at);
    asset += (sold ? swapped : -swapped) - fee - mev;
    other += ((sold ? -1 : 1) * swapped) / Math.exp(at);
    return { swapped, fee, mev };
  };
  const record = (atSeconds: number, block: number, at: number) => {
    points.push({
      atSeconds,
      block,
      price: whole(at),
      nav: nav(at) / 1e6,
      hodl: capital * (0.5 + 0.5 * Math.exp(at - start)),
      fiftyFifty: fifty,
      assetOnly: capital,
      fullRange,
      fees: totals.fees / 1e6,
      lvr: totals.lvr / 1e6,
      swapCost: totals.swapCost / 1e6,
      mev: totals.mev / 1e6,
      gas: totals.gas / 1e6,
      exposure: totals.exposure / 1e6,
      inRange: inside(at) ? 1 : 0,
      deployed: held.reduce((sum, one) => sum + worth(one, at), 0) / nav(at),
      ranges: held.map(({ lowerTick, upperTick }) => ({ lowerTick, upperTick })),
    });
  };

  record(run.fromSeconds, 0, start);
  for (const [index, bar] of traded.entries()) {
    const at = bar.open;
    const { action } = await policy.decide({
      pool,
      numeraire,
      atSeconds: bar.startSeconds,
      block: index,
      bars: bars.slice(Math.max(0, warmUpBars + index - 672), warmUpBars + index),
      history: null,
      state: state(at, bar.startSeconds),
      price: whole(at),
      nav: nav(at) / 1e6,
    });
    taken++;
    if (action.kind === "hold") byReason[action.reason] = (byReason[action.reason] ?? 0) + 1;
    else {
      close(at);
      const ranges = action.kind === "move" ? action.ranges : [];
      const gas =
        (costs.gasPerMove + ranges.length * costs.gasPerPosition) *
        60e-9 *
        costs.gasScale *
        (costs.gasTokenPrice ?? 1) *
        1e6;
      asset -= gas;
      const total = nav(at);
      const shares = ranges.map((range) => otherShareAt(edgesOf(range, numeraire), at));
      const wanted = ranges.reduce((sum, { weight }, i) => sum + weight * (shares[i] ?? 0) * total, 0);
      const swaps = action.kind === "idle" ? action.sell : action.swap === "to-ratio";
      const { swapped, fee, mev } = swaps ? trade(wanted, at) : { swapped: 0, fee: 0, mev: 0 };
      for (const [i, { lowerTick, upperTick, weight }] of ranges.entries()) {
        const share = shares[i] ?? 0;
        const target = Math.min(
          weight * nav(at),
          share > 0 ? (other * Math.exp(at)) / share : Number.POSITIVE_INFINITY,
          share < 1 ? Math.max(0, asset) / (1 - share) : Number.POSITIVE_INFINITY,
        );
        const liquidity = target / (Math.exp(at / 2) * value(offsets({ lowerTick, upperTick }, at), 0));
        held.push({ lowerTick, upperTick, liquidity });
        asset -= target * (1 - share);
        other -= (target * share) / Math.exp(at);
      }
      totals.gas += gas;
      totals.swapCost += fee;
      totals.mev += mev;
      lastMoveAt = bar.startSeconds + 12;
      moves.push({
        decidedAt: bar.startSeconds,
        actedAt: lastMoveAt,
        block: index + 1,
        kind: action.kind,
        reason: action.reason,
        ranges: ranges.map(({ lowerTick, upperTick }) => ({ lowerTick, upperTick })),
        price: whole(at),
        nav: nav(at) / 1e6,
        swapped: swapped / 1e6,
        swapFee: fee / 1e6,
        swapImpact: 0,
        mev: mev / 1e6,
        gas: gas / 1e6,
        poolShare: held.reduce((sum, one) => sum + one.liquidity, 0) / LIQUIDITY,
      });
    }
    const step = Math.exp(bar.close) - Math.exp(at);
    totals.exposure += other * step;
    for (const one of held) {
      totals.exposure += otherIn(one, at) * step;
      totals.lvr += otherIn(one, at) * step - (worth(one, bar.close) - worth(one, at));
      const earned = worth(one, at) * barEarnings(edgesOf(one, numeraire), bar).fees;
      totals.fees += earned;
      asset += earned;
    }
    fifty *= 0.5 + 0.5 * Math.exp(bar.close - at);
    fullRange *= Math.exp((bar.close - at) / 2) * (1 + barEarnings(fullRangeAt, bar).fees);
    record(bar.endSeconds, index + 1, bar.close);
  }
  const last = points.at(-1) as RunPoint;
  const headline = last.fees - last.lvr - last.swapCost - last.mev - last.gas;
  return {
    policy: { id: policy.id, label: policy.label, family: policy.family, clairvoyant: policy.clairvoyant },
    market: {
      name: "tiny walk",
      pool,
      feeModel: "approximate",
      fromSeconds: bars[0]?.startSeconds ?? 0,
      toSeconds: run.toSeconds,
      events: traded.length,
      dataSha256: "ab".repeat(32),
      notes: ["Made for a test."],
    },
    settings: run,
    waterfall: {
      start: capital,
      fees: last.fees,
      lvr: last.lvr,
      swapCost: last.swapCost,
      mev: last.mev,
      gas: last.gas,
      exposure: last.exposure,
      final: last.nav,
      headline,
      residual: capital + headline + last.exposure - last.nav,
    },
    points,
    moves,
    decisions: { taken, byReason },
    journal: [],
    warnings: [],
  };
}
