import type { StatedDay } from "../../ml/types.ts";

/** Days that count beside the one ahead. */
const COUNTED_DAYS = 59;

/** What is stated of the day ahead, and how such statements held so far, in words. */
export function statedWords({ halfWidth, days, misses }: StatedDay): string {
  const [down, up] = [1 - Math.exp(-halfWidth), Math.exp(halfWidth) - 1].map((part) => (100 * part).toFixed(1));
  const counted = Math.min(days, COUNTED_DAYS);
  const past =
    days === 0
      ? "no day learned from yet"
      : `${days} days learned from, ${counted - misses} of the last ${counted} stayed inside`;
  return `day ahead: the price stays within -${down} % and +${up} % on 95 % of days (${past})`;
}
