import type { Database, Row } from "./database.ts";

/** A job that was given up, so that a person can see why and put it back. */
export interface DeadLetter {
  readonly id: number;
  readonly queue: string;
  readonly jobId: string;
  readonly jobName: string;
  /** The payload as it came out of the queue, as JSON; a long one is cut off. */
  readonly payload: string;
  /** Class and kind of the error, as in "FatalError fatal". */
  readonly errorClass: string;
  readonly message: string;
  readonly attempts: number;
  readonly atMilliseconds: number;
  /** What a person did with it; null = it waits. */
  readonly ended: "replayed" | "dropped" | null;
}

export const DEAD_LETTERS_SCHEMA = `
CREATE TABLE IF NOT EXISTS dead_letters (
  id INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, job_id TEXT NOT NULL, job_name TEXT NOT NULL,
  payload TEXT NOT NULL, error_class TEXT NOT NULL, message TEXT NOT NULL, attempts INTEGER NOT NULL,
  at_milliseconds INTEGER NOT NULL, UNIQUE (queue, job_id, at_milliseconds)
) STRICT;
CREATE TABLE IF NOT EXISTS dead_letter_ends (
  id INTEGER PRIMARY KEY REFERENCES dead_letters (id), how TEXT NOT NULL, at_milliseconds INTEGER NOT NULL
) STRICT;
`;

/** The jobs that were given up. */
export interface DeadLetterStore {
  recordDeadLetter(letter: Omit<DeadLetter, "id" | "ended">): void;
  /** Newest first; those that wait, or all. */
  deadLetters(filter?: { all?: boolean; limit?: number }): readonly DeadLetter[];
  deadLetter(id: number): DeadLetter | null;
  /** Says what was done with a letter, once; false when that was said before. */
  endDeadLetter(id: number, how: "replayed" | "dropped", atMilliseconds: number): boolean;
}

/** The dead letters of an open journal. */
export function deadLetterStore({ run, all, one, transaction }: Database): DeadLetterStore {
  const SELECT = "SELECT dead_letters.*, how FROM dead_letters LEFT JOIN dead_letter_ends USING (id)";
  return {
    recordDeadLetter({ queue, jobId, jobName, payload, errorClass, message, attempts, atMilliseconds }) {
      run(
        `INSERT OR IGNORE INTO dead_letters (queue, job_id, job_name, payload, error_class, message, attempts, at_milliseconds)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
        queue,
        jobId,
        jobName,
        payload,
        errorClass,
        message,
        attempts,
        atMilliseconds,
      );
    },
    deadLetters: ({ all: ended = false, limit = -1 } = {}) =>
      all(`${SELECT} WHERE ? OR how IS NULL ORDER BY id DESC LIMIT ?`, ended ? 1 : 0, limit).map(toLetter),
    deadLetter(id) {
      const row = one(`${SELECT} WHERE id = ?`, id);
      return row && toLetter(row);
    },
    endDeadLetter(id, how, atMilliseconds) {
      let first = false;
      transaction(() => {
        first = one("SELECT 1 AS found FROM dead_letter_ends WHERE id = ?", id) === null;
        if (first) run("INSERT INTO dead_letter_ends VALUES (?, ?, ?)", id, how, atMilliseconds);
      });
      return first;
    },
  };
}

const toLetter = (row: Row): DeadLetter => ({
  id: Number(row.id),
  queue: String(row.queue),
  jobId: String(row.job_id),
  jobName: String(row.job_name),
  payload: String(row.payload),
  errorClass: String(row.error_class),
  message: String(row.message),
  attempts: Number(row.attempts),
  atMilliseconds: Number(row.at_milliseconds),
  ended: row.how as DeadLetter["ended"],
});
