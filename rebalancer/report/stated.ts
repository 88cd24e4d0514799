import type { Decision } from "../../ml/types.ts";
import { sqrtPriceX96ToLnPrice } from "../../ml/units.ts";
import type { ChallengerRecord } from "../journal/challengers.ts";
import type { StateAt } from "./build.ts";
import type { ChallengerStated, Stated } from "./vaultReport.ts";

const DAY = 86_400;

/** What a challenger stated beside a decision of the champion's. */
export type StatedBeside = Pick<ChallengerRecord, "decisionId" | "modelSet" | "decision">;

/** What decisions stated of the day ahead, and how often it was so; null where none stated anything. */
export function statedOf(
  states: readonly StateAt[],
  everySeconds: number,
  beside: readonly StatedBeside[] = [],
): Stated | null {
  const looks = states.map(({ record }) => record.decision);
  const last = looks.findLast(({ stated }) => stated !== undefined);
  if (last?.stated === undefined) return null;
  const cover = coverOf(looks, looks, everySeconds);
  return {
    spreadWad: last.spreadWad,
    latest: last.stated,
    ...cover,
    challengers: besideOf(states, everySeconds, beside),
  };
}

/** Each challenger on the decisions beside which it stated something, and the champion on the same. */
function besideOf(
  states: readonly StateAt[],
  everySeconds: number,
  beside: readonly StatedBeside[],
): ChallengerStated[] {
  const looks = states.map(({ record }) => record.decision);
  return [...new Set(beside.map(({ modelSet }) => modelSet))].sort().flatMap((modelSet) => {
    const said = new Map(
      beside.flatMap((one) =>
        one.modelSet === modelSet && one.decision?.stated !== undefined ? [[one.decisionId, one.decision.stated]] : [],
      ),
    );
    const both = states.flatMap(({ record: { id, decision } }) => {
      const stated = said.get(id);
      return stated === undefined || decision.stated === undefined
        ? []
        : [{ decision, theirs: { ...decision, stated } }];
    });
    if (both.length === 0) return [];
    const of = (own: readonly Look[]) => coverOf(own, looks, everySeconds);
    const { ended, inside } = of(both.map(({ theirs }) => theirs));
    return [{ modelSet, ended, inside, champion: of(both.map(({ decision }) => decision)).inside }];
  });
}

/** A price that was seen, and what was stated of the day after it. */
export type Look = Pick<Decision, "atSeconds" | "sqrtPriceX96" | "numeraire" | "stated">;

/** How many stated days have ended, and in how many the price of `looks` was inside then; both oldest first. */
export function coverOf(said: readonly Look[], looks: readonly Look[], everySeconds: number) {
  let [ended, inside, next] = [0, 0, 0];
  for (const { atSeconds, sqrtPriceX96, numeraire, stated } of said) {
    if (stated === undefined) continue;
    const ends = atSeconds + DAY;
    while ((looks[next]?.atSeconds ?? Number.POSITIVE_INFINITY) < ends) next++;
    const then = looks[next];
    // Where nobody looked at the end of the day it is not known how it ended.
    if (then === undefined || then.atSeconds - ends > everySeconds) continue;
    const moved = sqrtPriceX96ToLnPrice(then.sqrtPriceX96, numeraire) - sqrtPriceX96ToLnPrice(sqrtPriceX96, numeraire);
    ended++;
    if (Math.abs(moved) <= stated.halfWidth) inside++;
  }
  return { ended, inside };
}
