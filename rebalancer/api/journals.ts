import { existsSync, statSync } from "node:fs";
import { basename } from "node:path";
import { pathToFileURL } from "node:url";
import Libsql from "libsql";
import { explain } from "../errors.ts";
import { type ChallengerStore, challengerStore } from "../journal/challengers.ts";
import type { Database, Row } from "../journal/database.ts";
import { type DeadLetterStore, deadLetterStore } from "../journal/deadLetters.ts";
import { type DecisionStore, decisionStore } from "../journal/decisions.ts";
import { type InputStore, inputStore } from "../journal/inputs.ts";
import { type ProposalStore, proposalStore } from "../journal/proposals.ts";
import { type StopStore, stopStore } from "../journal/stops.ts";
import { type Changes, createChanges } from "./changes.ts";
import { ApiError, unavailable } from "./errors.ts";

/** One journal, open for reading only: what the stores can read, and plain SQL for lists. */
export interface JournalReader
  extends Pick<DecisionStore, "decision">,
    Pick<InputStore, "inputs">,
    Pick<ProposalStore, "proposal">,
    Pick<ChallengerStore, "challengers">,
    Pick<DeadLetterStore, "deadLetters" | "deadLetter">,
    Pick<StopStore, "stops"> {
  readonly path: string;
  /** Name of the file without its folder. */
  readonly file: string;
  /** The journal's name for itself, which is its worker's as well. */
  readonly identity: string;
  all(sql: string, ...values: unknown[]): Row[];
  one(sql: string, ...values: unknown[]): Row | null;
}

/** The journals of all workers, read while their workers write. Every call throws 503 while one cannot be read. */
export interface Journals {
  /** Another text whenever any journal may have changed; looked at no more often than every 0.2 s. */
  version(): string;
  /** Another text whenever what is told of one vault may have changed, but for where it came to rest; as often. */
  versionOf(vault: string): string;
  /** The same for what became of its decisions alone: a new decision leaves it as it is. */
  consequencesOf(vault: string): string;
  readers(): readonly JournalReader[];
  close(): void;
}

/** How old an answer may be: a journal's change is noticed after at most this time. */
export const FRESHNESS_MILLISECONDS = 200;
/** How often a file is checked for having been replaced by another one of the same name. */
const REPLACED_CHECK_MILLISECONDS = 1_000;

/** Of each journal, in memory: its indexes, mostly. */
const CACHE_KIBIBYTES = 16_384;

interface Open extends JournalReader {
  readonly inode: number;
  readonly changes: Changes;
  version(): number;
  close(): void;
}

/** Opens the files when they are first read, and again after any error: a journal may appear, be moved, be restored. */
export function openJournals(paths: readonly string[], now: () => number = Date.now): Journals {
  const open = new Map<string, Open>();
  let known = { version: "", atMilliseconds: -Infinity };
  let replacedCheckAt = -Infinity;
  let generation = 0;

  const drop = (path: string) => {
    open.get(path)?.close();
    open.delete(path);
    generation += 1;
    known = { version: "", atMilliseconds: -Infinity };
  };
  const reader = (path: string): Open => {
    const found = open.get(path);
    if (found) return found;
    const fresh = openReadOnly(path, (error) => {
      drop(path);
      return error;
    });
    open.set(path, fresh);
    return fresh;
  };
  const dropReplaced = () => {
    if (now() - replacedCheckAt < REPLACED_CHECK_MILLISECONDS) return;
    replacedCheckAt = now();
    for (const [path, { inode }] of open) if (inodeOf(path) !== inode) drop(path);
  };

  const current = (): string => {
    if (now() - known.atMilliseconds < FRESHNESS_MILLISECONDS) return known.version;
    dropReplaced();
    const version = `${generation}:${paths.map((path) => reader(path).version()).join(".")}`;
    if (version !== known.version) for (const path of paths) reader(path).changes.follow();
    known = { version, atMilliseconds: now() };
    return version;
  };

  const countsOf = (vault: string, decisions: boolean): string => {
    current();
    return `${generation}:${paths.map((path) => reader(path).changes.of(vault, decisions)).join(".")}`;
  };

  return {
    version: current,
    versionOf: (vault) => countsOf(vault, true),
    consequencesOf: (vault) => countsOf(vault, false),
    readers() {
      dropReplaced();
      return paths.map(reader);
    },
    close() {
      for (const path of [...open.keys()]) drop(path);
    },
  };
}

const inodeOf = (path: string): number => {
  try {
    return statSync(path).ino;
  } catch {
    return -1;
  }
};

interface Statement {
  all(...values: unknown[]): unknown[];
}

function openReadOnly(path: string, onError: (error: unknown) => unknown): Open {
  const file = basename(path);
  const refuse = (error: unknown) =>
    unavailable("journal", `${file} must be readable: ${explain(onError(error))}`, error);
  if (!existsSync(path)) throw unavailable("journal", `${file} must exist; a worker writes it when it starts`);
  let db: InstanceType<typeof Libsql>;
  try {
    // The library's own `readonly` option is not obeyed; SQLite's is.
    db = new Libsql(`${pathToFileURL(path).href}?mode=ro`);
    // Never wait for a lock: this thread has other readers to answer.
    db.pragma("busy_timeout = 0");
    db.pragma("query_only = ON");
    db.pragma(`cache_size = -${CACHE_KIBIBYTES}`);
  } catch (error) {
    throw refuse(error);
  }
  const prepared = new Map<string, Statement>();
  const all = (sql: string, ...values: unknown[]): Row[] => {
    try {
      let statement = prepared.get(sql);
      if (statement === undefined) {
        statement = db.prepare(sql) as Statement;
        prepared.set(sql, statement);
      }
      return statement.all(...values) as Row[];
    } catch (error) {
      throw refuse(error);
    }
  };
  const one = (sql: string, ...values: unknown[]) => all(sql, ...values)[0] ?? null;
  const refuseToWrite = () => {
    throw new Error("its worker must bring it up to date first; it is open for reading only");
  };
  const database: Database = {
    all,
    one,
    run: refuseToWrite,
    transaction: refuseToWrite,
    transactionSoonOnDisk: refuseToWrite,
    close: () => undefined,
  };
  const identity = one("SELECT value FROM meta WHERE key = 'identity'")?.value;
  if (identity === undefined) throw unavailable("journal", `${file} must be one that a worker has written`);
  return {
    path,
    file,
    identity: String(identity),
    inode: inodeOf(path),
    changes: createChanges({ all, one }),
    all,
    one,
    ...storesOf(database, refuse),
    version: () => Number(all("PRAGMA data_version")[0]?.data_version),
    close: () => void db.close(),
  };
}

/** The stores' reading halves. Opening one may bring an older journal up to date, which is its worker's business. */
function storesOf(database: Database, refuse: (error: unknown) => Error) {
  try {
    return {
      decision: decisionStore(database).decision,
      inputs: inputStore(database).inputs,
      proposal: proposalStore(database).proposal,
      challengers: challengerStore(database).challengers,
      deadLetters: deadLetterStore(database).deadLetters,
      deadLetter: deadLetterStore(database).deadLetter,
      stops: stopStore(database).stops,
    };
  } catch (error) {
    throw error instanceof ApiError ? error : refuse(error);
  }
}
