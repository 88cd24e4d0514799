import { describe, expect, it } from "vitest";
import { decide } from "../../ml/decide.ts";
import { loadModelSet } from "../../ml/models/index.ts";
import { chosenOf, decisionTable, decodeTable, encodeTable, tableDigest, withoutTable } from "../../ml/table.ts";
import { tableJson } from "../../ml/tableJson.ts";
import type { Candidate } from "../../ml/types.ts";
import { bounds, market, settings, vault } from "./fixtures.ts";

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
  deviationBps: 0,
  breach: 0,
  netBps: 6,
  waitBps: 0,
  refusal: null,
};

describe("tableDigest", () => {
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
      { deviationBps: 8 },
      { breach: 0.1 },
      { waitBps: 9 },
      { refusal: "too narrow" },
    ];
    const digests = changes.map((change) => tableDigest([{ ...row, ...change }]));
    expect(new Set([plain, ...digests]).size).toBe(changes.length + 1);
    expect(tableDigest([row, { ...row, share: 0 }])).not.toBe(tableDigest([{ ...row, share: 0 }, row]));
  });
});

describe("encodeTable", () => {
  const tables: readonly (readonly [string, readonly Candidate[]])[] = [
    ["nothing", []],
    [
      "what has no range",
      [
        { ...row, kind: "idle", range: null },
        { ...row, kind: "current", range: null },
      ],
    ],
    ["four decimals", [{ ...row, netBps: -12.3456, share: 0.0001, inRange: 0.9999, tailBps: 214_748.3647 }]],
    ["numbers beyond 32 bits", [row, { ...row, feesBps: 3e9 + 0.1234 }]],
    ["finer numbers", [{ ...row, costBps: 0.00001 }]],
    [
      "refusals",
      [{ ...row, refusal: "too narrow" }, row, { ...row, refusal: 'é "' }, { ...row, refusal: "too narrow" }],
    ],
    ["extreme ticks", [{ ...row, range: { lowerTick: -887272, upperTick: 887272 } }]],
  ];
  it.each(tables)("keeps %s to the last digit", (_, table) => {
    expect(decodeTable(encodeTable(table))).toEqual(table);
    expect(String(tableJson(encodeTable(table)))).toBe(JSON.stringify(table));
  });

  it("takes sixty-two bytes a row", () => {
    const table = Array.from({ length: 1000 }, () => row);
    expect(encodeTable(table).length).toBeLessThan(62_000);
  });

  it("reads tables of older journals, which end with the net", () => {
    const wide = new Float64Array([2, -60, 60, 1, 0.5, 1, -2, 3, 4, 5, 6, -1]);
    const bytes = new Uint8Array(16 + wide.byteLength + 2);
    new Uint32Array(bytes.buffer, 0, 3).set([2, 1, 2]);
    bytes.set(new Uint8Array(wide.buffer), 16);
    bytes.set(Buffer.from("[]"), 16 + wide.byteLength);
    expect(decodeTable(bytes)).toEqual([row]);
    expect(String(tableJson(bytes))).toBe(JSON.stringify([row]));
  });

  it("refuses bytes that are cut off or no table", () => {
    const bytes = encodeTable([row, row]);
    expect(() => decodeTable(bytes.subarray(0, bytes.length - 1))).toThrow(/must be of version 1 to 4 and whole/);
    expect(() => decodeTable(new Uint8Array(5))).toThrow(/of 5 bytes/);
    expect(() => decodeTable(new Uint8Array(64))).toThrow(/must be of version/);
  });
});

describe("a decision's table", () => {
  const history = market({ hours: 72, feeOverLvr: 3 });
  const decided = async () =>
    decide({ history, state: vault(history, 1), models: await loadModelSet("rules"), bounds, settings });

  it("is rows for whoever looks, and the same bytes for whoever keeps it", async () => {
    const decision = await decided();
    const { candidates, ...rest } = decision;
    expect(candidates.length).toBeGreaterThan(100);
    expect(decision.candidates).toBe(candidates);
    expect(Buffer.from(decisionTable(decision)).equals(encodeTable(candidates))).toBe(true);
    // A copy has rows and no bytes of its own.
    expect(Buffer.from(decisionTable({ ...decision })).equals(encodeTable(candidates))).toBe(true);
    expect(withoutTable(decision)).toEqual(rest);
    expect(JSON.parse(JSON.stringify(candidates))).toEqual(candidates);
  });

  it("gives the chosen row alone, and none where nothing was scored", async () => {
    const decision = await decided();
    expect(decision.action).toBe("move");
    const chosen = chosenOf(decision);
    expect(chosen).toEqual(decision.candidates[decision.chosen]);
    expect(chosen).toEqual(chosenOf({ ...decision }));
    expect(chosenOf({ ...decision, chosen: -1 })).toBeUndefined();
  });

  it("is not written over by the next decision", async () => {
    const first = await decided();
    const kept = Buffer.from(decisionTable(first));
    const later = market({ hours: 72, feeOverLvr: 1, seed: 9 });
    await decide({
      history: later,
      state: vault(later, 1),
      models: await loadModelSet("rules"),
      bounds,
      settings,
    });
    expect(kept.equals(encodeTable(first.candidates))).toBe(true);
  });
});
