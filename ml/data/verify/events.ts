import { amount0Between, amount1Between } from "../../sim/exact/sqrtPrice.ts";
import { Q96, sqrtPriceX96ToLnPrice } from "../../units.ts";
import type { PoolSwap } from "../events.ts";
import { orderFault } from "../import/order.ts";
import type { MarketPool } from "../market.ts";
import type { StoredEvent } from "../store/eventTypes.ts";
import type { Findings } from "./findings.ts";
import { plausibleBand } from "./plausible.ts";

const HOUR = 3600;
/** ln of the largest price move of one swap that is taken for true. */
const LARGEST_JUMP = Math.log(10);
/** A hole is worth a word when it is this long, and this many times the mean. */
const [GAP_SECONDS, GAP_MEANS] = [6 * HOUR, 20];
/** Amounts paid in below this say too little about the fee. */
const LEAST_INPUT = 100_000n;
const KEYS_KEPT = 100_000;

export interface EventChecker {
  see(event: StoredEvent, line: number): void;
  /** Rules over the whole; called once. Tells of how many swaps price, liquidity and amounts were proved to continue. */
  end(): { readonly swaps: number; readonly proved: number };
}

interface Known {
  readonly sqrtPriceX96: bigint;
  readonly tick: number;
  /** Null when it cannot be followed. */
  liquidity: bigint | null;
}

/**
 * Checks pool events one after the other: their order, that price and liquidity continue from swap to swap by the
 * pool's own arithmetic, the fee that amounts and price moves imply, and what the tokens make plausible.
 */
