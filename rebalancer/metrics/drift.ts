/** Part of a training set below p1, from p1 to p99, and above p99. */
const EXPECTED = [0.01, 0.98, 0.01] as const;
/** Rows as in training that are added to those seen, so that an empty tail of a short time is no drift. */
const SMOOTHING_ROWS = 20;
/** Fewer rows say nothing about tails of one part in a hundred. */
const FEWEST_ROWS = 24;

/** Where 98 % of a feature's values lay in training. */
export type FeatureDomain = Readonly<Record<string, { readonly p1: number; readonly p99: number }>>;

export interface DriftParameters {
  /** Names of the columns of `rows`. */
  readonly names: readonly string[];
  /** Values of the newest decisions' features; null = missing. */
  readonly rows: readonly { readonly values: readonly (number | null)[] }[];
  readonly domain: FeatureDomain;
}

/**
 * Population stability index of the feature that lies farthest from the training set, over the three bins that a model
 * card's p1 and p99 make: sum of (seen − expected) × ln(seen / expected). Above 0.2 about
 * one value in ten lies where one in a hundred did. Null with fewer than 24 rows or without a domain.
 */
export function driftOf({
  names,
  rows,
  domain,
}: DriftParameters): { readonly psi: number; readonly feature: string } | null {
  let worst: { psi: number; feature: string } | null = null;
  names.forEach((feature, column) => {
    const limits = domain[feature];
    if (limits === undefined || limits.p1 >= limits.p99) return;
    const values = rows.flatMap(({ values }) => values[column] ?? []);
    if (values.length < FEWEST_ROWS) return;
    const below = values.filter((value) => value < limits.p1).length;
    const above = values.filter((value) => value > limits.p99).length;
    const psi = [below, values.length - below - above, above].reduce((sum, count, bin) => {
      const expected = EXPECTED[bin as 0 | 1 | 2];
      const seen = (count + SMOOTHING_ROWS * expected) / (values.length + SMOOTHING_ROWS);
      return sum + (seen - expected) * Math.log(seen / expected);
    }, 0);
    if (worst === null || psi > worst.psi) worst = { psi, feature };
  });
  return worst;
}
