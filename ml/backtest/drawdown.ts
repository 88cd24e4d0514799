/** The deepest fall of a series from an earlier high, and the longest time that it spent below one. */
export interface Drawdown {
  /** Fall from the high as a fraction of it, 0..1. */
  readonly depth: number;
  readonly peakAt: number;
  readonly troughAt: number;
  /** When the high was reached again; null = not by the end. */
  readonly recoveredAt: number | null;
  /** Longest stretch below a former high, whichever high that was. */
  readonly underwaterSeconds: number;
}

export interface DrawdownPoint {
  readonly atSeconds: number;
  readonly value: number;
}

/** Null for a series that never falls. Values must be positive. */
export function drawdownOf(points: readonly DrawdownPoint[]): Drawdown | null {
  const [first] = points;
  if (first === undefined) return null;
  let [peak, deepest] = [first, 0];
  let found: { peak: DrawdownPoint; troughAt: number } | null = null;
  let recoveredAt: number | null = null;
  let underwaterSeconds = 0;
  for (const point of points) {
    if (point.value >= peak.value) {
      if (found?.peak === peak && recoveredAt === null) recoveredAt = point.atSeconds;
      peak = point;
      continue;
    }
    underwaterSeconds = Math.max(underwaterSeconds, point.atSeconds - peak.atSeconds);
    const depth = 1 - point.value / peak.value;
    if (depth > deepest) {
      deepest = depth;
      found = { peak, troughAt: point.atSeconds };
      recoveredAt = null;
    }
  }
  if (found === null) return null;
  return { depth: deepest, peakAt: found.peak.atSeconds, troughAt: found.troughAt, recoveredAt, underwaterSeconds };
}
