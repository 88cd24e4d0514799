import { OUTSIDE_NAMES, type Outside, type OutsideSeries } from "../../../ml/features/outsideSeries.ts";
import { seededRandom } from "../../../ml/random.ts";

const HOUR = 3600;
const DAY = 86_400;

/** A value every few hours from every source, known a while after what it describes. */
export function everySource(start: number, hours: number): Outside {
  const random = seededRandom(8);
  const series = (): OutsideSeries => {
    const at = Array.from({ length: Math.ceil(hours / 8) }, (_, i) => start + 8 * i * HOUR);
    return {
      at,
      knowable: at.map((moment) => moment + 1800),
      values: at.map(() => 20 + 60 * random()),
      maxAgeSeconds: 2 * DAY,
    };
  };
  return Object.fromEntries(OUTSIDE_NAMES.map((name) => [name, series()]));
}
