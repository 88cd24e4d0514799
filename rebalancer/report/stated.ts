import { sqrtPriceX96ToLnPrice } from "../../ml/units.ts";
import type { StateAt } from "./build.ts";
import type { Stated } from "./vaultReport.ts";

const DAY = 86_400;

/** What decisions stated of the day ahead, and how often it was so; null where none stated anything. */
export function statedOf(states: readonly StateAt[], everySeconds: number): Stated | null {
  const said = states.flatMap(({ record: { decision } }) =>
    decision.stated === undefined ? [] : [{ decision, stated: decision.stated }],
  );
  const last = said.at(-1);
  if (last === undefined) return null;
  let [ended, inside, next] = [0, 0, 0];
  for (const { decision, stated } of said) {
    const ends = decision.atSeconds + DAY;
    while ((states[next]?.record.decision.atSeconds ?? Number.POSITIVE_INFINITY) < ends) next++;
    const then = states[next]?.record.decision;
    // Where nobody looked at the end of the day it is not known how it ended.
    if (then === undefined || then.atSeconds - ends > everySeconds) continue;
    const [from, to] = [decision, then].map((one) => sqrtPriceX96ToLnPrice(one.sqrtPriceX96, decision.numeraire));
    ended++;
    if (Math.abs((to as number) - (from as number)) <= stated.halfWidth) inside++;
  }
  return { spreadWad: last.decision.spreadWad, latest: last.stated, ended, inside };
}
