import type { Command } from "commander";
import { z } from "zod";
import { configSchema, loadConfig } from "../config.ts";
import { answer, type CommonOptions, guarded, withCommonOptions } from "./options.ts";

/** `config check|show|schema`. Keys are never part of the configuration, so nothing here can show one. */
export function registerConfig(program: Command): void {
  const config = program.command("config").description("the TOML file: check it, show it, print its schema");
  const load = (options: CommonOptions) => loadConfig(options.config ? { path: options.config } : {});
  withCommonOptions(config.command("check").description("say whether the file holds to every rule")).action(
    (options: CommonOptions) =>
      guarded(options, async () => {
        const { chainId, vaults } = load(options);
        answer(
          options,
          { ok: true, chainId, vaults: vaults.length },
          () => `ok: chain ${chainId}, ${vaults.length} vault(s)`,
        );
      }),
  );
  withCommonOptions(config.command("show").description("defaults, file and environment, merged")).action(
    (options: CommonOptions) =>
      guarded(options, async () => {
        const found = load(options);
        answer(options, found, () => JSON.stringify(found, null, 2));
      }),
  );
  withCommonOptions(config.command("schema").description("the JSON schema of the file")).action(
    (options: CommonOptions) =>
      guarded(options, async () => {
        const schema = z.toJSONSchema(configSchema, { io: "input" });
        answer(options, schema, () => JSON.stringify(schema, null, 2));
      }),
  );
}
