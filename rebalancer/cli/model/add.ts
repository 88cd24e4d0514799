import { cpSync, existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { readPackage } from "../../../ml/models/resolve.ts";
import { commit, readRegistry } from "../../../ml/registry/files.ts";
import { addEntry, type Entry, nameOf } from "../../../ml/registry/registry.ts";
import { requireSigner } from "../../../ml/registry/signature.ts";
import { ModelPackageError } from "../../../ml/runtime/errors.ts";
import type { ModelsConfig } from "../../config/modelsSection.ts";
import { answer, examples, guarded } from "../options.ts";
import { checked } from "./check.ts";
import { type ModelOptions, modelsConfig, withModelOptions, writtenBy } from "./shared.ts";

interface AddOptions extends ModelOptions {
  readonly tag: readonly string[];
}

const collect = (text: string, before: readonly string[]): readonly string[] => [...before, text];

/** `model add`: checks a package, copies it into the registry and writes it down. */
export function registerModelAdd(model: Command): void {
  const verb = withModelOptions(
    model
      .command("add")
      .description("check a package and register it under its name and version")
      .argument("<folder>", "the package; it is copied, so that a later edit changes nothing")
      .option("--tag <word>", "to find it by; may be repeated", collect, []),
  ).action((folder: string, options: AddOptions) =>
    guarded(options, async () => {
      const { registry, signers } = modelsConfig(options);
      const entry = await add(folder, { registry, signers, tag: options.tag });
      answer(options, entry, () => `added ${nameOf(entry)} (${entry.task}), ${join(registry, entry.path)}`);
    }),
  );
  examples(verb, "rangekeeper model add ./my-rule", "rangekeeper model add ./my-trees --tag trees");
}

async function add(
  given: string,
  { registry: folder, signers, tag }: Pick<ModelsConfig, "registry" | "signers"> & Pick<AddOptions, "tag">,
): Promise<Entry> {
  const found = readPackage(resolve(given));
  requireSigner(found, signers);
  const { manifest, manifestSha256 } = found;
  const path = join(manifest.id, manifest.version);
  const entry: Entry = {
    name: manifest.id,
    task: manifest.task,
    version: manifest.version,
    sha256: manifest.sha256,
    manifestSha256,
    path,
    addedAt: new Date().toISOString(),
    tags: [...tag],
    retiredAt: null,
  };
  const registry = addEntry(readRegistry(folder), entry);
  const failure = (await checked(resolve(given), folder)).find(({ passes }) => passes === false);
  if (failure !== undefined) {
    throw new ModelPackageError(`${given} fails the check "${failure.check}": ${failure.detail}`, {
      details: { folder: given, check: failure.check },
    });
  }
  copy(resolve(given), resolve(folder, path));
  commit(folder, registry, {
    ...writtenBy(entry),
    action: "add",
    alias: null,
    from: null,
    to: nameOf(entry),
    evidence: entry.sha256,
    forced: false,
    refusals: [],
  });
  return entry;
}

/** A whole copy or none: it is put in its place in one step. */
function copy(from: string, to: string): void {
  if (from === to) return;
  const draft = `${to}.${process.pid}.new`;
  mkdirSync(draft, { recursive: true });
  cpSync(from, draft, { recursive: true });
  // What an interrupted run left there was never registered.
  if (existsSync(to)) rmSync(to, { recursive: true });
  renameSync(draft, to);
}
