import { Argument, type Command } from "commander";
import { completionScript, SHELLS, type Shell } from "./completion/scripts.ts";
import { completionTree } from "./completion/tree.ts";
import { answer, type CommonOptions, examples, guarded } from "./options.ts";

/** `completion bash|zsh|fish`: a script for the shell, made from the verbs as they are now. */
export function registerCompletion(program: Command): void {
  const completion = program
    .command("completion")
    .addArgument(new Argument("<shell>", "which shell").choices(SHELLS))
    .description("print a script that completes verbs and flags")
    .option("--json", "answer in JSON: the tree of verbs")
    .action((shell: Shell, options: CommonOptions) =>
      guarded(options, async () => {
        const nodes = completionTree(program);
        answer(options, nodes, () => completionScript(shell, nodes).trimEnd());
      }),
    );
  examples(
    completion,
    "source <(rangekeeper completion bash)",
    "rangekeeper completion zsh > ~/.zsh/_rangekeeper",
    "rangekeeper completion fish > ~/.config/fish/completions/rangekeeper.fish",
  );
}
