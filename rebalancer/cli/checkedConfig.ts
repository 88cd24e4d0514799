import { type Command, CommanderError, Option } from "commander";
import { type CommonOptions, guarded, readConfig } from "./options.ts";

/**
 * Gives every verb that has no use for a configuration a --config all the same: one line of flags does for all verbs,
 * and a file that breaks a rule is refused by each of them.
 */
export function checkConfigEverywhere(program: Command): void {
  const added = new WeakSet<Command>();
  const add = (command: Command): void => {
    const acts = Reflect.get(command, "_actionHandler") !== null && command.parent !== null;
    if (acts && !command.options.some(({ long }) => long === "--config")) {
      command.addOption(new Option("--config <file>", "held to its rules; nothing of it is used here"));
      added.add(command);
    }
    command.commands.forEach(add);
  };
  add(program);
  program.hook("preAction", async (_program, action) => {
    const options = action.opts<CommonOptions>();
    if (!added.has(action) || options.config === undefined) return;
    let held = false;
    // `demo --json` names a file.
    await guarded({ json: options.json === true }, async () => {
      readConfig({ config: options.config as string });
      held = true;
    });
    if (!held) throw new CommanderError(2, "rangekeeper.config", "");
  });
}
