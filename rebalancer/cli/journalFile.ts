import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { ConfigError } from "../errors.ts";
import { type Journal, openJournal } from "../journal.ts";

/** The same where a worker may not have run yet: then `work` gets null. */
export function withAnyJournal<T>(path: string, work: (journal: Journal | null) => Promise<T> | T): Promise<T> {
  return existsSync(path) ? withJournal(path, work) : Promise.resolve(work(null));
}

/** Opens a journal that a worker wrote, does something with it and closes it. Throws ConfigError when there is none. */
export async function withJournal<T>(path: string, work: (journal: Journal) => Promise<T> | T): Promise<T> {
  if (!existsSync(path)) {
    throw new ConfigError(`config journal.path: ${path}; rule: the file must exist (a worker writes it)`);
  }
  const journal = openJournal(path, randomUUID);
  try {
    return await work(journal);
  } finally {
    journal.close();
  }
}
