import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openDatabase } from "../../rebalancer/journal/database.ts";
import type { DecisionPlaceFilter } from "../../rebalancer/journal/inputs.ts";
import { openJournal } from "../../rebalancer/journal.ts";
import { generatedVault, generateJournal } from "../support/generatedJournal.ts";

const VAULTS = 3;
const DECISIONS = 6;
const [FIRST, SECOND] = [generatedVault(0), generatedVault(1)];

/** What is said to be gone from a journal of one pool, hour by hour, after `damage` to its rows. */
function gone(damage: (run: (sql: string, ...values: unknown[]) => void, blocks: readonly number[]) => void) {
  const path = join(mkdtempSync(join(tmpdir(), "vanished-")), "journal.db");
  generateJournal({ path, vaults: VAULTS, decisions: DECISIONS, candidates: 1 });
  const db = openDatabase(path, "");
  const places = db.all("SELECT DISTINCT block, at_seconds FROM decisions ORDER BY block");
  const blocks = places.map(({ block }) => Number(block));
  db.run("PRAGMA foreign_keys = OFF");
  damage(db.run, blocks);
  db.close();
  const ask = (filter: DecisionPlaceFilter = {}) => {
    const journal = openJournal(path, () => "reader");
    try {
      const named = journal.vanishedDecisions(filter).map(({ vault, block, state }) => ({ vault, block, state }));
      return { named, rows: journal.missingRows(filter) };
    } finally {
      journal.close();
    }
  };
  return { ask, blocks, times: places.map(({ at_seconds }) => Number(at_seconds)) };
}

const forget = (run: (sql: string, ...values: unknown[]) => void, tables: readonly string[], where: string) => {
  for (const table of tables) run(`DELETE FROM ${table} WHERE ${where}`);
};

describe("decisions that are gone from a journal", () => {
  it("are none where nothing was taken out", () => {
    expect(gone(() => undefined).ask()).toEqual({ named: [], rows: 0 });
  });

  it("are named by where the vault came to rest", () => {
    const { ask, blocks } = gone((run, [, , third]) =>
      forget(run, ["decisions"], `vault = '${SECOND}' AND block = ${third}`),
    );
    expect(ask().rows).toBe(1);
    expect(ask().named).toMatchObject([{ vault: SECOND, block: blocks[2] }]);
  });

  it("are named by the other vaults of the pool where the rest is gone as well", () => {
    const { ask, blocks } = gone((run, [, , third]) =>
      forget(run, ["decisions", "rests"], `vault = '${SECOND}' AND block = ${third}`),
    );
    expect(ask()).toEqual({ named: [{ vault: SECOND, block: blocks[2], state: null }], rows: 1 });
    expect(ask({ vault: FIRST }).named).toEqual([]);
  });

  it("are counted where nothing of a whole block is left", () => {
    const { ask } = gone((run, [, , third]) => forget(run, ["decisions", "rests"], `block = ${third}`));
    expect(ask()).toEqual({ named: [], rows: VAULTS });
  });

  it("are not those of a vault that was out of the configuration for some blocks", () => {
    const { ask, blocks } = gone((run, [, , third, , fifth]) => {
      forget(run, ["decisions", "rests"], `vault = '${SECOND}' AND block = ${third}`);
      // Rows as they are numbered when none of these was ever there.
      run("CREATE TABLE kept AS SELECT * FROM decisions ORDER BY rowid");
      run("DELETE FROM decisions");
      run("INSERT INTO decisions SELECT * FROM kept ORDER BY rowid");
      forget(run, ["decisions", "rests"], `vault = '${FIRST}' AND block = ${fifth}`);
    });
    expect(ask()).toEqual({ named: [{ vault: FIRST, block: blocks[4], state: null }], rows: 1 });
  });

  it("are looked for in the span that was asked for, by block and by time", () => {
    for (const tables of [["decisions"], ["decisions", "rests"]]) {
      const { ask, blocks, times } = gone((run, [, , third]) =>
        forget(run, tables, `vault = '${SECOND}' AND block = ${third}`),
      );
      const [early, late] = [blocks.slice(0, 2), blocks.slice(4)];
      const count = (filter: DecisionPlaceFilter) => [ask(filter).named.length, ask(filter).rows];
      expect(count({ fromBlock: blocks[2] as number, toBlock: blocks[2] as number })).toEqual([1, 1]);
      expect(count({ toBlock: early[1] as number })[0]).toBe(0);
      expect(count({ fromBlock: late[0] as number })).toEqual([0, 0]);
      expect(count({ sinceSeconds: times[2] as number, untilSeconds: times[2] as number })).toEqual([1, 1]);
      expect(count({ untilSeconds: times[1] as number })[0]).toBe(0);
      expect(count({ sinceSeconds: times[4] as number })).toEqual([0, 0]);
    }
  });
});
