import { joinBars } from "../../data/bars.ts";
import { InvalidInputError } from "../../errors.ts";
import type { SwapOrder } from "../../sim/exact/types.ts";
import type { Bar, HeldPosition, Range } from "../../types.ts";
import { type Amounts, amountsForLiquidity, LN_TICK, pipsToRatio } from "../../units.ts";
import type { MarketSession, OpenMarketParameters, OwnHoldings } from "../market.ts";
import { amountsPerLiquidity, type Edges, edgesOf, sqrtFloat } from "../ownPosition.ts";
import { orientationOf, wholePrice } from "../price.ts";
import type { BarRecord } from "./barMarket.ts";
import { barPath, insideShare, type PathLengths, type PathStep, restShare, splitStep } from "./path.ts";
import type { PoolBar } from "./poolBar.ts";

const HOUR = 3600;
const Q96_FLOAT = 2 ** 96;

interface Own {
  readonly range: Range;
  readonly edges: Edges;
  readonly liquidity: bigint;
  fees0: number;
  fees1: number;
}

/** Plays bars up to a time and stands there. The pool's price is the price outside, always. */
export function openBarSession(record: BarRecord, { fromSeconds, numeraire }: OpenMarketParameters): MarketSession {
  const { bars, barSeconds, blockSeconds, pool } = record;
  const orientation = orientationOf(pool, numeraire);
  const visible = record.barsIn(numeraire);
  const firstSecond = (bars[0] as PoolBar).bar.startSeconds;
  const sign = numeraire === 1 ? 1 : -1;
  const hourly = createJoinedBars(visible, barSeconds);
  const firstKnown = bars.find(({ known }) => known) as PoolBar;
  /** ln of token1 per token0. */
  let ln = Number.isNaN(firstKnown.bar.open) ? firstKnown.bar.close : firstKnown.bar.open;
  let others = firstKnown.liquidity;
  let now = firstSecond;
  let next = 0;
  let current: { bar: PoolBar; steps: PathStep[] } | null = null;
  let own: readonly Own[] = [];

  const sqrtPriceX96 = (): bigint => BigInt(Math.round(Math.exp(ln / 2) * Q96_FLOAT));
  const tick = (): number => Math.floor(ln / LN_TICK);
  const inRange = ({ lowerTick, upperTick }: Range): boolean => lowerTick <= tick() && tick() < upperTick;

  function earn(step: PathStep, { feeGrowth0, feeGrowth1, liquidity }: PoolBar): void {
    if (own.length === 0) return;
    const inside = own.map(({ range }) => {
      const edges = [range.lowerTick * LN_TICK, range.upperTick * LN_TICK] as const;
      return { along: insideShare(step, ...edges), meanwhile: restShare(step, ...edges) };
    });
    // Ours dilutes where it is: on average over what the step earns.
    const ours = own.reduce((sum, { liquidity }, i) => sum + Number(liquidity) * (inside[i]?.along ?? 0), 0);
    const diluted = liquidity / (liquidity + ours);
    own.forEach((held, i) => {
      const { along, meanwhile } = inside[i] ?? { along: 0, meanwhile: 0 };
      const earning = Number(held.liquidity) * diluted;
      held.fees0 += earning * feeGrowth0 * (along * step.share0 + meanwhile * step.rest0);
      held.fees1 += earning * feeGrowth1 * (along * step.share1 + meanwhile * step.rest1);
    });
  }

  /** ln P moves by twice what √P does, relatively. */
  function lengthsOf({ feeGrowth0, feeGrowth1 }: PoolBar): PathLengths {
    const fee = pipsToRatio(pool.feePips);
    const perFee = (2 * (1 - fee)) / fee;
    return { down: perFee * feeGrowth0 * Math.exp(ln / 2), up: perFee * feeGrowth1 * Math.exp(-ln / 2) };
  }

  function walk(step: PathStep, bar: PoolBar): void {
    earn(step, bar);
    ln = step.to;
    now = step.toSeconds;
  }

  function advance(untilSeconds: number, onStep: () => void): void {
    while (now < untilSeconds) {
      if (current === null) {
        const bar = bars[next];
        if (bar === undefined) break;
        next++;
        if (!bar.known) {
          now = Math.min(untilSeconds, bar.bar.endSeconds);
          if (now < bar.bar.endSeconds) next--;
          continue;
        }
        others = bar.liquidity;
        current = { bar, steps: barPath(bar.bar, ln, lengthsOf(bar)) };
      }
      const step = current.steps.shift();
      if (step === undefined) {
        current = null;
        continue;
      }
      if (step.toSeconds <= untilSeconds) {
        walk(step, current.bar);
      } else {
        const [done, rest] = splitStep(step, untilSeconds);
        walk(done, current.bar);
        current.steps.unshift(rest);
      }
      // Extremes are known for being extreme: to sample there would count noise inside the bar as loss.
      if (current.steps.length === 0) onStep();
    }
    now = Math.max(now, untilSeconds);
    if (current?.steps.length === 0) current = null;
  }

  function swap({ zeroForOne, amountSpecified, sqrtPriceLimitX96 }: SwapOrder): Amounts {
    if (amountSpecified <= 0n) {
      throw new InvalidInputError(`amountSpecified is ${amountSpecified}, but a bar market takes exact inputs only`);
    }
    const fee = pipsToRatio(pool.feePips);
    const from = Math.exp(ln / 2);
    const limit = sqrtFloat(sqrtPriceLimitX96);
    const input = Number(amountSpecified) * (1 - fee);
    const reached = zeroForOne ? 1 / (1 / from + input / others) : from + input / others;
    const to = zeroForOne ? Math.max(reached, limit) : Math.min(reached, limit);
    const [delta0, delta1] = [others * Math.abs(1 / to - 1 / from), others * Math.abs(to - from)];
    const paid = to === reached ? amountSpecified : BigInt(Math.ceil((zeroForOne ? delta0 : delta1) / (1 - fee)));
    const got = BigInt(Math.floor(zeroForOne ? delta1 : delta0));
    return zeroForOne ? { amount0: paid, amount1: -got } : { amount0: -got, amount1: paid };
  }

  advance(fromSeconds, () => {});

  return {
    get atSeconds() {
      return now;
    },
    get block() {
      return Math.floor((now - firstSecond) / blockSeconds);
    },
    get price() {
      return wholePrice(sign * ln, orientation);
    },
    get sqrtPriceX96() {
      return sqrtPriceX96();
    },
    get tick() {
      return tick();
    },
    get liquidity() {
      const ours = own.reduce((sum, { range, liquidity }) => (inRange(range) ? sum + liquidity : sum), 0n);
      return BigInt(Math.round(others)) + ours;
    },
    get gasPriceWei() {
      return record.gasPriceWei === null ? null : record.gasPriceWei(now);
    },
    arbitrage: { swaps: 0, volume: 0 },
    advance,
    actsAt: (latencyBlocks) => Math.ceil(now + latencyBlocks * blockSeconds),
    history: () => null,
    bars: (count) => hourly(now, count),
    meanTick: (windowSeconds) => meanTick(bars, (now - firstSecond) / barSeconds, windowSeconds / barSeconds, tick()),

    positions: () =>
      own.map(
        ({ range, liquidity, fees0, fees1 }): HeldPosition => ({
          ...range,
          liquidity,
          ...amountsForLiquidity(sqrtPriceX96(), range.lowerTick, range.upperTick, liquidity),
          fees0: BigInt(Math.floor(fees0)),
          fees1: BigInt(Math.floor(fees1)),
        }),
      ),
    holdings(): OwnHoldings {
      const sum = { principal0: 0, principal1: 0, fees0: 0, fees1: 0, inRange: false };
      const sqrtPrice = Math.exp(ln / 2);
      for (const { range, edges, liquidity, fees0, fees1 } of own) {
        const per = amountsPerLiquidity(edges, sqrtPrice);
        sum.principal0 += Number(liquidity) * per.amount0;
        sum.principal1 += Number(liquidity) * per.amount1;
        sum.fees0 += fees0;
        sum.fees1 += fees1;
        sum.inRange ||= inRange(range);
      }
      return sum;
    },
    mint(range, liquidity) {
      const held = own.find((one) => sameRange(one.range, range));
      const grown: Own = {
        range,
        edges: edgesOf(range),
        liquidity: (held?.liquidity ?? 0n) + liquidity,
        fees0: held?.fees0 ?? 0,
        fees1: held?.fees1 ?? 0,
      };
      own = [...own.filter((one) => one !== held), grown].sort((a, b) => byTicks(a.range, b.range));
      return amountsForLiquidity(sqrtPriceX96(), range.lowerTick, range.upperTick, liquidity, true);
    },
    close(range) {
      const held = own.find((one) => sameRange(one.range, range));
      own = own.filter((one) => one !== held);
      return {
        principal: amountsForLiquidity(sqrtPriceX96(), range.lowerTick, range.upperTick, held?.liquidity ?? 0n),
        fees: { amount0: BigInt(Math.floor(held?.fees0 ?? 0)), amount1: BigInt(Math.floor(held?.fees1 ?? 0)) },
      };
    },
    swap,
    checkpoint() {
      const taken = own.map((held) => ({ ...held }));
      return () => {
        own = taken.map((held) => ({ ...held }));
      };
    },
  };
}

