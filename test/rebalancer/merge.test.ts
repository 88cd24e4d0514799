import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getAddress } from "viem";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { registerJournal } from "../../rebalancer/cli/journal.ts";
import { UNANSWERED } from "../../rebalancer/journal/challengers.ts";
import { checkJournal } from "../../rebalancer/journal/check.ts";
import { openDatabase } from "../../rebalancer/journal/database.ts";
import { mergeJournals } from "../../rebalancer/journal/merge.ts";
import { type Journal, openJournal } from "../../rebalancer/journal.ts";
import { buildProposal, digestOf } from "../../rebalancer/sending/proposal.ts";
import * as records from "../support/journalRecords.ts";
import { verbRunner } from "../support/verb.ts";

const { digest } = records;
/** As the chain's typed data ask for it. */
const VAULT = getAddress(records.VAULT.toLowerCase());
const decision = (block: number) => ({ ...records.decision(block), vault: VAULT, pool: VAULT });
const decisionRecord = (block: number) => ({
  ...records.decisionRecord(block),
  vault: VAULT,
  pool: VAULT,
  decision: decision(block),
});

const runJournal = verbRunner(registerJournal, "journal");
let folder: string;
let [one, two, out] = ["", "", ""];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "rangekeeper-merge-test-"));
  [one, two, out] = [join(folder, "one.db"), join(folder, "two.db"), join(folder, "all.db")];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Writes into a journal and closes it. */
function write(path: string, work: (journal: Journal) => void): void {
  const journal = openJournal(path, () => path);
  work(journal);
  journal.close();
}
const read = <T>(path: string, work: (journal: Journal) => T): T => {
  const journal = openJournal(path, () => "reader");
  try {
    return work(journal);
  } finally {
    journal.close();
  }
};

/** A proposal that truly derives from the decision of its block. */
function propose(journal: Journal, block: number, nonce = BigInt(block)) {
  const proposal = buildProposal({ decision: decision(block), modelId: digest(7), nonce });
  return journal.recordProposal({
    digest: digestOf(1, VAULT, proposal),
    decisionId: `d${block}`,
    chainId: 1,
    vault: VAULT,
    strategy: VAULT,
    pool: VAULT,
    nonce,
    block,
    blockHash: digest(block),
    baseFeePerGas: 9n,
    proposal,
  }).digest;
}

/** Decisions 1 and 2 with a confirmed proposal each, an outcome and an order. */
function usual(journal: Journal, blocks: readonly number[] = [1, 2]): void {
  for (const block of blocks) {
    journal.recordDecision(decisionRecord(block));
    const id = propose(journal, block);
    for (const status of ["simulated", "sent"] as const) journal.advance(id, status);
    journal.advance(id, "confirmed", `block ${block}`);
    journal.recordOutcome({ decisionId: `d${block}`, settledAtSeconds: 100 + block, outcome: { netBps: block } });
  }
  journal.recordStop(1, { scope: "all", level: 1, reason: "r", by: "operator", atMilliseconds: 5 });
}

describe("mergeJournals", () => {
  it("tells the same fact of two journals once, and each one's own facts too", () => {
    write(one, (journal) => usual(journal));
    write(two, (journal) => usual(journal, [2, 3]));
    const report = mergeJournals([one, two], out);
    expect(report.conflicts).toEqual([]);
    expect(report.rows).toMatchObject({ decisions: 3, proposals: 3, outcomes: 3, stops: 1 });
    expect(report.shared).toBe(4);
    const merged = read(out, (journal) => ({
      blocks: journal.decisions().map(({ block }) => block),
      statuses: journal.proposals().map(({ status, detail }) => [status, detail]),
      decision: journal.decision("d3"),
    }));
    expect(merged.blocks).toEqual([1, 2, 3]);
    expect(merged.statuses).toEqual([1, 2, 3].map((block) => ["confirmed", `block ${block}`]));
    expect(merged.decision).toEqual(decisionRecord(3));
    for (const { broken } of read(out, (journal) => checkJournal(journal, out))) expect(broken).toEqual([]);
  });

  it("lets the journal that knows more go on where the other one stopped, in either order", () => {
    write(one, (journal) => {
      journal.recordDecision(decisionRecord(1));
      journal.advance(propose(journal, 1), "sent");
      journal.rest({ chainId: 1, pool: VAULT, block: 1, blockHash: digest(1), vault: VAULT, state: "late" });
      journal.recordChallenger({ decisionId: "d1", modelSet: "rules", decision: null, error: UNANSWERED });
    });
    write(two, (journal) => {
      usual(journal, [1]);
      journal.rest({ chainId: 1, pool: VAULT, block: 1, blockHash: digest(1), vault: VAULT, state: "sent" });
      journal.recordChallenger({ decisionId: "d1", modelSet: "rules", decision: records.decision(1), error: "" });
    });
    for (const [index, files] of [
      [one, two],
      [two, one],
    ].entries()) {
      const to = join(folder, `merged-${index}.db`);
      expect(mergeJournals(files, to).conflicts).toEqual([]);
      const place = { chainId: 1, pool: VAULT, blockHash: digest(1) } as const;
      expect(read(to, (journal) => journal.proposals()[0]?.status)).toBe("confirmed");
      expect(read(to, (journal) => journal.rests(place).get(VAULT))).toBe("sent");
      expect(read(to, (journal) => journal.challengers().map(({ error }) => error))).toEqual([""]);
      for (const { broken } of read(to, (journal) => checkJournal(journal, to))) expect(broken).toEqual([]);
    }
  });

  it("names what two journals contradict each other in, and keeps the first one's word", () => {
    write(one, (journal) => usual(journal));
    write(two, (journal) => {
      journal.recordDecision({ ...decisionRecord(1), decision: { ...decision(1), reason: "another" }, nav: 5n });
      journal.advance(propose(journal, 1), "refused", "simulation failed");
      journal.recordOutcome({ decisionId: "d1", settledAtSeconds: 999, outcome: { netBps: -1 } });
    });
    const { conflicts } = mergeJournals([one, two], out);
    expect(conflicts.map(({ table, key, columns }) => [table, table === "steps" ? "" : key, columns])).toEqual([
      ["decisions", "d1", ["reason", "nav", "decision"]],
      ["outcomes", "d1", ["outcome"]],
      ["steps", "", ["status"]],
    ]);
    expect(new Set(conflicts.map(({ file }) => file))).toEqual(new Set([two]));
    expect(read(out, (journal) => journal.decision("d1")?.nav)).toBe(10n ** 30n);
  });

  it("finds a vault's nonce that two workers used", () => {
    for (const [path, block] of [
      [one, 1],
      [two, 2],
    ] as const) {
      write(path, (journal) => {
        journal.recordDecision(decisionRecord(block));
        const id = propose(journal, block, 7n);
        journal.advance(id, "sent");
        journal.advance(id, "confirmed", `block ${block}`);
      });
    }
    const { conflicts } = mergeJournals([one, two], out);
    expect(conflicts).toEqual([{ table: "proposals", key: `${VAULT} nonce 7`, file: "all", columns: ["digest"] }]);
    const rules = read(out, (journal) => checkJournal(journal, out));
    expect(rules.find(({ rule }) => rule === "no nonce is used twice")?.broken).toEqual([
      `vault ${VAULT}: nonce 7 was executed 2 times`,
    ]);
  });

  it("reads a journal that is being written, and leaves every source as it was", () => {
    const journal = openJournal(one, () => "worker");
    usual(journal);
    const before = journal.decisions().length;
    mergeJournals([one], out);
    journal.recordDecision(decisionRecord(3));
    expect(journal.decisions()).toHaveLength(before + 1);
    journal.close();
    expect(read(out, (merged) => merged.decisions())).toHaveLength(before);
    expect(read(one, ({ identity }) => identity)).toBe("worker");
  });
});

