import { createHash } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { InvalidInputError } from "../errors.ts";
import { REGISTRY_FOLDER, readRegistry } from "../registry/files.ts";
import { findEntry, isAlias, onlyRetired, type Registry } from "../registry/registry.ts";
import { requireSigner } from "../registry/signature.ts";
import { ModelHashMismatchError } from "../runtime/errors.ts";
import { type Manifest, parseManifest } from "../runtime/manifest.ts";
import type { Hex, ModelTask } from "../types.ts";

/** A package folder that a reference means. */
export interface FoundPackage {
  readonly folder: string;
  readonly manifest: Manifest;
  /** Of the manifest's bytes. */
  readonly manifestSha256: Hex;
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
  /** Public keys, one of which must have signed a package that does not ship; none = whoever made it. */
  readonly signers?: readonly Hex[];
}

/**
 * What a reference means, by reading manifests alone. Its parts are joined with "+": the id of a set, a folder, an alias
 * of the registry, or NAME[@VERSION] in it. Throws InvalidInputError for what is none of them.
 */
export function findParts(reference: string, options: FindOptions): readonly FoundPart[] {
  return reference.split("+").map((part) => findPart(part, reference, options));
}

/** The same reference with each alias and name in full, NAME@VERSION: what the registry never lets mean anything else. */
export function pinned(reference: string, options: FindOptions): string {
  const parts = reference.split("+").flatMap((part) => {
    const found = findPart(part, reference, options);
    if (found.kind === "set" || isFolder(part)) return [part];
    return found.packages.map(({ manifest }) => `${manifest.id}@${manifest.version}`);
  });
  return parts.join("+");
}

function findPart(part: string, whole: string, options: FindOptions): FoundPart {
  const { sets, registry: folder = REGISTRY_FOLDER, signers = [] } = options;
  if (sets.includes(part)) return { kind: "set", id: part };
  const packages = (found: readonly FoundPackage[]): FoundPart => {
    for (const one of found) requireSigner(one, signers);
    return { kind: "packages", packages: found };
  };
  if (isFolder(part)) return packages([readPackage(resolve(part))]);
  const registry = readRegistry(folder);
  if (isAlias(part)) {
    const named = Object.values(registry.aliases[part]);
    if (named.length > 0) return packages(named.map((one) => registered(registry, folder, one)));
    throw new InvalidInputError(
      `model set ${JSON.stringify(whole)}: alias ${part} names nothing in ${folder}; rangekeeper model promote sets it`,
      { details: { id: whole } },
    );
  }
  if (findEntry(registry, part) === null) {
    const retired = onlyRetired(registry, part);
    if (retired !== null) throw new InvalidInputError(`model set ${JSON.stringify(whole)}: ${retired}`);
    throw new InvalidInputError(
      `model set ${JSON.stringify(whole)} must be one of ${[...sets, "a folder such as ./my-model"].join(", ")}, or an alias or NAME[@VERSION] of ${join(folder, "registry.json")}`,
      { details: { id: whole } },
    );
  }
  return packages([registered(registry, folder, part)]);
}

/** Whether a reference means a folder rather than a name. */
export const isFolder = (reference: string): boolean => /[/\\]|^\.+$/.test(reference);

/** A registered version, whose manifest must still be the one that was registered. */
function registered(registry: Registry, folder: string, reference: string): FoundPackage {
  const entry = findEntry(registry, reference);
  if (entry === null) throw new InvalidInputError(`model ${reference} is not in ${join(folder, "registry.json")}`);
  const found = readPackage(resolve(folder, entry.path));
  const changed = (what: string, now: Hex, then: Hex) =>
    new ModelHashMismatchError(
      `${found.folder}: ${what} is ${now}, but ${entry.name}@${entry.version} was registered with ${then}`,
      { details: { folder: found.folder, expected: then, found: now } },
    );
  if (found.manifest.sha256 !== entry.sha256) throw changed("sha256", found.manifest.sha256, entry.sha256);
  if (found.manifestSha256 !== entry.manifestSha256) {
    throw changed("the sha256 of manifest.json", found.manifestSha256, entry.manifestSha256);
  }
  return found;
}

/** The manifest of a folder. */
export function readPackage(folder: string): FoundPackage {
  const file = join(folder, "manifest.json");
  if (!existsSync(folder) || !statSync(folder).isDirectory() || !existsSync(file)) {
    throw new InvalidInputError(`model folder ${folder} must hold a manifest.json`, { details: { folder } });
  }
  const bytes = readFileSync(file);
  const manifestSha256: Hex = `0x${createHash("sha256").update(bytes).digest("hex")}`;
  return { folder, manifest: parseManifest(bytes.toString("utf8"), file), manifestSha256 };
}

/** The packages of a reference by task; of two for one task the later wins. */
export function packagesByTask(parts: readonly FoundPart[]): Partial<Record<ModelTask, FoundPackage>> {
  const found = parts.flatMap((part) => (part.kind === "packages" ? part.packages : []));
  return Object.fromEntries(found.map((one) => [one.manifest.task, one]));
}
