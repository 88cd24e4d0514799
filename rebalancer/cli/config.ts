import type { Command } from "commander";
import { configJsonSchema, effectiveSettings } from "../config/inspect.ts";
import { readLayers } from "../config/layers.ts";
import { findingsOf } from "../config/meaning.ts";
import { parseConfig } from "../config.ts";
import { ConfigError } from "../errors.ts";
import { answer, type CommonOptions, examples, guarded, layersOf, readConfig, withCommonOptions } from "./options.ts";
import { formatTable } from "./table.ts";
import { TERMINAL_COLUMNS, wrap } from "./wrap.ts";

/** `config check|show|schema`. Keys are never part of the configuration, so nothing here can show one. */
export function registerConfig(program: Command): void {
  const config = program.command("config").description("the TOML file: check it, show it, print its schema");
  const check = withCommonOptions(
    config.command("check").description("say whether the file holds to every rule, and what it means"),
  ).action((options: CommonOptions) => guarded(options, async () => checkConfig(options)));
  examples(
    check,
    "rangekeeper config check --config deploy/config/local.toml",
    "rangekeeper config check --config vaults.toml --mode live --json",
  );
  const show = withCommonOptions(
    config.command("show").description("every value in force, and whether default, file, environment or flag set it"),
  ).action((options: CommonOptions) => guarded(options, async () => showConfig(options)));
  examples(
    show,
    "rangekeeper config show --config deploy/config/local.toml",
    "RANGEKEEPER_MODE=dry-run rangekeeper config show --config vaults.toml",
  );
  const schema = config
    .command("schema")
    .description("the JSON Schema of the file, for an editor or another program")
    .option("--json", "answer in JSON (it always does)")
    .action((options: CommonOptions) =>
      guarded(options, async () => {
        const found = configJsonSchema();
        answer(options, found, () => JSON.stringify(found, null, 2));
      }),
    );
  examples(schema, "rangekeeper config schema > rangekeeper.schema.json");
}

function checkConfig(options: CommonOptions): void {
  const config = readConfig(options);
  const findings = findingsOf(config);
  const errors = findings.filter(({ level }) => level === "error");
  if (errors.length > 0) {
    throw new ConfigError(errors.map(({ field, message }) => `config ${field}: ${message}`).join("\n"));
  }
  const { chainId, vaults } = config;
  answer(options, { ok: true, chainId, vaults: vaults.length, findings }, () =>
    [
      `ok: chain ${chainId}, ${vaults.length} vault(s), mode ${config.worker.mode}`,
      ...findings.map(({ level, field, message }) => wrap(`${level}: ${field} ${message}`, 2)),
    ].join("\n"),
  );
}

function showConfig(options: CommonOptions): void {
  const layers = readLayers(layersOf(options));
  const settings = effectiveSettings(parseConfig(layers.raw, layers.origins), layers);
  const origin = Math.max(...settings.map(({ from }) => from.length));
  answer(options, { file: layers.file, settings }, () =>
    formatTable(
      [{ title: "from" }, { title: "value in force", max: TERMINAL_COLUMNS - origin - 2 }],
      settings.map(({ path, value, from }) => [from, `${path} = ${JSON.stringify(value)}`]),
    ),
  );
}
