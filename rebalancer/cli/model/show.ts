import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { InvalidInputError } from "../../../ml/errors.ts";
import type { FoundPackage } from "../../../ml/models/resolve.ts";
import { readRegistry } from "../../../ml/registry/files.ts";
import { aliasesOf, entries } from "../../../ml/registry/registry.ts";
import { signerOf } from "../../../ml/registry/signature.ts";
import { ModelSignatureError } from "../../../ml/runtime/errors.ts";
import { columnsTable } from "../columns.ts";
import { answer, examples, guarded } from "../options.ts";
import { formatTable } from "../table.ts";
import { type ModelOptions, modelsConfig, packageNamed, withModelOptions } from "./shared.ts";

/** `model list`, `model show` and `model card`: what is there, and what it says of itself. */
export function registerModelShow(model: Command): void {
  const list = withModelOptions(
    model.command("list").description("what is registered, and what each alias means"),
  ).action((options: ModelOptions) =>
    guarded(options, async () => {
      const { registry: folder } = modelsConfig(options);
      const registry = readRegistry(folder);
      const rows = entries(registry).map((entry) => ({ ...entry, aliases: aliasesOf(registry, entry) }));
      answer(options, rows, () =>
        rows.length === 0
          ? `no model is registered in ${folder} (rangekeeper model add)`
          : formatTable(
              [
                { title: "model", max: 28 },
                { title: "version" },
                { title: "task" },
                { title: "sha256" },
                { title: "alias", max: 20 },
              ],
              rows.map(({ name, version, task, sha256, aliases, retiredAt }) => [
                name,
                version,
                task,
                sha256.slice(0, 10),
                retiredAt === null ? aliases.join(", ") : "retired",
              ]),
            ),
      );
    }),
  );
  examples(list, "rangekeeper model list", "rangekeeper model list --registry DIR --json");

  const show = withModelOptions(
    model
      .command("show")
      .description("what a package says of itself")
      .argument("<package>", "a folder, NAME[@VERSION], or the id of a model that ships"),
  ).action((reference: string, options: ModelOptions) =>
    guarded(options, async () => {
      const found = packageNamed(reference, modelsConfig(options).registry);
      const signed = signatureOf(found);
      answer(options, { folder: found.folder, signed, ...found.manifest }, () => formatManifest(found, signed));
    }),
  );
  examples(show, "rangekeeper model show volatility-har-net", "rangekeeper model show my-rule@0.1.0 --json");

  const card = withModelOptions(
    model
      .command("card")
      .description("a package's card: what it is for and what it cannot do")
      .argument("<package>", "a folder, NAME[@VERSION], or the id of a model that ships"),
  ).action((reference: string, options: ModelOptions) =>
    guarded(options, async () => {
      const { folder } = packageNamed(reference, modelsConfig(options).registry);
      const file = join(folder, "README.md");
      if (!existsSync(file)) throw new InvalidInputError(`${file} must exist: a package brings its card`);
      const text = readFileSync(file, "utf8");
      answer(options, { file, card: text }, () => text.trimEnd());
    }),
  );
  examples(card, "rangekeeper model card yield-har");
}

/** Whose signature a package bears, in words. */
function signatureOf(found: FoundPackage): string {
  try {
    const signer = signerOf(found);
    return signer === null ? "by nobody" : signer;
  } catch (error) {
    if (error instanceof ModelSignatureError) return `wrongly: ${error.message}`;
    throw error;
  }
}

function formatManifest({ folder, manifest }: FoundPackage, signed: string): string {
  const { trainedOn, testedOn } = manifest;
  const day = (seconds: unknown) => new Date(Number(seconds) * 1000).toISOString().slice(0, 10);
  const hours = manifest.horizonSeconds.map((seconds) => seconds / 3600).join(", ");
  const rows: [string, string][] = [
    ["model", `${manifest.id}@${manifest.version}, ${manifest.task}, ${manifest.format}`],
    ["folder", folder],
    ["sha256", manifest.sha256],
    ["signed", signed],
    ["horizons", `${hours} h`],
    ["features", manifest.featureSchema.fields.join(", ")],
    ["answers", manifest.outputs.map(({ name, shape, unit }) => `${name} [${shape.join(", ")}], ${unit}`).join("; ")],
    ["trained on", trainedOn === null ? "nothing" : `${day(trainedOn.from)} to ${day(trainedOn.to)}`],
    ["sources", trainedOn?.sources.map(({ file }) => file).join(", ") ?? "-"],
    ["tested on", testedOn === null ? "-" : `${day(testedOn.from)} to ${day(testedOn.to)} (${testedOn.by})`],
    ["latency", `at most ${manifest.runtime.maxLatencyMs} ms`],
  ];
  // The table's head is empty.
  return columnsTable(["", ""], rows, [12, 67], []).replace(/^\s*\n/, "");
}