describe("the verbs", () => {
  it("merge and say what they found; exit 1 with a conflict, 2 without a file or over one that is there", async () => {
    write(one, (journal) => usual(journal));
    write(two, (journal) => journal.recordDecision({ ...decisionRecord(1), nav: 5n }));
    const merged = await runJournal("merge", one, two, "--out", out);
    expect(merged.status).toBe(1);
    expect(merged.stdout.replace(/\s+/g, " ")).toMatch(
      /2 decisions, 2 proposals and 2 outcomes of 2 journals.*CONFLICT decisions d1: nav/,
    );
    expect(Math.max(...merged.stdout.split("\n").map((line) => line.length))).toBeLessThan(200);
    expect(await runJournal("merge", one, "--out", out)).toMatchObject({ status: 2, stdout: "" });
    const missing = await runJournal("merge", join(folder, "none.db"), "--out", join(folder, "x.db"));
    expect(missing).toMatchObject({ status: 2, stderr: expect.stringMatching(/none\.db; rule: the file must exist/) });
  });

  it("refuse what is no journal, and leave nothing behind", async () => {
    write(one, (journal) => usual(journal));
    const garbage = join(folder, "garbage.db");
    const db = openDatabase(garbage, "CREATE TABLE decisions (id INTEGER);");
    db.close();
    const { status, stderr } = await runJournal("merge", garbage, one, "--out", out);
    expect(status).toBe(1);
    expect(stderr).toMatch(/garbage\.db; rule: must be a journal that can be read/);
    write(out, (journal) => expect(journal.decisions()).toEqual([]));
  });
});

describe("checkJournal", () => {
  /** The rules that a journal breaks after something was done to its file. */
  function brokenBy(...statements: readonly string[]): Record<string, readonly string[]> {
    write(one, (journal) => usual(journal));
    const db = openDatabase(one, "PRAGMA foreign_keys = OFF;");
    for (const statement of statements) db.run(statement);
    db.close();
    const checks = read(one, (journal) => checkJournal(journal, one));
    return Object.fromEntries(
      checks.filter(({ broken }) => broken.length > 0).map(({ rule, broken }) => [rule, broken]),
    );
  }

  it("finds nothing wrong with what a worker wrote", () => {
    expect(brokenBy()).toEqual({});
  });

  it.each([
    ["UPDATE decisions SET action = 'hold' WHERE id = 'd1'", "a decision's columns are its body's", /^decision d1/],
    ["DELETE FROM steps WHERE status = 'sent'", "statuses follow one another", /confirmed after simulated$/],
    ["UPDATE statuses SET status = 'sent'", "statuses follow one another", /kept as sent, its last step is confirmed$/],
    ["DELETE FROM decisions WHERE id = 'd2'", "every row's reference exists", /no decisions$/],
    ["UPDATE proposals SET nonce = '1'", "no nonce is used twice", /nonce 1 was executed 2 times$/],
    [
      `UPDATE proposals SET proposal = replace(proposal, '"declaredGain":"2n"', '"declaredGain":"3n"')`,
      "every proposal derives from its decision",
      /declaredGain not as its decision says$/,
    ],
  ])("finds %s", (statement, rule, message) => {
    const broken = brokenBy(statement);
    expect(broken[rule]?.[0]).toMatch(message);
  });
});
