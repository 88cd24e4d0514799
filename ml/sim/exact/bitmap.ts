/** Which ticks are initialised: one bit per tick spacing, 256 to a word, keyed by floor(tick / spacing / 256). */
export type Bitmap = Map<number, bigint>;

const MAX_WORD = (1n << 256n) - 1n;

/** Sets or clears the bit of a tick on the spacing. */
export function flipTick(bitmap: Bitmap, tick: number, tickSpacing: number): void {
  const compressed = tick / tickSpacing;
  const position = compressed >> 8;
  const word = (bitmap.get(position) ?? 0n) ^ (1n << BigInt(compressed & 255));
  if (word === 0n) bitmap.delete(position);
  else bitmap.set(position, word);
}

export interface NextTick {
  readonly tick: number;
  readonly initialized: boolean;
}

/**
 * The nearest initialised tick at or below (`down`) or above a tick, but not beyond the edge of one word: there the
 * contract stops too, and every stop rounds.
 */
export function nextTickInWord(bitmap: Bitmap, tick: number, tickSpacing: number, down: boolean): NextTick {
  const compressed = Math.floor(tick / tickSpacing) + (down ? 0 : 1);
  const position = compressed >> 8;
  const bit = compressed & 255;
  const word = bitmap.get(position) ?? 0n;
  if (down) {
    const masked = word & (MAX_WORD >> BigInt(255 - bit));
    const found = masked === 0n ? 0 : highestBit(masked);
    return { tick: (compressed - bit + found) * tickSpacing, initialized: masked !== 0n };
  }
  const masked = word >> BigInt(bit);
  const found = masked === 0n ? 255 - bit : lowestBit(masked);
  return { tick: (compressed + found) * tickSpacing, initialized: masked !== 0n };
}

/** Position of the highest set bit of a positive number. */
function highestBit(value: bigint): number {
  const hex = value.toString(16);
  return 4 * hex.length - 1 - (Math.clz32(Number.parseInt(hex[0] ?? "0", 16)) - 28);
}

const lowestBit = (value: bigint): number => highestBit(value & -value);
