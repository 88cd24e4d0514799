import { existsSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { InvalidInputError } from "../errors.ts";
import { REGISTRY_FOLDER, readRegistry } from "../registry/files.ts";
import { findEntry, isAlias, type Registry } from "../registry/registry.ts";
import { ModelHashMismatchError } from "../runtime/errors.ts";
import { type Manifest, parseManifest } from "../runtime/manifest.ts";
import type { ModelTask } from "../types.ts";

/** A package folder that a reference means. */
export interface FoundPackage {
  readonly folder: string;
  readonly manifest: Manifest;
}

/** What a part of a reference means: a set of this release, or packages of one task each. */
export type FoundPart =
  | { readonly kind: "set"; readonly id: string }
  | { readonly kind: "packages"; readonly packages: readonly FoundPackage[] };

export interface FindOptions {
  /** Ids of the sets that ship. */
  readonly sets: readonly string[];
  /** Folder of the registry (default: models). */
  readonly registry?: string;
}

/**
 * What a reference means, by reading manifests alone. Its parts are joined with "+": the id of a set, a folder, an alias
 * of the registry, or NAME[@VERSION] in it. Throws InvalidInputError for what is none of them.
 */
export function findParts(reference: string, options: FindOptions): readonly FoundPart[] {
  return reference.split("+").map((part) => findPart(part, reference, options));
}

function findPart(part: string, whole: string, { sets, registry: folder = REGISTRY_FOLDER }: FindOptions): FoundPart {
  if (sets.includes(part)) return { kind: "set", id: part };
  if (/[/\\]|^\.+$/.test(part)) return { kind: "packages", packages: [readPackage(resolve(part))] };
  const registry = readRegistry(folder);
  if (isAlias(part)) {
    const named = Object.values(registry.aliases[part]);
    if (named.length > 0) return { kind: "packages", packages: named.map((one) => registered(registry, folder, one)) };
    throw new InvalidInputError(
      `model set ${JSON.stringify(whole)}: alias ${part} names nothing in ${folder}; rangekeeper model promote sets it`,
      { details: { id: whole } },
    );
  }
  if (findEntry(registry, part) === null) {
    throw new InvalidInputError(
      `model set ${JSON.stringify(whole)} must be one of ${[...sets, "a folder such as ./my-model"].join(", ")}, or an alias or NAME[@VERSION] of ${join(folder, "registry.json")}`,
      { details: { id: whole } },
    );
  }
  return { kind: "packages", packages: [registered(registry, folder, part)] };
}

/** A registered version, whose manifest must still name the bytes that were registered. */
function registered(registry: Registry, folder: string, reference: string): FoundPackage {
  const entry = findEntry(registry, reference);
  if (entry === null) throw new InvalidInputError(`model ${reference} is not in ${join(folder, "registry.json")}`);
  const found = readPackage(resolve(folder, entry.path));
  if (found.manifest.sha256 === entry.sha256) return found;
  throw new ModelHashMismatchError(
    `${found.folder}: sha256 is ${found.manifest.sha256}, but ${entry.name}@${entry.version} was registered with ${entry.sha256}`,
    { details: { folder: found.folder, expected: entry.sha256, found: found.manifest.sha256 } },
  );
}

/** The manifest of a folder. */
export function readPackage(folder: string): FoundPackage {
  const file = join(folder, "manifest.json");
  if (!existsSync(folder) || !statSync(folder).isDirectory() || !existsSync(file)) {
    throw new InvalidInputError(`model folder ${folder} must hold a manifest.json`, { details: { folder } });
  }
  return { folder, manifest: parseManifest(readFileSync(file, "utf8"), file) };
}

/** The packages of a reference by task; of two for one task the later wins. */
export function packagesByTask(parts: readonly FoundPart[]): Partial<Record<ModelTask, FoundPackage>> {
  const found = parts.flatMap((part) => (part.kind === "packages" ? part.packages : []));
  return Object.fromEntries(found.map((one) => [one.manifest.task, one]));
}
