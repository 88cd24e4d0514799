/** A closed form beside a simulation of what it describes. */
export interface TheoryCheck {
  readonly name: string;
  readonly unit: string;
  readonly closedForm: number;
  readonly estimate: number;
  readonly standardError: number;
  /** (estimate − closed form) / standard error. */
  readonly z: number;
  /** Independent batches that the standard error comes from. */
  readonly batches: number;
}

export interface SimulationParameters {
  readonly seed: number;
  /** Independent batches; the standard error falls with their square root. */
  readonly batches: number;
}

/** One batch's numerator and denominator of a ratio; for a plain mean the denominator is 1. */
export type Batch = readonly [numerator: number, denominator: number];

interface CompareParameters {
  readonly name: string;
  readonly unit: string;
  readonly closedForm: number;
  readonly batches: readonly Batch[];
}

/** Sum of numerators over sum of denominators, with the delta-method standard error over independent batches. */
export function compare({ name, unit, closedForm, batches }: CompareParameters): TheoryCheck {
  const n = batches.length;
  const top = batches.reduce((sum, [numerator]) => sum + numerator, 0);
  const bottom = batches.reduce((sum, [, denominator]) => sum + denominator, 0);
  const estimate = top / bottom;
  const squares = batches.reduce((sum, [numerator, denominator]) => sum + (numerator - estimate * denominator) ** 2, 0);
  const standardError = Math.sqrt((squares * n) / (n - 1)) / Math.abs(bottom);
  return { name, unit, closedForm, estimate, standardError, z: (estimate - closedForm) / standardError, batches: n };
}
