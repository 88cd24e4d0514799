import type { PolicyFactory } from "../types.ts";
import { cartea } from "./cartea.ts";
import { clairvoyant } from "./clairvoyant.ts";
import { daily } from "./daily.ts";
import { factoryOf, type PolicyDefinition } from "./definition.ts";
import { ewa } from "./ewa.ts";
import { fixed, fixedReset } from "./fixed.ts";
import { fullRange } from "./fullRange.ts";
import { passive } from "./passive.ts";
import { standAside } from "./standAside.ts";
import { tauReset } from "./tauReset.ts";
import { volatilityWidth } from "./volatilityWidth.ts";
import { yesterday } from "./yesterday.ts";

/**
 * Every baseline, in the order of tables. Holding both tokens, half and half rebalanced and the asset alone need no
 * policy: each run carries them along as `hodl`, `fiftyFifty` and `assetOnly`.
 */
export const baselines: readonly PolicyDefinition[] = [
  standAside,
  fullRange,
  ...fixed,
  ...fixedReset,
  ...daily,
  ...tauReset,
  ...volatilityWidth,
  ...cartea,
  passive,
  ewa,
  yesterday,
  clairvoyant,
];

/** THE REGISTRY: id → factory. */
export const policies: Readonly<Record<string, PolicyFactory>> = Object.fromEntries(
  baselines.map((definition) => [definition.id, factoryOf(definition)]),
);

/** Family → ids of its policies: a walk-forward run chooses one of them on each training window. The bound has none. */
export const families: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
  [...new Set(baselines.filter((one) => !one.clairvoyant).map((one) => one.family))].map((family) => [
    family,
    baselines.filter((one) => one.family === family).map((one) => one.id),
  ]),
);
