import type { Command } from "commander";
import { exitCodeOf, explain } from "../errors.ts";
import { encodeJson } from "../json.ts";

/** What every verb takes. */
export interface CommonOptions {
  readonly config?: string;
  readonly json?: boolean;
}

/** Adds --config and --json to a verb. */
export function withCommonOptions(command: Command): Command {
  return command
    .option("--config <file>", "the TOML file (default: RANGEKEEPER_CONFIG)")
    .option("--json", "answer in JSON");
}

/** Runs a verb; an error becomes one message on standard error (JSON with --json) and the exit status. */
export async function guarded(options: CommonOptions, verb: () => Promise<void>): Promise<void> {
  try {
    await verb();
  } catch (error) {
    const message = explain(error);
    const name = error instanceof Error ? error.name : "Error";
    process.stderr.write(options.json ? `${JSON.stringify({ error: name, message })}\n` : `rangekeeper: ${message}\n`);
    process.exitCode = exitCodeOf(error);
  }
}

/** Prints a verb's answer: JSON (bigints as digits with a trailing n) or the text for a person. */
export function answer(options: CommonOptions, value: unknown, text: () => string): void {
  process.stdout.write(options.json ? `${encodeJson(value)}\n` : `${text()}\n`);
}
