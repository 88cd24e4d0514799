import type { Journal } from "../journal.ts";
import { differencesOf } from "../parity/compare.ts";
import { buildProposal, digestOf } from "../sending/proposal.ts";
import { type Database, openDatabase } from "./database.ts";

/** One rule that a journal was held to. */
export interface JournalCheck {
  readonly rule: string;
  readonly looked: number;
  /** What breaks it, in words; empty = it holds. */
  readonly broken: readonly string[];
}

/** What may follow what in a proposal's life; a confirmed one may go back to sent when its block is reorganised away. */
const NEXT: Readonly<Record<string, readonly string[]>> = {
  "": ["proposed"],
  proposed: ["simulated", "sent", "refused", "expired"],
  simulated: ["simulated", "sent", "refused", "expired"],
  sent: ["sent", "confirmed", "refused", "expired"],
  confirmed: ["sent", "confirmed", "refused", "expired"],
  refused: ["sent", "confirmed"],
  expired: ["sent", "confirmed"],
};

/** Holds a journal to the rules that every worker keeps. `journal` is the same file, open. */
export function checkJournal(journal: Journal, path: string): readonly JournalCheck[] {
  const db = openDatabase(path, "");
  try {
    return [
      fileIsWhole(db),
      referencesExist(db),
      decisionsAgree(db),
      stepsFollow(db),
      noncesOnce(db),
      derived(journal),
    ];
  } finally {
    db.close();
  }
}

function fileIsWhole(db: Database): JournalCheck {
  const answers = db.all("PRAGMA integrity_check").map((row) => String(row.integrity_check));
  return { rule: "the file is whole", looked: 1, broken: answers.filter((answer) => answer !== "ok") };
}

function referencesExist(db: Database): JournalCheck {
  const broken = db
    .all("PRAGMA foreign_key_check")
    .map(({ table, rowid, parent }) => `${table} row ${rowid}: no ${parent}`);
  return { rule: "every row's reference exists", looked: countOf(db, "proposals") + countOf(db, "outcomes"), broken };
}

const countOf = (db: Database, table: string): number => Number(db.one(`SELECT count(*) AS n FROM ${table}`)?.n);

function decisionsAgree(db: Database): JournalCheck {
  const broken = db
    .all(
      `SELECT id FROM decisions WHERE json_extract(decision, '$.block') IS NOT block
       OR json_extract(decision, '$.atSeconds') IS NOT at_seconds OR json_extract(decision, '$.action') IS NOT action
       OR json_extract(decision, '$.inputsDigest') IS NOT inputs_digest OR json_extract(decision, '$.vault') IS NOT vault`,
    )
    .map(({ id }) => `decision ${id}: its columns and its body disagree`);
  return { rule: "a decision's columns are its body's", looked: countOf(db, "decisions"), broken };
}

function stepsFollow(db: Database): JournalCheck {
  const broken: string[] = [];
  const last = new Map<string, string>();
  for (const row of db.all("SELECT digest, status FROM steps ORDER BY sequence")) {
    const [digest, status] = [String(row.digest), String(row.status)];
    const before = last.get(digest) ?? "";
    if (!(NEXT[before] ?? []).includes(status)) {
      broken.push(`proposal ${digest}: ${status} after ${before === "" ? "nothing" : before}`);
    }
    last.set(digest, status);
  }
  for (const row of db.all("SELECT digest, status FROM statuses")) {
    const newest = last.get(String(row.digest));
    if (newest !== row.status) broken.push(`proposal ${row.digest}: kept as ${row.status}, its last step is ${newest}`);
  }
  return { rule: "statuses follow one another", looked: last.size, broken };
}

function noncesOnce(db: Database): JournalCheck {
  const vaults = db.all(
    `SELECT vault, nonce, count(*) AS times FROM proposals JOIN statuses USING (digest)
     WHERE status = 'confirmed' GROUP BY chain_id, vault, nonce HAVING times > 1`,
  );
  const foreign = db.all(
    `SELECT spent.sender, spent.nonce, spent.hash FROM spent LEFT JOIN attempts ON attempts.hash = spent.hash
     WHERE spent.hash IS NOT NULL AND spent.kind <> 'foreign' AND attempts.hash IS NULL`,
  );
  const broken = [
    ...vaults.map(({ vault, nonce, times }) => `vault ${vault}: nonce ${nonce} was executed ${times} times`),
    ...foreign.map(
      ({ sender, nonce, hash }) => `keeper ${sender}: nonce ${nonce} went to ${hash}, which was never signed`,
    ),
  ];
  return { rule: "no nonce is used twice", looked: countOf(db, "proposals") + countOf(db, "spent"), broken };
}

/** Every proposal is what its decision says, to the digest that the chain knows it by. */
function derived(journal: Journal): JournalCheck {
  const broken: string[] = [];
  const proposals = journal.proposals();
  for (const { digest, decisionId, chainId, strategy, nonce, proposal } of proposals) {
    const decision = journal.decision(decisionId)?.decision;
    if (decision === undefined) broken.push(`proposal ${digest}: its decision ${decisionId} is missing`);
    else if (decision.plan === null) broken.push(`proposal ${digest}: its decision ${decisionId} has no plan`);
    else {
      const again = buildProposal({ decision, modelId: proposal.modelId, nonce });
      const fields = differencesOf(proposal, again).map(({ field }) => field);
      if (fields.length > 0) broken.push(`proposal ${digest}: ${fields.join(", ")} not as its decision says`);
    }
    if (digestOf(chainId, strategy, proposal) !== digest) broken.push(`proposal ${digest}: is not its own digest`);
  }
  return { rule: "every proposal derives from its decision", looked: proposals.length, broken };
}
