import { type Command, Option } from "commander";
import { FLAGS } from "../config/layers.ts";
import { type Config, loadConfig } from "../config.ts";
import { exitCodeOf, explain } from "../errors.ts";
import { encodeJson } from "../json.ts";
import { secretsFrom } from "../log/secrets.ts";

/** What every verb takes. */
export interface CommonOptions {
  readonly config?: string;
  readonly json?: boolean;
}

/** What the flags that win over file and environment are called, and how each is told. */
const OVERRIDES: readonly (readonly [flag: string, description: string])[] = [
  ["--chain-id <n>", "in place of chainId"],
  ["--rpc-url <url>", "in place of rpcUrl"],
  ["--addresses <file>", "in place of addresses"],
  ["--redis-url <url>", "in place of redis.url"],
  ["--journal <file>", "in place of journal.path"],
  ["--log-level <level>", "in place of log.level"],
  ["--mode <mode>", "in place of worker.mode: shadow, dry-run or live"],
  ["--models <set>", "in place of models.set"],
  ["--registry <dir>", "in place of models.registry"],
];
const OVERRIDES_HEADING = "Over file and environment:";

/** Adds --config, --json and the flags that win over the file and the environment to a verb. */
export function withCommonOptions(command: Command): Command {
  command.option("--config <file>", "the TOML file (default: RANGEKEEPER_CONFIG)").option("--json", "answer in JSON");
  for (const [flag, description] of OVERRIDES) {
    command.addOption(new Option(flag, description).helpGroup(OVERRIDES_HEADING));
  }
  return command;
}

/** The configuration that a verb's options name: defaults < file < environment < flags. Throws ConfigError. */
export const readConfig = (options: CommonOptions): Config => loadConfig(layersOf(options));

/** Where a verb's configuration comes from, for `loadConfig`. */
export function layersOf(options: CommonOptions) {
  const values = options as Readonly<Record<string, string | undefined>>;
  const overrides = Object.fromEntries(Object.entries(FLAGS).map(([flag, path]) => [path, values[camelCase(flag)]]));
  return { ...(options.config ? { path: options.config } : {}), overrides };
}

const camelCase = (flag: string) => flag.slice(2).replace(/-(\w)/g, (_dash, letter: string) => letter.toUpperCase());

/** Adds examples to a verb's help: lines to type, each of which may end in two spaces and what it does. */
export function examples(command: Command, ...lines: readonly string[]): Command {
  return command.addHelpText("after", `\nExamples:\n${lines.map((line) => `  ${line}`).join("\n")}\n`);
}

/** Runs a verb; an error becomes one message on standard error (JSON with --json) and the exit status. */
export async function guarded(options: CommonOptions, verb: () => Promise<void>): Promise<void> {
  try {
    await verb();
  } catch (error) {
    // An error may quote what a node or a Redis was called with.
    const message = secretsFrom(process.env).redact(explain(error));
    const name = error instanceof Error ? error.name : "Error";
    process.stderr.write(options.json ? `${JSON.stringify({ error: name, message })}\n` : `rangekeeper: ${message}\n`);
    process.exitCode = exitCodeOf(error);
  }
}

/** Prints a verb's answer: JSON (bigints as digits with a trailing n) or the text for a person. */
export function answer(options: CommonOptions, value: unknown, text: () => string): void {
  process.stdout.write(options.json ? `${encodeJson(value)}\n` : `${text()}\n`);
}
