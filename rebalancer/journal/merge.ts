import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BaseError } from "../../ml/errors.ts";
import { ConfigError } from "../errors.ts";
import { openJournal } from "../journal.ts";
import { UNANSWERED } from "./challengers.ts";
import { type Database, openDatabase, type Row } from "./database.ts";

/** Two journals tell different things of the same fact. */
export interface MergeConflict {
  readonly table: string;
  /** What the fact is known by. */
  readonly key: string;
  /** The file whose version was not taken over. */
  readonly file: string;
  readonly columns: readonly string[];
}

export interface MergeReport {
  readonly out: string;
  readonly files: readonly string[];
  /** Rows of the merged journal, by table. */
  readonly rows: Readonly<Record<string, number>>;
  /** Facts that more than one journal told alike. */
  readonly shared: number;
  readonly conflicts: readonly MergeConflict[];
}

/** The merged file could not be made of these; names the one that is to blame. */
export class MergeError extends BaseError {
  override name = "MergeError";
}

/** By what a row is known across journals; `order` is left out of the copy, because each journal counts by itself. */
interface Table {
  readonly name: string;
  readonly key: readonly string[];
  readonly order?: string;
  /** A row with this is worth less than another journal's row without. */
  readonly weaker?: string;
}

/** In an order in which no row comes before what it refers to. Derived tables and what belongs to one worker are not here. */
const TABLES: readonly Table[] = [
  { name: "decisions", key: ["id"] },
  { name: "calibrations", key: ["digest"] },
  { name: "conditions", key: ["digest"] },
  { name: "inputs", key: ["decision_id"] },
  { name: "proposals", key: ["digest"] },
  { name: "steps", key: ["digest", "status", "detail"], order: "sequence" },
  { name: "measured", key: ["digest"] },
  { name: "attempts", key: ["hash"], order: "sequence" },
  { name: "spent", key: ["sender", "nonce"] },
  { name: "ended_subjects", key: ["subject"] },
  { name: "heartbeats", key: ["id"] },
  { name: "rests", key: ["chain_id", "block_hash", "vault"], weaker: "state IN ('failed', 'late')" },
  { name: "outcomes", key: ["decision_id"] },
  { name: "challengers", key: ["decision_id", "model_set"], weaker: `error = '${UNANSWERED}'` },
  { name: "challenger_outcomes", key: ["decision_id", "model_set"] },
  { name: "stops", key: ["chain_id", "scope", "at_milliseconds", "level"] },
];

/** Facts of the same thing at different times: the first one known is as good as the other. */
const TIMES: readonly string[] = ["settled_at_seconds"];

/**
 * Writes one journal that holds what several hold: a fact that two of them tell is told once, and where they tell it
 * differently the first file's version stands and the conflict is named. The files are only read.
 */
