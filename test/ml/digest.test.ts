import { describe, expect, it } from "vitest";
import { canonicalJson, digestOf, tableDigest } from "../../ml/digest.ts";
import type { Candidate } from "../../ml/types.ts";

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

describe("tableDigest", () => {
  const row: Candidate = {
    kind: "range",
    range: { lowerTick: -60, upperTick: 60 },
    share: 1,
    inRange: 0.5,
    feesBps: 1,
    ilBps: -2,
    lvrBps: 3,
    costBps: 4,
    tailBps: 5,
    netBps: 6,
    refusal: null,
  };

  it("covers every field of every row, and their order", () => {
    const plain = tableDigest([row]);
    const changes: Partial<Candidate>[] = [
      { kind: "current" },
      { range: { lowerTick: -60, upperTick: 120 } },
      { range: { lowerTick: -120, upperTick: 60 } },
      { range: null },
      { share: 0.9 },
      { inRange: 0.4 },
      { feesBps: 2 },
      { ilBps: -3 },
      { lvrBps: 4 },
      { costBps: 5 },
      { tailBps: 6 },
      { netBps: 7 },
      { refusal: "too narrow" },
    ];
    const digests = changes.map((change) => tableDigest([{ ...row, ...change }]));
    expect(new Set([plain, ...digests]).size).toBe(changes.length + 1);
    expect(tableDigest([row, { ...row, share: 0 }])).not.toBe(tableDigest([{ ...row, share: 0 }, row]));
  });
});