export function createEventChecker(pool: MarketPool | null, findings: Findings): EventChecker {
  let last: StoredEvent | null = null;
  let known: Known | null = null;
  let count = 0;
  let [firstTime, swaps, mints, sawInitialize, beganWithMint] = [0, 0, 0, false, false];
  let proved = 0;
  const seen = new Set<string>();
  const gaps: { line: number; from: number; to: number }[] = [];
  const ranges = new Map<string, { liquidity: bigint; below: { line: number; liquidity: bigint } | null }>();
  const fees = { agree: 0, contradict: [] as { line: number; pips: number }[] };

  function order(event: StoredEvent, line: number): boolean {
    const key = `${event.block}/${event.order}`;
    const fault = last === null ? null : orderFault(last, event);
    const repeated = seen.has(key);
    if (seen.size >= KEYS_KEPT) seen.clear();
    seen.add(key);
    if (repeated) {
      findings.add("error", "duplicate", line, `block ${event.block} log ${event.order} is there twice`);
      return false;
    }
    if (fault !== null) {
      const rule = fault.kind === "duplicate" ? "duplicate" : "order";
      findings.add("error", rule, line, `${fault.field} is ${fault.value}, but ${fault.rule}`);
      return false;
    }
    return true;
  }

  function liquidityEvent(event: StoredEvent & { type: "MINT" | "BURN" }, line: number): void {
    const { tickLower, tickUpper, liquidityDelta } = event;
    const key = `${tickLower}/${tickUpper}`;
    const range = ranges.get(key) ?? { liquidity: 0n, below: null };
    range.liquidity += liquidityDelta;
    if (range.liquidity < 0n && range.below === null) range.below = { line, liquidity: range.liquidity };
    ranges.set(key, range);
    if (pool !== null && (tickLower % pool.tickSpacing !== 0 || tickUpper % pool.tickSpacing !== 0)) {
      const rule = `ticks ${tickLower}, ${tickUpper} must be multiples of the pool's spacing ${pool.tickSpacing}`;
      findings.add("error", "fee-tier", line, rule);
    }
    if (known === null || known.liquidity === null || tickLower > known.tick || known.tick >= tickUpper) return;
    known.liquidity += liquidityDelta;
    if (known.liquidity < 0n) {
      const message = `in-range liquidity would fall to ${known.liquidity}: a burn of ${-liquidityDelta} from less`;
      findings.add("error", "liquidity-below-zero", line, message);
      known.liquidity = null;
    }
  }

  function swap(event: PoolSwap, line: number): void {
    if (known === null) return;
    const move = sqrtPriceX96ToLnPrice(event.sqrtPriceX96, 1) - sqrtPriceX96ToLnPrice(known.sqrtPriceX96, 1);
    if (Math.abs(move) > LARGEST_JUMP) {
      findings.add("error", "jump", line, `the price moved by a factor of ${Math.exp(Math.abs(move)).toPrecision(3)}`);
    }
    const down = event.amount0 > 0n || (event.amount0 === 0n && event.amount1 < 0n);
    const wrongWay = down ? event.sqrtPriceX96 > known.sqrtPriceX96 : event.sqrtPriceX96 < known.sqrtPriceX96;
    if (wrongWay) {
      const token = down ? "token0" : "token1";
      findings.add(
        "error",
        "price-continues",
        line,
        `${token} was paid in, but the price moved the other way since the swap before: an event is missing`,
      );
      return;
    }
    if (pool === null || known.liquidity === null) return;
    const cell = (tick: number): number => Math.floor(tick / pool.tickSpacing);
    // Where the price passed a usable tick, liquidity may have changed on the way: only the ends are known.
    if (cell(known.tick) !== cell(event.tick)) return;
    if (event.liquidity !== known.liquidity) {
      const message = `liquidity is ${event.liquidity}, but no tick was passed and mints and burns make ${known.liquidity}`;
      findings.add("error", "liquidity-continues", line, message);
      return;
    }
    if (event.liquidity > 0n) amounts(event, line, down, known.sqrtPriceX96, event.liquidity, pool.feePips);
  }

  function amounts(
    event: PoolSwap,
    line: number,
    down: boolean,
    from: bigint,
    liquidity: bigint,
    feePips: number,
  ): void {
    const to = event.sqrtPriceX96;
    const [lower, upper] = down ? [to, from] : [from, to];
    const zero = (up: boolean): bigint => amount0Between(lower, upper, liquidity, up);
    const one = (up: boolean): bigint => amount1Between(lower, upper, liquidity, up);
    const net = down ? zero(true) : one(true);
    const mayPay = down ? one(false) : zero(false);
    const [paidIn, paidOut] = down ? [event.amount0, -event.amount1] : [event.amount1, -event.amount0];
    // One unit of the price in Q64.96 is worth this much of either token; exact outputs are rounded by it.
    const slack0 = 2n + (liquidity << 96n) / (lower * lower);
    const slack1 = 2n + liquidity / Q96;
    const [slackIn, slackOut] = down ? [slack0, slack1] : [slack1, slack0];
    if (paidOut > mayPay || paidOut < mayPay - slackOut || paidIn < net) {
      const message = `from the price before, liquidity ${liquidity} pays ${mayPay} for ${net}, not ${paidOut} for ${paidIn}: an event is missing or altered`;
      findings.add("error", "price-continues", line, message);
      return;
    }
    proved++;
    if (paidIn < LEAST_INPUT) return;
    const fee = paidIn - net;
    const expected = (paidIn * BigInt(feePips)) / 1_000_000n;
    const difference = fee > expected ? fee - expected : expected - fee;
    if (difference <= slackIn + 2n) fees.agree++;
    else fees.contradict.push({ line, pips: Number((fee * 1_000_000_000n) / paidIn) / 1000 });
  }

  return {
    see(event, line) {
      count++;
      if (count === 1) {
        firstTime = event.timestamp;
        beganWithMint = event.type === "MINT";
      }
      const inOrder = order(event, line);
      if (event.timestamp <= 0)
        findings.add("error", "time", line, `timestamp is ${event.timestamp}, but it must be positive`);
      if (last !== null && event.timestamp - last.timestamp > GAP_SECONDS) {
        gaps.push({ line, from: last.timestamp, to: event.timestamp });
      }
      // An event out of its place says nothing of what comes before and after it.
      if (!inOrder) {
        if (last !== null && event.block > last.block) last = event;
        return;
      }
      last = event;
      if (event.type === "MINT" || event.type === "BURN") {
        if (event.type === "MINT") mints++;
        liquidityEvent(event, line);
      } else if (event.type === "SWAP") {
        swaps++;
        if (swaps === 1) decimals(event, line);
        swap(event, line);
        known = { sqrtPriceX96: event.sqrtPriceX96, tick: event.tick, liquidity: event.liquidity };
      } else if (event.type === "INITIALIZE") {
        sawInitialize = true;
        known = { sqrtPriceX96: event.sqrtPriceX96, tick: event.tick, liquidity: 0n };
      }
    },
    end() {
      const mean = last === null || count < 2 ? 0 : (last.timestamp - firstTime) / (count - 1);
      for (const { line, from, to } of gaps) {
        if (to - from > GAP_MEANS * mean) {
          findings.add("warning", "gap", line, `no event for ${((to - from) / HOUR).toFixed(1)} h since ${from}`);
        }
      }
      // Only a record that begins with the pool holds every mint that a burn takes from.
      if (sawInitialize || (swaps === 0 && mints > 0 && beganWithMint)) {
        for (const [key, { below }] of ranges) {
          if (below === null) continue;
          const message = `liquidity of range ${key} falls to ${below.liquidity}: more is burnt than was minted`;
          findings.add("error", "liquidity-below-zero", below.line, message);
        }
      }
      feeTier();
      return { swaps, proved };
    },
  };

  function decimals(event: PoolSwap, line: number): void {
    const band = pool === null ? null : plausibleBand(pool);
    if (pool === null || band === null) return;
    const price =
      Math.exp(sqrtPriceX96ToLnPrice(event.sqrtPriceX96, 1)) * 10 ** (pool.token0.decimals - pool.token1.decimals);
    if (price >= band.low && price <= band.high) return;
    const { token0, token1 } = pool;
    const message = `${price.toPrecision(4)} ${token1.symbol} per ${token0.symbol} is not a price from ${band.low.toPrecision(3)} to ${band.high.toPrecision(3)}: decimals ${token0.decimals} and ${token1.decimals}, or the tokens, are wrong`;
    findings.add("error", "decimals", line, message);
  }

  function feeTier(): void {
    const { agree, contradict } = fees;
    const first = contradict[0];
    if (first === undefined || pool === null) return;
    if (contradict.length > agree) {
      const sorted = contradict.map(({ pips }) => pips).sort((a, b) => a - b);
      const median = sorted[sorted.length >> 1] ?? Number.NaN;
      const message = `${contradict.length} of ${contradict.length + agree} swaps paid a fee of about ${median.toFixed(1)} pips, not ${pool.feePips}`;
      findings.add("error", "fee-tier", first.line, message);
      return;
    }
    for (const { line, pips } of contradict) {
      findings.add("error", "fee-tier", line, `this swap paid a fee of ${pips} pips, not ${pool.feePips}`);
    }
  }
}
