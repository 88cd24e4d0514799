import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { InvalidInputError } from "../errors.ts";
import { EMPTY, parseRegistry, type Registry } from "./registry.ts";

/** Where the registry is, from the working directory, unless one is named. */
export const REGISTRY_FOLDER = "models";

const eventSchema = z.looseObject({
  at: z.string(),
  who: z.string(),
  action: z.enum(["add", "promote", "rollback", "retire"]),
  model: z.string(),
  alias: z.enum(["champion", "challenger", "shadow"]).nullable(),
  task: z.enum(["volatility", "il", "yield"]),
  from: z.string().nullable(),
  to: z.string().nullable(),
  /** sha256 of what the gate was shown; null where nothing was. */
  evidence: z.string().nullable(),
  forced: z.boolean(),
  /** What the gate said against it. */
  refusals: z.array(z.string()),
});

/** One line of history.ndjson: what was done to the registry, never edited. */
export type HistoryEvent = z.infer<typeof eventSchema>;

const registryFile = (folder: string): string => join(folder, "registry.json");
const historyFile = (folder: string): string => join(folder, "history.ndjson");

/** The registry of a folder; an empty one where there is none yet. */
export function readRegistry(folder: string): Registry {
  const file = registryFile(folder);
  return existsSync(file) ? parseRegistry(readFileSync(file, "utf8"), file) : EMPTY;
}

/** Everything that was ever done, oldest first. */
export function readHistory(folder: string): HistoryEvent[] {
  const file = historyFile(folder);
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8")
    .split("\n")
    .filter(Boolean)
    .map((line, i) => {
      try {
        return eventSchema.parse(JSON.parse(line));
      } catch (cause) {
        throw new InvalidInputError(`${file}: line ${i + 1} is no event of the registry`, { cause });
      }
    });
}

/**
 * Writes down what is about to happen, then puts the new registry in the old one's place in one step: a reader sees
 * either, and a crash between the two leaves a line too many, never a move that nobody wrote down.
 */
export function commit(folder: string, registry: Registry, event: HistoryEvent): void {
  mkdirSync(folder, { recursive: true });
  appendFileSync(historyFile(folder), `${JSON.stringify(event)}\n`);
  const draft = `${registryFile(folder)}.${process.pid}.new`;
  writeFileSync(draft, `${JSON.stringify(registry, null, 2)}\n`);
  renameSync(draft, registryFile(folder));
}
