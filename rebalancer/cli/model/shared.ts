import { userInfo } from "node:os";
import { join, resolve } from "node:path";
import { type Command, Option } from "commander";
import { InvalidInputError } from "../../../ml/errors.ts";
import { MODELS } from "../../../ml/models/index.ts";
import { type FoundPackage, findParts, readPackage } from "../../../ml/models/resolve.ts";
import { type Entry, findEntry, nameOf, onlyRetired, type Registry } from "../../../ml/registry/registry.ts";
import { ENVIRONMENT } from "../../config/layers.ts";
import { type ModelsConfig, modelsSection } from "../../config/modelsSection.ts";
import type { Config } from "../../config.ts";
import { readConfig } from "../options.ts";

/** What every verb of `model` takes. */
export interface ModelOptions {
  readonly registry?: string;
  readonly config?: string;
  readonly json?: boolean;
}

const SHIPPED = join(import.meta.dirname, "../../../ml/models");
const CONFIG = "RANGEKEEPER_CONFIG";

/** Adds --registry, --config and --json. */
export const withModelOptions = (command: Command): Command =>
  command
    .addOption(new Option("--registry <dir>", "folder of the registry, in place of models.registry"))
    .addOption(new Option("--config <file>", `TOML with [models] (default: ${CONFIG}, else as shipped)`))
    .option("--json", "answer in JSON");

/** The configuration that is named by --config or the environment; null where none is. */
export const configNamed = (options: ModelOptions): Config | null =>
  options.config !== undefined || process.env[CONFIG] ? readConfig(options) : null;

/** `[models]` of the configuration; a strategist who has none gets what ships. */
export function modelsConfig(options: ModelOptions): ModelsConfig {
  const config = configNamed(options);
  if (config !== null) return config.models;
  const variable = Object.keys(ENVIRONMENT).find((name) => ENVIRONMENT[name] === "models.registry") ?? "";
  const registry = options.registry || process.env[variable];
  return modelsSection.parse(registry ? { registry } : {});
}

/** The package that a person means: a folder, NAME[@VERSION] of the registry, or the id of a model that ships. */
export function packageNamed(reference: string, registry: string): FoundPackage {
  const shipped = MODELS.find(({ id }) => id === reference)?.folder;
  if (shipped) return readPackage(resolve(SHIPPED, shipped));
  const sets = MODELS.filter(({ folder }) => folder !== null).map(({ id }) => id);
  const [part, ...more] = findParts(reference, { sets, registry });
  if (part?.kind !== "packages" || more.length > 0 || part.packages.length !== 1) {
    throw new InvalidInputError(`${reference} must mean one package: a folder, NAME[@VERSION], or a model that ships`);
  }
  return part.packages[0] as FoundPackage;
}

/** A registered version, by NAME[@VERSION]. */
export function entryNamed(registry: Registry, reference: string, folder: string): Entry {
  const entry = findEntry(registry, reference);
  if (entry !== null) return entry;
  const retired = onlyRetired(registry, reference);
  if (retired !== null) throw new InvalidInputError(retired);
  const known = Object.keys(registry.models).join(", ") || "none yet";
  throw new InvalidInputError(`${reference} must be NAME[@VERSION] of ${join(folder, "registry.json")}: ${known}`);
}

/** When and by whom something is done to the registry. */
export function writtenBy(entry: Entry) {
  return { at: new Date().toISOString(), who: whoami(), model: nameOf(entry), task: entry.task };
}

function whoami(): string {
  try {
    return userInfo().username;
  } catch {
    return "unknown";
  }
}
