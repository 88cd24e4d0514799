import { describe, expect, it } from "vitest";
import { canonicalJson, digestOf } from "../../ml/digest.ts";

describe("digestOf", () => {
  it("depends on the content, not on the order of its keys", () => {
    expect(digestOf({ a: 1, b: [2n, null] })).toBe(digestOf({ b: [2n, null], a: 1 }));
    expect(digestOf({ a: 1 })).not.toBe(digestOf({ a: 2 }));
    expect(digestOf([1, 2])).not.toBe(digestOf([2, 1]));
  });

  it("writes what JSON cannot", () => {
    expect(canonicalJson({ z: Number.NaN, a: 5n, f: Float64Array.of(1, Number.NaN), u: undefined })).toBe(
      '{"a":"5","f":[1,null],"z":null}',
    );
  });
});
