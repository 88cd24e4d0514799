import type { FeatureView } from "./window.ts";

/** Where a feature's numbers come from: prices alone, a pool's swaps, or a source outside of the pool. */
export type FeatureNeeds = "price" | "pool" | "outside";

/** One feature: what it is called, what it means, when it can be known, and how it is computed. */
export interface FeatureDescriptor {
  readonly name: string;
  /** Counted up when what it means changes; packages name the version that they were trained on. */
  readonly version: number;
  /** The feature set that it came with: main@<since>. */
  readonly since: number;
  readonly unit: string;
  /** How far back it looks; 0 = at one moment. */
  readonly windowSeconds: number;
  readonly needs: FeatureNeeds;
  /** When its value for a moment can be known. */
  readonly knowable: string;
  readonly describe: string;
  /** Its value at the end of the view; NaN = missing. */
  compute(view: FeatureView): number;
}

/** When what bars give can be known. */
export const AT_BAR_END = "bar's end";
