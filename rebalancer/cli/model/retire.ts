import type { Command } from "commander";
import { commit, readRegistry } from "../../../ml/registry/files.ts";
import { aliasesOf, nameOf, retireEntry } from "../../../ml/registry/registry.ts";
import { RefusedError } from "../../errors.ts";
import { answer, examples, guarded } from "../options.ts";
import { entryNamed, type ModelOptions, modelsConfig, withModelOptions, writtenBy } from "./shared.ts";

/** `model retire`: no new use of a version; its files and its history stay. */
export function registerModelRetire(model: Command): void {
  const verb = withModelOptions(
    model
      .command("retire")
      .description("offer a version no longer; its files and history stay")
      .argument("<model>", "NAME@VERSION, or NAME for its newest"),
  ).action((reference: string, options: ModelOptions) =>
    guarded(options, async () => {
      const { registry: folder } = modelsConfig(options);
      const registry = readRegistry(folder);
      const entry = entryNamed(registry, reference, folder);
      const held = aliasesOf(registry, entry);
      if (held.length > 0) {
        throw new RefusedError(`${nameOf(entry)} is the ${held.join(" and ")}: promote another or roll back first`);
      }
      const event = writtenBy(entry);
      commit(folder, retireEntry(registry, entry, event.at), {
        ...event,
        action: "retire",
        alias: null,
        from: nameOf(entry),
        to: null,
        evidence: null,
        forced: false,
        refusals: [],
      });
      answer(options, { retired: nameOf(entry) }, () => `retired ${nameOf(entry)}`);
    }),
  );
  examples(verb, "rangekeeper model retire my-rule@0.1.0");
}
