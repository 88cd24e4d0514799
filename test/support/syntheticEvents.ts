import type { StoredEvent } from "../../ml/data/store/eventTypes.ts";
import { seededRandom } from "../../ml/random.ts";
import { amount0Between, amount1Between, sqrtPriceAfterInput } from "../../ml/sim/exact/sqrtPrice.ts";
import type { Address } from "../../ml/types.ts";
import { LN_TICK, sqrtPriceX96ToLnPrice } from "../../ml/units.ts";

const FEE_PIPS = 500n;
const MILLION = 1_000_000n;
/** Between these the made-up pool's only positions lie, so that no swap passes an initialised tick. */
const [LOWER, UPPER] = [-887_270, 887_270];

/** Swaps with a mint or burn now and then, as a 0.05 % pool with spacing 10 would record them; endless and seeded. */
export function* syntheticEvents(seed: number): Generator<StoredEvent> {
  const random = seededRandom(seed);
  const traders = Array.from({ length: 400 }, (_, i): Address => `0x${(i + 1).toString(16).padStart(40, "0")}`);
  let [block, timestamp, order] = [17_000_000, 1_680_000_000, 0];
  let [price, liquidity] = [1n << 96n, 10n ** 19n];
  const gas = { gasPriceWei: null, gasUsed: null };
  for (;;) {
    if (random() < 0.7) {
      const blocks = 1 + Math.floor(random() * 6);
      block += blocks;
      timestamp += 12 * blocks;
      order = Math.floor(random() * 200);
    } else order += 1 + Math.floor(random() * 30);
    // Few routers carry most of the flow.
    const trader = traders[Math.floor(random() ** 4 * traders.length)] as Address;
    const base = { block, timestamp, order, sender: trader, owner: trader, ...gas };
    if (random() < 0.02) {
      // Between these the pool stays one that could be.
      const grows = liquidity < 5n * 10n ** 18n || (liquidity < 2n * 10n ** 19n && random() < 0.5);
      const liquidityDelta = BigInt(Math.floor(random() * 1e9)) * 10n ** 8n * (grows ? 1n : -1n);
      liquidity += liquidityDelta;
      const amount = BigInt(Math.floor(random() * 1e15));
      const none = { sqrtPriceX96: null, liquidity: null, tick: null, tickLower: LOWER, tickUpper: UPPER };
      yield { ...base, amount0: amount, amount1: amount, type: grows ? "MINT" : "BURN", ...none, liquidityDelta };
      continue;
    }
    // A price above 1 is more often sold than bought, so that it stays where swaps have meaning.
    const down = random() < (price > 1n << 96n ? 0.51 : 0.49);
    const paidIn = BigInt(Math.floor(10 ** (12 + 4 * random())));
    const next = sqrtPriceAfterInput(price, liquidity, (paidIn * (MILLION - FEE_PIPS)) / MILLION, down);
    const paidOut = down
      ? amount1Between(next, price, liquidity, false)
      : amount0Between(price, next, liquidity, false);
    price = next;
    const [amount0, amount1] = down ? [paidIn, -paidOut] : [-paidOut, paidIn];
    const none = { tickLower: null, tickUpper: null, liquidityDelta: null };
    const tick = Math.floor(sqrtPriceX96ToLnPrice(price, 1) / LN_TICK);
    yield { ...base, amount0, amount1, type: "SWAP", sqrtPriceX96: price, liquidity, tick, ...none };
  }
}