export function mergeJournals(files: readonly string[], out: string): MergeReport {
  for (const file of files) {
    if (!existsSync(file)) throw new ConfigError(`journal: ${file}; rule: the file must exist`);
  }
  if (existsSync(out)) throw new ConfigError(`--out: ${out}; rule: must not exist yet`);
  const folder = mkdtempSync(join(tmpdir(), "rangekeeper-merge-"));
  const conflicts: MergeConflict[] = [];
  let shared = 0;
  try {
    openJournal(out, () => `merged of ${files.length}`).close();
    const db = openDatabase(out, "PRAGMA foreign_keys = ON;");
    try {
      for (const [index, file] of files.entries()) {
        const alias = `source${index}`;
        const copy = join(folder, `${index}.db`);
        copyOf(file, copy);
        db.run("ATTACH DATABASE ? AS ".concat(alias), copy);
        db.transaction(() => {
          giveWay(db, alias);
          for (const table of TABLES) shared += mergeTable(db, { table, alias, file, conflicts });
          finalStatuses(db, alias, file, conflicts);
        });
        db.run(`DETACH DATABASE ${alias}`);
      }
      db.transaction(() => {
        // What follows from the steps is worked out anew.
        db.run("DELETE FROM statuses");
        db.run(
          `INSERT INTO statuses SELECT digest, status, detail FROM steps
           WHERE sequence IN (SELECT max(sequence) FROM steps GROUP BY digest)`,
        );
      });
      conflicts.push(...twiceExecuted(db));
      const rows = TABLES.map(({ name }) => [name, Number(db.one(`SELECT count(*) AS n FROM ${name}`)?.n)] as const);
      return { out, files, rows: Object.fromEntries(rows), shared, conflicts };
    } finally {
      db.close();
    }
  } catch (error) {
    for (const suffix of ["", "-wal", "-shm"]) rmSync(out + suffix, { force: true });
    throw error;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A consistent copy of a journal that a worker may be writing, in today's shape. */
function copyOf(file: string, copy: string): void {
  try {
    const source = openDatabase(file, "");
    try {
      source.run("VACUUM INTO ?", copy);
    } finally {
      source.close();
    }
    openJournal(copy, () => "copy").close();
  } catch (cause) {
    throw new MergeError(`journal: ${file}; rule: must be a journal that can be read`, { cause });
  }
}

/** Steps that the other journal knows all of, and more: they are taken over from there, in their order. */
function giveWay(db: Database, alias: string): void {
  db.run(
    `DELETE FROM main.steps WHERE digest IN (SELECT digest FROM ${alias}.steps) AND digest NOT IN (
       SELECT mine.digest FROM main.steps AS mine LEFT JOIN ${alias}.steps AS theirs USING (digest, status, detail)
       WHERE theirs.digest IS NULL)`,
  );
}

interface MergeTable {
  readonly table: Table;
  readonly alias: string;
  readonly file: string;
  readonly conflicts: MergeConflict[];
}

/** Takes over what is new; how many facts were there already, alike. */
function mergeTable(db: Database, { table, alias, file, conflicts }: MergeTable): number {
  const { name, key, order, weaker } = table;
  const columns = db.all(`SELECT name FROM pragma_table_info('${name}')`).map((row) => String(row.name));
  const facts = columns.filter((column) => column !== order);
  const same = key.map((column) => `mine.${column} IS theirs.${column}`).join(" AND ");
  if (weaker !== undefined) {
    db.run(
      `DELETE FROM ${name} AS mine WHERE mine.${weaker}
       AND EXISTS (SELECT 1 FROM ${alias}.${name} AS theirs WHERE ${same} AND NOT theirs.${weaker})`,
    );
  }
  const told = facts.filter((column) => !key.includes(column) && !TIMES.includes(column));
  const differs = told.map((column) => `mine.${column} IS NOT theirs.${column}`).join(" OR ") || "0";
  const both = `FROM main.${name} AS mine JOIN ${alias}.${name} AS theirs ON ${same}`;
  const other = weaker === undefined ? "" : ` AND NOT theirs.${weaker}`;
  const unlike = db.all(
    `SELECT ${key.map((column) => `mine.${column} AS ${column}`).join(", ")},
       ${told.map((column) => `mine.${column} IS NOT theirs.${column} AS differs_${column}`).join(", ") || "0 AS none"}
     ${both} WHERE (${differs})${other}`,
  );
  for (const row of unlike) {
    conflicts.push({
      table: name,
      key: key.map((column) => String(row[column])).join(" "),
      file,
      columns: told.filter((column) => row[`differs_${column}`] === 1),
    });
  }
  const [{ n = 0 } = {} as Row] = db.all(`SELECT count(*) AS n ${both} WHERE NOT (${differs})`);
  const list = facts.join(", ");
  const sorted = order === undefined ? "rowid" : order;
  db.run(`INSERT OR IGNORE INTO main.${name} (${list}) SELECT ${list} FROM ${alias}.${name} ORDER BY ${sorted}`);
  return Number(n);
}

/** Proposals that ended differently: only where one journal simply knows more is that no contradiction. */
function finalStatuses(db: Database, alias: string, file: string, conflicts: MergeConflict[]): void {
  const ends = db.all(
    `SELECT digest, count(DISTINCT status) AS ends FROM main.steps
     WHERE status IN ('confirmed', 'refused', 'expired') AND digest IN (SELECT digest FROM ${alias}.steps)
     GROUP BY digest HAVING ends > 1`,
  );
  for (const { digest } of ends) {
    const alone = db.all(
      `SELECT count(DISTINCT status) AS ends FROM ${alias}.steps
       WHERE status IN ('confirmed', 'refused', 'expired') AND digest = ?`,
      digest,
    );
    if (Number(alone[0]?.ends) > 1) continue;
    conflicts.push({ table: "steps", key: String(digest), file, columns: ["status"] });
  }
}

/** A vault's nonce that two proposals were confirmed with: something that must never be. */
function twiceExecuted(db: Database): MergeConflict[] {
  return db
    .all(
      `SELECT vault, nonce, count(*) AS times FROM proposals JOIN statuses USING (digest)
       WHERE status = 'confirmed' GROUP BY chain_id, vault, nonce HAVING times > 1`,
    )
    .map(({ vault, nonce }) => ({
      table: "proposals",
      key: `${vault} nonce ${nonce}`,
      file: "all",
      columns: ["digest"],
    }));
}
