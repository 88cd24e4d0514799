import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { openDatabase } from "../../rebalancer/journal/database.ts";
import { openJournal } from "../../rebalancer/journal.ts";
import { rehearse } from "../../rebalancer/sending/rehearse.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** Every row of every table, counters of rows that were once there included. */
function rowsOf(path: string): unknown {
  const db = openDatabase(path, "");
  const names = db.all("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").map(({ name }) => name);
  const rows = names.map((name) => [name, db.all(`SELECT * FROM ${name}`)]);
  db.close();
  return rows;
}

describe("the rehearsal of a move", () => {
  it("goes as far as the journal's own words for it, and leaves no trace there", async () => {
    const folder = mkdtempSync(join(tmpdir(), "rehearse-"));
    folders.push(folder);
    const path = join(folder, "journal.db");
    const journal = openJournal(path, () => "one");
    const before = rowsOf(path);
    const steps: string[] = [];
    const watched = {
      ...journal,
      recordAttempt(attempt: Parameters<typeof journal.recordAttempt>[0]) {
        const stored = journal.recordAttempt(attempt);
        if (stored !== null) steps.push(journal.proposal(attempt.subject as `0x${string}`)?.status ?? "unknown");
        return stored;
      },
    };
    await rehearse(31_337, watched);
    expect(steps.length).toBeGreaterThan(10);
    expect(new Set(steps)).toEqual(new Set(["proposed"]));
    expect(rowsOf(path)).toEqual(before);
    journal.close();
  });
});
