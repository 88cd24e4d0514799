import { describe, expect, it } from "vitest";
import { withBaseFee } from "../../../ml/features/blockOutside.ts";
import { feature } from "../../../ml/features/index.ts";
import { outlookOf } from "../../../ml/outlook.ts";
import type { ModelSet } from "../../../ml/types.ts";
import { market } from "../fixtures.ts";

describe("the base fee of a block's own header", () => {
  const history = market({ hours: 40 });
  const models = {} as ModelSet;
  const told = (baseFeePerGas: bigint | undefined) => {
    const features = outlookOf({ history: withBaseFee(history, baseFeePerGas), models }).features(1);
    if (features === null) throw new Error("the market has prices");
    return features;
  };

  it("is known with that block; of the day before nothing is", () => {
    expect(feature(told(25_000_000_000n), "log_base_fee")).toBe(Math.log(25));
    expect(feature(told(25_000_000_000n), "base_fee_change_24h")).toBeNaN();
  });

  it("is missing where there is none, or where it was not kept, and changes no other feature", () => {
    for (const none of [0n, undefined]) expect(feature(told(none), "log_base_fee")).toBeNaN();
    const [one, other] = [told(undefined).values, told(7n).values];
    expect(Array.from(one).filter((value, i) => !Object.is(value, other[i]))).toHaveLength(1);
  });

  it("says nothing of a time before its block, and nothing of one after it", () => {
    for (const [after, gwei] of [
      [1, Number.NaN],
      [0, Math.log(9)],
      [-1, Number.NaN],
    ] as const) {
      const other = withBaseFee({ ...history, toTimestamp: history.toTimestamp + after }, 9_000_000_000n);
      const features = outlookOf({ history: { ...other, toTimestamp: history.toTimestamp }, models }).features(1);
      if (features === null) throw new Error("the market has prices");
      expect(feature(features, "log_base_fee")).toBe(gwei);
    }
  });
});
