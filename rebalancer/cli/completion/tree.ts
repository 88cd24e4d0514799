import type { Command, Option } from "commander";

/** What can follow one verb: its verbs, its flags, and what each flag that takes a value takes. */
export interface Node {
  /** Verbs on the way here, as in "queue ls"; "" at the top. */
  readonly path: string;
  readonly description: string;
  readonly verbs: readonly { readonly name: string; readonly description: string }[];
  readonly flags: readonly Flag[];
}

export interface Flag {
  /** Every spelling, as in "-f" and "--follow". */
  readonly names: readonly string[];
  readonly description: string;
  /** Null for a flag without a value; words to choose from, "file", or "any". */
  readonly value: readonly string[] | "file" | "any" | null;
}

const HELP: Flag = { names: ["-h", "--help"], description: "display help for command", value: null };

/** All verbs of a program, each with what can follow it. */
export function completionTree(command: Command, path = ""): readonly Node[] {
  const verbs = command.commands.map((verb) => ({ name: verb.name(), description: verb.description() }));
  const flags = [...command.options.filter(({ hidden }) => !hidden).map(flagOf), HELP];
  const below = command.commands.flatMap((verb) => completionTree(verb, `${path} ${verb.name()}`.trim()));
  return [{ path, description: command.description(), verbs, flags }, ...below];
}

function flagOf(option: Option): Flag {
  const names = [option.short, option.long].filter((name) => name !== undefined && name !== null);
  return { names: names as string[], description: option.description, value: valueKind(option) };
}

function valueKind({ flags, required, optional, argChoices }: Option): Flag["value"] {
  if (!required && !optional) return null;
  if (argChoices) return argChoices;
  return /<(file|dir|folder|path)/.test(flags) ? "file" : "any";
}
