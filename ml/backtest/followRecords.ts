import type { Standing } from "./decisionChoice.ts";
import type { PolicyFactory } from "./types.ts";
import type { Window } from "./walkForward.ts";

/**
 * A policy in the position that each window's record was earned in: a vault that holds nothing when a window begins opens what
 * the chosen settings held when their training ended. Settings that hold a range would often not open it anew: its cost
 * was paid long ago.
 */
export const followRecords =
  (factory: PolicyFactory, windows: readonly Window[], held: readonly (Standing | null)[]): PolicyFactory =>
  async (input) => {
    const policy = await factory(input);
    let begun = -1;
    return {
      ...policy,
      decide(context) {
        const window = windows.findLastIndex(({ testFromSeconds }) => testFromSeconds <= context.atSeconds);
        const begins = window !== begun;
        begun = window;
        const { ranges = [], deployed = 0 } = held[window] ?? {};
        const [range] = ranges;
        const { positions, referenceTick: tick } = context.state;
        const open = range !== undefined && range.lowerTick <= tick && tick < range.upperTick;
        if (!begins || positions.length > 0 || ranges.length !== 1 || !open) return policy.decide(context);
        const weighted = [{ ...range, weight: Math.min(1, deployed) }];
        return {
          action: { kind: "move", reason: "follows its record", ranges: weighted, swap: "to-ratio" },
          decision: null,
        };
      },
    };
  };
