import { calendarFeatures } from "./calendar.ts";
import { crossingFeatures } from "./crossing.ts";
import type { FeatureDescriptor } from "./descriptor.ts";
import { flowFeatures } from "./flow.ts";
import { outsideFeatures } from "./outside.ts";
import { returnFeatures } from "./returns.ts";
import { shapeFeatures } from "./shape.ts";
import { volatilityFeatures } from "./volatility.ts";

/** Every feature, in the order of `Features.values`: those of an earlier feature set come first and stay where they are. */
export const FEATURES: readonly FeatureDescriptor[] = [
  ...volatilityFeatures,
  ...returnFeatures,
  ...calendarFeatures,
  ...flowFeatures,
  ...shapeFeatures,
  ...crossingFeatures,
  ...outsideFeatures,
].sort((a, b) => a.since - b.since);
