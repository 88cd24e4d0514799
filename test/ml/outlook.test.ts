import { describe, expect, it } from "vitest";
import { decide } from "../../ml/decide.ts";
import { loadModelSet } from "../../ml/models/index.ts";
import { outlookOf } from "../../ml/outlook.ts";
import type { ModelSet } from "../../ml/types.ts";
import { bounds, market, settings, vault } from "./fixtures.ts";

const rules = await loadModelSet("rules");
const history = market({ feeOverLvr: 3 });

/** The set, counting what it is asked. */
function counted(): { models: ModelSet; asked: { volatility: number; il: number; yield: number } } {
  const asked = { volatility: 0, il: 0, yield: 0 };
  const count = <Words extends unknown[], Answer>(task: keyof typeof asked, ask: (...words: Words) => Answer) =>
    function counting(...words: Words): Answer {
      asked[task] += 1;
      return ask(...words);
    };
  const models: ModelSet = {
    ...rules,
    volatility: { ...rules.volatility, predict: count("volatility", rules.volatility.predict) },
    il: { ...rules.il, predict: count("il", rules.il.predict) },
    yield: { ...rules.yield, predict: count("yield", rules.yield.predict) },
  };
  return { models, asked };
}

describe("outlookOf", () => {
  it("gives vaults that share it the decisions that they would take alone", async () => {
    const shared = outlookOf({ history, models: rules });
    const held = { lowerTick: -1200, upperTick: 1200, liquidity: 10n ** 15n, amount0: 0n, amount1: 0n };
    const position = { ...held, amount1: 10n ** 14n, fees0: 0n, fees1: 0n };
    const states = [
      vault(history, 1),
      vault(history, 0),
      vault(history, 1, 10n ** 17n),
      { ...vault(history, 1), positions: [position] },
      { ...vault(history, 1), referenceTick: history.tick + 40 },
    ];
    for (const state of states) {
      const given = { history, state, models: rules, bounds, settings };
      expect(await decide({ ...given, outlook: shared })).toEqual(await decide(given));
    }
  });

  it("asks each model once for what vaults have in common", async () => {
    const { models, asked } = counted();
    const outlook = outlookOf({ history, models });
    for (const value of [10n ** 14n, 10n ** 15n, 10n ** 16n]) {
      await decide({ history, state: vault(history, 1, value), models, bounds, settings, outlook });
    }
    // Once for the candidates, once for what is held, which is nothing.
    expect(asked).toEqual({ volatility: 1, il: 2, yield: 2 });
    const narrow = { ...bounds, maxWidthTicks: 5_000 };
    await decide({ history, state: vault(history, 1), models, bounds: narrow, settings, outlook });
    expect(asked).toEqual({ volatility: 1, il: 3, yield: 3 });
  });

  it("is refused where it is of another history or of other models", async () => {
    const outlook = outlookOf({ history: market({ seed: 2 }), models: rules });
    const given = { history, state: vault(history, 1), models: rules, bounds, settings };
    await expect(decide({ ...given, outlook })).rejects.toThrow(/outlook must be of the history and the models/);
  });
});
