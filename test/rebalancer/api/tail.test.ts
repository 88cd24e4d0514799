import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { zeroHash } from "viem";
import { afterAll, beforeAll, expect, it } from "vitest";
import { FRESHNESS_MILLISECONDS, type Journals, openJournals } from "../../../rebalancer/api/journals.ts";
import { createTail, type Tail } from "../../../rebalancer/api/tail.ts";
import type { RestState } from "../../../rebalancer/journal/rests.ts";
import { type Journal, openJournal } from "../../../rebalancer/journal.ts";
import { generatedVault } from "../../support/generatedJournal.ts";

const [VAULT, OTHER, POOL] = [generatedVault(0), generatedVault(1), generatedVault(2)];

let folder: string;
let now = 0;
let writer: Journal;
let journals: Journals;
let tail: Tail;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "tail-"));
  const path = join(folder, "journal.db");
  writer = openJournal(path, () => "writer");
  journals = openJournals([path], () => now);
  tail = createTail(journals);
});
afterAll(() => {
  journals?.close();
  writer?.close();
  rmSync(folder, { recursive: true, force: true });
});

const rest = (block: number, vault: typeof VAULT, state: RestState) =>
  writer.rest({
    chainId: 1,
    pool: POOL,
    block,
    blockHash: zeroHash.replace(/0$/, String(block)) as never,
    vault,
    state,
  });

/** What is told after a place, and the place after it. */
function told(place: string) {
  now += FRESHNESS_MILLISECONDS;
  const { events, place: after } = tail.after(place, 100);
  const lines = events.map(({ type, vault, data }) => `${type} ${vault} ${JSON.parse(data).state}`);
  return { lines, after };
}

it("tells where a vault came to rest after all, whether its failure was the newest row or an older one", () => {
  rest(1, VAULT, "failed");
  rest(1, OTHER, "failed");
  const { lines, after } = told(tail.end().replaceAll(/\d+/g, "0"));
  expect(lines).toEqual([`rest ${VAULT} failed`, `rest ${OTHER} failed`]);

  rest(1, VAULT, "held");
  const older = told(after);
  expect(older.lines).toEqual([`rest ${VAULT} held`]);
  rest(1, VAULT, "sent");
  rest(1, OTHER, "failed");
  expect(told(older.after).lines).toEqual([]);

  rest(2, VAULT, "failed");
  const newest = told(older.after);
  expect(newest.lines).toEqual([`rest ${VAULT} failed`]);
  rest(2, VAULT, "confirmed");
  const last = told(newest.after);
  expect(last.lines).toEqual([`rest ${VAULT} confirmed`]);
  expect(last.after).toBe(tail.end());
  // Who begins anew is told each vault's rest once, the later fact after the earlier.
  expect(told(tail.end().replaceAll(/\d+/g, "0")).lines).toEqual([
    `rest ${OTHER} failed`,
    `rest ${VAULT} held`,
    `rest ${VAULT} confirmed`,
  ]);
});
