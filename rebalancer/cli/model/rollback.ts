import { type Command, Option } from "commander";
import { InvalidInputError } from "../../../ml/errors.ts";
import { commit, type HistoryEvent, readHistory, readRegistry } from "../../../ml/registry/files.ts";
import { ALIASES, type Alias, findEntry, pointAlias, type Registry } from "../../../ml/registry/registry.ts";
import { requireSigner } from "../../../ml/registry/signature.ts";
import type { ModelTask } from "../../../ml/types.ts";
import { RefusedError } from "../../errors.ts";
import { answer, examples, guarded } from "../options.ts";
import { type ModelOptions, modelsConfig, packageNamed, withModelOptions, writtenBy } from "./shared.ts";

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
      const { alias } = options;
      const { registry: folder, signers } = modelsConfig(options);
      const registry = readRegistry(folder);
      const history = readHistory(folder);
      const last = history.findLast(
        ({ alias: of, task }) => of === alias && (options.task === undefined || task === options.task),
      );
      if (last === undefined)
        throw new InvalidInputError(`alias ${alias} was never moved: there is nothing to go back to`);
      const { task } = last;
      const from = registry.aliases[alias][task] ?? null;
      const { to, passedOver } = before(registry, history, alias, task);
      if (to !== null) requireSigner(packageNamed(to, folder), signers);
      const entry = findEntry(registry, to ?? from ?? last.model);
      if (entry === null) throw new InvalidInputError(`${to ?? last.model} is not registered any more`);
      commit(folder, pointAlias(registry, alias, task, to), {
        ...writtenBy(entry),
        action: "rollback",
        alias,
        from,
        to,
        evidence: null,
        forced: false,
        refusals: passedOver,
      });
      answer(options, { alias, task, from, to, passedOver }, () =>
        [
          ...passedOver.map((why) => `passed over: ${why}`),
          `${alias} of ${task}: ${from ?? "none"} -> ${to ?? "none"}`,
        ].join("\n"),
      );
    }),
  );
  examples(verb, "rangekeeper model rollback", "rangekeeper model rollback --alias shadow --task yield");
}

/**
 * What the alias meant before its last promotion that was not rolled back itself: rolling back twice goes back twice. A
 * version that is retired since is passed over, and why is said.
 */
function before(registry: Registry, history: readonly HistoryEvent[], alias: Alias, task: ModelTask) {
  const meant: (string | null)[] = [];
  for (const event of history) {
    if (event.alias !== alias || event.task !== task) continue;
    if (event.action === "promote") meant.push(event.from);
    // What was passed over then is behind it, too.
    else if (event.action === "rollback") while (meant.length > 0 && meant.pop() !== event.to);
  }
  if (meant.length === 0) {
    throw new InvalidInputError(`alias ${alias} of ${task} is where it began: there is nothing to go back to`);
  }
  const passedOver: string[] = [];
  for (const to of meant.reverse()) {
    const retiredAt = to === null ? null : (findEntry(registry, to)?.retiredAt ?? null);
    if (retiredAt === null) return { to, passedOver };
    passedOver.push(`${to} is retired since ${retiredAt}`);
  }
  throw new RefusedError(`nothing that ${alias} meant before can be gone back to: ${passedOver.join("; ")}`);
}
