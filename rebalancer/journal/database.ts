import { type FileHandle, open } from "node:fs/promises";
import Libsql from "libsql";

export type Row = Record<string, string | number | Uint8Array | null>;

/** An open SQLite file, asked in plain SQL; a statement is prepared once. */
export interface Database {
  run(sql: string, ...values: unknown[]): void;
  all(sql: string, ...values: unknown[]): Row[];
  /** The first row, or null. */
  one(sql: string, ...values: unknown[]): Row | null;
  /** All of it or nothing, on disk when it returns. */
  transaction(work: () => void): void;
  /**
   * All of it or nothing, there for every reader when it returns, and on disk when the promise is kept: the disk is not
   * waited for meanwhile. Whatever `transaction` writes later is never on disk without it.
   */
  transactionSoonOnDisk(work: () => void): Promise<void>;
  close(): void;
}

interface Statement {
  run(...values: unknown[]): unknown;
  all(...values: unknown[]): unknown[];
  get(...values: unknown[]): unknown;
}

/** Opens or creates the file at `path` in WAL mode and makes the tables; ":memory:" for a throw-away one. */
export function openDatabase(path: string, schema: string): Database {
  const db = new Libsql(path);
  db.pragma("journal_mode = WAL");
  // A fact must be on disk before the next step acts on it.
  db.pragma("synchronous = FULL");
  db.pragma("busy_timeout = 5000");
  db.exec(schema);
  const prepared = new Map<string, Statement>();
  const prepare = (sql: string) => {
    const known = prepared.get(sql);
    if (known) return known;
    const statement: Statement = db.prepare(sql);
    prepared.set(sql, statement);
    return statement;
  };
  let wal: Promise<FileHandle> | null = null;
  /** SQLite's own locks are on other files: one more handle on this one takes none away. */
  const flush = async (): Promise<void> => {
    wal ??= open(`${path}-wal`, "r").catch((error) => {
      wal = null;
      throw error;
    });
    await (await wal).datasync();
  };
  let inside = false;
  const transaction = (work: () => void): void => {
    if (inside) {
      work();
      return;
    }
    inside = true;
    try {
      db.transaction(work).immediate();
    } finally {
      inside = false;
    }
  };
  return {
    run: (sql, ...values) => void prepare(sql).run(...values),
    all: (sql, ...values) => prepare(sql).all(...values) as Row[],
    one: (sql, ...values) => (prepare(sql).get(...values) as Row | undefined) ?? null,
    transaction,
    transactionSoonOnDisk(work) {
      if (inside || path === ":memory:") {
        transaction(work);
        return Promise.resolve();
      }
      db.exec("PRAGMA synchronous = NORMAL");
      try {
        transaction(work);
      } finally {
        db.exec("PRAGMA synchronous = FULL");
      }
      return flush();
    },
    close() {
      db.close();
      wal?.then((file) => file.close()).catch(() => undefined);
    },
  };
}

/** What was just written, read back; its absence is a broken file. */
export function known<T>(found: T | null, what: string): T {
  if (found === null) throw new Error(`journal lost ${what}`);
  return found;
}
