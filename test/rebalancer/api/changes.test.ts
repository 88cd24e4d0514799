import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { zeroAddress, zeroHash } from "viem";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Hex } from "../../../ml/types.ts";
import { FRESHNESS_MILLISECONDS, type Journals, openJournals } from "../../../rebalancer/api/journals.ts";
import { type Journal, openJournal } from "../../../rebalancer/journal.ts";
import { generatedVault, generateJournal } from "../../support/generatedJournal.ts";

const folder = mkdtempSync(join(tmpdir(), "changes-"));
const VAULT = generatedVault(0);
const OTHER = generatedVault(1);

let now = 0;
let writer: Journal;
let journals: Journals;
beforeAll(() => {
  const path = join(folder, "journal.db");
  generateJournal({ path, vaults: 2, decisions: 13, candidates: 2 });
  writer = openJournal(path, () => "writer");
  journals = openJournals([path], () => now);
});
afterAll(() => {
  journals?.close();
  writer?.close();
});

/** The vault's version changes with this work, at the next look; the other one's stays. */
function expectNoticed(what: string, work: () => void): void {
  const versions = () => [journals.versionOf(VAULT), journals.versionOf(OTHER)];
  const before = versions();
  work();
  expect([what, ...versions()]).toEqual([what, ...before]);
  now += FRESHNESS_MILLISECONDS;
  const [vault, other] = versions();
  expect([what, vault === before[0]]).toEqual([what, false]);
  expect([what, other]).toEqual([what, before[1]]);
}

it("notices within one look whatever is written of a vault, and leaves the others' answers alone", () => {
  const [newest] = writer.decisions({ vault: VAULT, limit: 1 });
  if (newest === undefined) throw new Error("there must be a decision");
  const id = `${newest.id}0`;
  expectNoticed("decision", () => writer.recordDecision({ ...newest, id, block: newest.block + 1 }));
  const digest: Hex = `0x${"12".repeat(32)}`;
  const [known] = writer.proposals({ vault: VAULT, limit: 1 });
  if (known === undefined) throw new Error("there must be a proposal");
  expectNoticed("proposal", () => writer.recordProposal({ ...known, digest, decisionId: id }));
  expectNoticed("attempt", () =>
    writer.recordAttempt({
      kind: "rebalance",
      subject: digest,
      ordinal: 0,
      atBlock: 1,
      signature: "0x",
      from: zeroAddress,
      nonce: 0,
      hash: zeroHash,
      raw: "0x",
      maxFeePerGas: 1n,
      maxPriorityFeePerGas: 1n,
    }),
  );
  for (const status of ["simulated", "sent", "confirmed"] as const)
    expectNoticed(status, () => writer.advance(digest, status));
  expectNoticed("a step taken again", () =>
    writer.advance(digest, "sent", "the chain was reorganised", { again: true }),
  );
  expectNoticed("outcome", () => writer.recordOutcome({ decisionId: id, settledAtSeconds: 1, outcome: { netBps: 1 } }));
});
