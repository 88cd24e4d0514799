import { z } from "zod";
import { InvalidInputError } from "../errors.ts";
import type { Hex, ModelTask } from "../types.ts";

/**
 * The registry: which versions of which models are there, and which of them each alias means. Pure: every function
 * answers a new registry. An alias names at most one package for each task.
 */
export const ALIASES = ["champion", "challenger", "shadow"] as const;
export type Alias = (typeof ALIASES)[number];

const TASKS = ["volatility", "il", "yield"] as const;
const hex32 = z
  .string()
  .regex(/^0x[0-9a-f]{64}$/, "must be 32 bytes as hex")
  .transform((value) => value as Hex);
const semver = z.string().regex(/^\d+\.\d+\.\d+$/, "must be a version like 1.0.0");

const versionSchema = z.strictObject({
  version: semver,
  /** Of the model file. */
  sha256: hex32,
  /** Of manifest.json: spans, domain and tolerances are as registered, too. */
  manifestSha256: hex32,
  /** Folder from the registry's own. */
  path: z.string().min(1),
  addedAt: z.string(),
  tags: z.array(z.string()),
  retiredAt: z.string().nullable(),
});

const registrySchema = z.strictObject({
  schemaVersion: z.literal(1),
  models: z.record(
    z.string().regex(/^[a-z0-9-]+$/, "must be lower-case letters, digits and hyphens"),
    z.strictObject({ task: z.enum(TASKS), versions: z.array(versionSchema).min(1) }),
  ),
  /** NAME@VERSION of each task. */
  aliases: z.strictObject({
    champion: z.partialRecord(z.enum(TASKS), z.string()),
    challenger: z.partialRecord(z.enum(TASKS), z.string()),
    shadow: z.partialRecord(z.enum(TASKS), z.string()),
  }),
});

export type Registry = z.infer<typeof registrySchema>;
export type RegisteredVersion = z.infer<typeof versionSchema>;

/** One version of a registered model. */
export interface Entry extends RegisteredVersion {
  readonly name: string;
  readonly task: ModelTask;
}

export const EMPTY: Registry = {
  schemaVersion: 1,
  models: {},
  aliases: { champion: {}, challenger: {}, shadow: {} },
};

/** Parses registry.json; errors name the file, the field and the rule. */
export function parseRegistry(text: string, file: string): Registry {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new InvalidInputError(`${file} is not JSON: ${(cause as Error).message}`, { cause });
  }
  const parsed = registrySchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new InvalidInputError(`${file}: ${issue?.path.join(".") || "registry"} ${issue?.message}`);
}

export const isAlias = (text: string): text is Alias => ALIASES.some((alias) => alias === text);
export const nameOf = ({ name, version }: Pick<Entry, "name" | "version">): string => `${name}@${version}`;

/** NAME or NAME@VERSION; a bare name is its newest version that is not retired. Null where there is none. */
export function findEntry(registry: Registry, reference: string): Entry | null {
  const [name = "", version] = reference.split("@");
  const model = Object.hasOwn(registry.models, name) ? registry.models[name] : undefined;
  if (model === undefined) return null;
  const found =
    version === undefined
      ? model.versions.filter(({ retiredAt }) => retiredAt === null).sort(newestFirst)[0]
      : model.versions.find((one) => one.version === version);
  return found === undefined ? null : { ...found, name, task: model.task };
}

/** Why `findEntry` finds nothing where only what is retired has the name; null where it has another reason. */
export function onlyRetired(registry: Registry, reference: string): string | null {
  const versions = Object.hasOwn(registry.models, reference) ? registry.models[reference]?.versions : undefined;
  if (versions === undefined) return null;
  return `every version of ${reference} is retired; name one in full: ${versions
    .map(({ version }) => nameOf({ name: reference, version }))
    .join(", ")}`;
}

function newestFirst(a: RegisteredVersion, b: RegisteredVersion): number {
  const parts = (text: string) => text.split(".").map(Number);
  const [left, right] = [parts(a.version), parts(b.version)];
  return left.map((part, i) => (right[i] ?? 0) - part).find((difference) => difference !== 0) ?? 0;
}

/** All versions of all models, by name and age. */
export const entries = (registry: Registry): Entry[] =>
  Object.entries(registry.models).flatMap(([name, { task, versions }]) =>
    versions.map((version) => ({ ...version, name, task })),
  );

/** The registry with a version more. A version is never replaced: other bytes are another version. */
export function addEntry(registry: Registry, entry: Entry): Registry {
  const { name, task, ...version } = entry;
  const known = registry.models[name];
  if (known !== undefined && known.task !== task) {
    throw new InvalidInputError(`model ${name} is of task ${known.task}, but the package is of task ${task}`);
  }
  const same = known?.versions.find((one) => one.version === version.version);
  if (same !== undefined) {
    throw new InvalidInputError(
      same.sha256 === version.sha256
        ? `${nameOf(entry)} is already registered`
        : `${nameOf(entry)} is registered with sha256 ${same.sha256}; give the changed package a new version`,
    );
  }
  const versions = [...(known?.versions ?? []), version];
  return { ...registry, models: { ...registry.models, [name]: { task, versions } } };
}

/** The registry with an alias moved; null takes it off the task. */
export function pointAlias(registry: Registry, alias: Alias, task: ModelTask, to: string | null): Registry {
  const { [task]: _before, ...others } = registry.aliases[alias];
  return {
    ...registry,
    aliases: { ...registry.aliases, [alias]: to === null ? others : { ...others, [task]: to } },
  };
}

/** The registry with a version marked as retired. */
export function retireEntry(registry: Registry, { name, version }: Entry, at: string): Registry {
  const model = registry.models[name];
  if (model === undefined) throw new InvalidInputError(`model ${name} is not registered`);
  const versions = model.versions.map((one) => (one.version === version ? { ...one, retiredAt: at } : one));
  return { ...registry, models: { ...registry.models, [name]: { ...model, versions } } };
}

/** Aliases that mean this version. */
export const aliasesOf = (registry: Registry, entry: Entry): Alias[] =>
  ALIASES.filter((alias) => registry.aliases[alias][entry.task] === nameOf(entry));
