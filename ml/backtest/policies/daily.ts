import type { PolicyContext } from "../types.ts";
import { hold, moveTo, type PolicyDefinition } from "./definition.ts";
import { centred, holdsOnly, ticksOfRatio } from "./place.ts";

const DAY = 86_400;

/** Put around spot once a day whether or not it was left. Source: the scheduled rebalancing of vault managers, e.g. Alpha Vaults. */
export const daily: readonly PolicyDefinition[] = [2, 5, 10].map((percent) => ({
  id: `daily-${percent}`,
  label: `daily recentre ±${percent} %`,
  family: "daily",
  clairvoyant: false,
  source: "scheduled recentring of vault managers",
  start: () => (context: PolicyContext) => {
    const { positions, lastMoveAt } = context.state;
    const range = centred(context, ticksOfRatio(percent / 100));
    if (positions.length === 0) return moveTo(range, "opens its range");
    if (context.atSeconds - lastMoveAt < DAY) return hold("waits for the day's end");
    return holdsOnly(context, range) ? hold("already centred") : moveTo(range, "a day has passed");
  },
}));
