import { type Command, Option } from "commander";
import { InvalidInputError } from "../../../ml/errors.ts";
import { commit, type HistoryEvent, readHistory, readRegistry } from "../../../ml/registry/files.ts";
import { ALIASES, type Alias, findEntry, pointAlias } from "../../../ml/registry/registry.ts";
import type { ModelTask } from "../../../ml/types.ts";
import { answer, examples, guarded } from "../options.ts";
import { type ModelOptions, signed, withModelOptions } from "./shared.ts";

interface RollbackOptions extends ModelOptions {
  readonly alias: Alias;
  readonly task?: ModelTask;
}

/** `model rollback`: what the alias meant before. */
export function registerModelRollback(model: Command): void {
  const verb = withModelOptions(
    model
      .command("rollback")
      .description("let an alias mean what it meant before")
      .addOption(new Option("--alias <alias>", "which").choices(ALIASES).default("champion"))
      .addOption(
        new Option("--task <task>", "of which task (default: that of its last move)").choices([
          "volatility",
          "il",
          "yield",
        ]),
      ),
  ).action((options: RollbackOptions) =>
    guarded(options, async () => {
      const { alias, registry: folder } = options;
      const registry = readRegistry(folder);
      const last = readHistory(folder).findLast(
        ({ alias: of, task }) => of === alias && (options.task === undefined || task === options.task),
      );
      if (last === undefined)
        throw new InvalidInputError(`alias ${alias} was never moved: there is nothing to go back to`);
      const { task } = last;
      const from = registry.aliases[alias][task] ?? null;
      const to = before(readHistory(folder), alias, task);
      const entry = findEntry(registry, to ?? from ?? last.model);
      if (entry === null) throw new InvalidInputError(`${to ?? last.model} is not registered any more`);
      commit(folder, pointAlias(registry, alias, task, to), {
        ...signed(entry),
        action: "rollback",
        alias,
        from,
        to,
        evidence: null,
        forced: false,
        refusals: [],
      });
      answer(options, { alias, task, from, to }, () => `${alias} of ${task}: ${from ?? "none"} -> ${to ?? "none"}`);
    }),
  );
  examples(verb, "rangekeeper model rollback", "rangekeeper model rollback --alias shadow --task yield");
}

/** What the alias meant before its last promotion that was not rolled back itself: rolling back twice goes back twice. */
function before(history: readonly HistoryEvent[], alias: Alias, task: ModelTask): string | null {
  const moves: (string | null)[] = [];
  for (const event of history) {
    if (event.alias !== alias || event.task !== task) continue;
    if (event.action === "promote") moves.push(event.from);
    else if (event.action === "rollback") moves.pop();
  }
  if (moves.length === 0) {
    throw new InvalidInputError(`alias ${alias} of ${task} is where it began: there is nothing to go back to`);
  }
  return moves.at(-1) ?? null;
}