/** Hourly bars that end with the newest complete bar, each joined once. */
function createJoinedBars(bars: readonly Bar[], barSeconds: number) {
  const perHour = HOUR / barSeconds;
  const firstSecond = (bars[0] as Bar).startSeconds;
  const byPhase = new Map<number, Bar[]>();
  return (now: number, count: number): readonly Bar[] => {
    const complete = Math.min(bars.length, Math.floor((now - firstSecond) / barSeconds));
    const phase = complete % perHour;
    const joined = byPhase.get(phase) ?? [];
    byPhase.set(phase, joined);
    const wanted = Math.floor((complete - phase) / perHour);
    if (joined.length < wanted) {
      const from = phase + joined.length * perHour;
      joined.push(...joinBars(bars.slice(from, complete), perHour));
    }
    return joined.slice(Math.max(0, wanted - count), wanted);
  };
}

/** Mean tick of the known bars in a window that ends now, `position` and `length` in bars. */
function meanTick(bars: readonly PoolBar[], position: number, length: number, tick: number): number {
  let [sum, known] = [0, 0];
  const last = Math.min(bars.length, Math.floor(position));
  for (let i = Math.max(0, last - Math.ceil(length)); i < last; i++) {
    const { bar, known: isKnown } = bars[i] as PoolBar;
    if (!isKnown) continue;
    sum += bar.close / LN_TICK;
    known++;
  }
  return known === 0 ? tick : sum / known;
}

const sameRange = (a: Range, b: Range): boolean => a.lowerTick === b.lowerTick && a.upperTick === b.upperTick;

const byTicks = (a: Range, b: Range): number => a.lowerTick - b.lowerTick || a.upperTick - b.upperTick;
