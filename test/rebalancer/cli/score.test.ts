import { describe, expect, it } from "vitest";
import type { Candidate, Decision } from "../../../ml/types.ts";
import { formatDecision } from "../../../rebalancer/cli/score.ts";

const range = (lowerTick: number, more: Partial<Candidate> = {}): Candidate => ({
  kind: "range",
  range: { lowerTick, upperTick: lowerTick + 120_000 },
  share: 1,
  inRange: 1,
  feesBps: 1_234.56,
  ilBps: -123.45,
  lvrBps: 1_234.56,
  costBps: 123.45,
  tailBps: 0,
  deviationBps: 0,
  breach: 0,
  netBps: -1_234.56,
  waitBps: 0,
  refusal: null,
  ...more,
});
const decide = (candidates: readonly Candidate[], chosen: number): Decision =>
  ({ action: "hold", reason: "no edge ".repeat(30), candidates, chosen }) as unknown as Decision;

describe("the table of `rangekeeper score`", () => {
  it("fits 80 columns with the largest ticks and amounts, and says what was chosen and why others may not be", () => {
    const refusal = "the pool's share would be above its limit ".repeat(4);
    const candidates = [
      range(-887_200),
      range(-807_200, { refusal, netBps: -9_999.99 }),
      { ...range(0), kind: "idle" as const, range: null, netBps: 0 },
    ];
    const lines = formatDecision(decide(candidates, 2), 10).split("\n");
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
    const table = lines.join("\n");
    expect(table).toMatch(/^range +width +in +fees +IL +LVR +cost +net bp +bounds$/m);
    expect(table).toMatch(/^idle .* 0\.0 +chosen$/m);
    expect(table).toMatch(/^-887200\.\.-767200 +120000 +100% .* ok$/m);
    expect(table).toMatch(/^-807200\.\.-687200 .* no \[1\]$/m);
    expect(table).toMatch(/^\[1\] the pool's share/m);
  });

  it("has no table where nothing was scored", () => {
    expect(formatDecision(decide([], -1), 10)).not.toContain("bounds");
  });
});
