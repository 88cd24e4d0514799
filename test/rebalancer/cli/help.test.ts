import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { describe, expect, it } from "vitest";
import { completionScript, type Shell } from "../../../rebalancer/cli/completion/scripts.ts";
import { completionTree } from "../../../rebalancer/cli/completion/tree.ts";
import { createProgram } from "../../../rebalancer/cli/program.ts";

const program = createProgram();

/** Every verb that does something, by its path. */
function leaves(command: Command, path: readonly string[] = []): { path: string; command: Command }[] {
  const below = command.commands.flatMap((verb) => leaves(verb, [...path, verb.name()]));
  const acts = Reflect.get(command, "_actionHandler") !== null && path.length > 0;
  return acts ? [{ path: path.join(" "), command }, ...below] : below;
}

/** The help as a person sees it, texts added after it included. */
function helpOf(command: Command): string {
  let text = "";
  command.configureOutput({ writeOut: (part) => (text += part), getOutHelpWidth: () => 80 });
  command.outputHelp();
  return text;
}

const verbs = leaves(program);

describe("the help", () => {
  it("knows all the verbs that operators are promised", () => {
    const promised =
      "demo,doctor,config check,config show,config schema,worker start,score,shadow start,rebalance,queue ls," +
      "queue show,queue retry,queue drain,status,logs,pause,resume,kill,report,parity,api start,journal ls,completion";
    const known = verbs.map(({ path }) => path);
    for (const path of promised.split(",")) expect(known.filter((one) => one.startsWith(path))).not.toEqual([]);
  });

  for (const { path, command } of verbs)
    it(`of ${path} has examples, describes every option and argument, and fits 80 columns`, () => {
      const text = helpOf(command);
      expect(text).toMatch(/^Examples:\n {2}\S/m);
      expect(command.description()).not.toBe("");
      const bare = command.options.filter(({ description }) => !description).map(({ flags }) => flags);
      expect(bare).toEqual([]);
      const unsaid = command.registeredArguments.filter(({ description }) => !description).map((one) => one.name());
      expect(unsaid).toEqual([]);
      expect(text.split("\n").filter((line) => line.length > 80)).toEqual([]);
      // An example that names another verb is a mistake of copying.
      const examples = text.slice(text.indexOf("Examples:"));
      expect(examples).toContain(`rangekeeper ${path}`);
    });

  it("offers --json and --config on every verb", () => {
    for (const flag of ["--json", "--config"]) {
      const without = verbs.filter(({ command }) => !command.options.some(({ long }) => long === flag));
      expect(without.map(({ path }) => `${path} ${flag}`)).toEqual([]);
    }
  });
});

describe("completion", () => {
  const nodes = completionTree(program);
  const cwd = fileURLToPath(new URL("../../../", import.meta.url));
  const isInstalled = (shell: string) => spawnSync(shell, ["-c", "exit 0"]).error === undefined;

  /** A shell's script in a file of the name that the shell looks for. */
  const inFile = (shell: Shell): { readonly folder: string; readonly file: string } => {
    const folder = mkdtempSync(join(tmpdir(), "completion-"));
    const file = join(folder, { bash: "rangekeeper", zsh: "_rangekeeper", fish: "rangekeeper.fish" }[shell]);
    writeFileSync(file, completionScript(shell, nodes));
    return { folder, file };
  };

  /** What bash itself offers after these words. */
  const offered = (...words: string[]): string[] => {
    const script = `${completionScript("bash", nodes)}
COMP_WORDS=(rangekeeper ${words.map((word) => `'${word}'`).join(" ")})
COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
_rangekeeper
printf '%s\\n' "\${COMPREPLY[@]}"`;
    const answer = execFileSync("bash", ["--norc", "-c", script], { encoding: "utf8", cwd });
    return answer.split("\n").filter(Boolean);
  };

  it("offers verbs, verbs below verbs, flags and values in bash", () => {
    expect(offered("sta")).toEqual(["status"]);
    expect(offered("queue", "")).toEqual(expect.arrayContaining(["ls", "show", "retry", "drain"]));
    expect(offered("queue", "ls", "--js")).toEqual(["--json"]);
    expect(offered("queue", "drain", "--queue", "ev")).toEqual(["evaluate"]);
    expect(offered("logs", "--level", "")).toEqual(["debug", "info", "warn", "error"]);
  });

  it("offers files after a flag that takes one, and where an argument may be one", () => {
    expect(offered("config", "check", "--config", "deploy/config/lo")).toEqual(["deploy/config/local.toml"]);
    expect(offered("logs", "deploy/config/lo")).toEqual(["deploy/config/local.toml"]);
  });

  it("does not take a flag's value or an argument for a verb", () => {
    expect(offered("rebalance", "status", "--to")).toEqual(["--to-idle"]);
  });

  it.each(["bash", "zsh", "fish"] as const)(
    "is a script that %s reads without complaint, where it is installed",
    (shell) => {
      const script = completionScript(shell, nodes);
      const { file } = inFile(shell);
      // zsh runs bash's words: they are read by bash in any case.
      const readers = shell === "fish" ? [] : ["bash"];
      for (const reader of new Set([...readers, ...(isInstalled(shell) ? [shell] : [])])) {
        const { status, stderr } = spawnSync(reader, ["-n", file], { encoding: "utf8" });
        expect([reader, status, stderr]).toEqual([reader, 0, ""]);
        writeFileSync(`${file}.broken`, `${script}\nend; fi`);
        expect(spawnSync(reader, ["-n", `${file}.broken`]).status).not.toBe(0);
      }
      // Elsewhere as far as it can be told without the shell: what is opened is closed.
      expect(script.split("'").length % 2).toBe(1);
      if (shell === "fish") expect(script.match(/^function /gm)?.length).toBe(script.match(/^end$/gm)?.length);
    },
  );

  it.skipIf(!isInstalled("fish"))("offers the same in fish, and says nothing beside it", () => {
    const { file } = inFile("fish");
    const lines = ["sta", "queue ls --js", "queue drain --queue ev", "logs deploy/config/lo", "rebalance status --to"];
    const ask = lines.map((line) => `complete -C 'rangekeeper ${line}'`).join("\n");
    const { stdout, stderr } = spawnSync("fish", ["--no-config", "-c", `source ${file}\n${ask}`], {
      encoding: "utf8",
      cwd,
    });
    expect(stderr.slice(0, 300)).toBe("");
    const answers = stdout.split("\n").map((line) => line.replace(/\t.*/, ""));
    expect(answers).toEqual(["status", "--json", "evaluate", "deploy/config/local.toml", "--to-idle", ""]);
  });

  it.skipIf(!isInstalled("zsh"))("completes a line in zsh, from the first Tab on", () => {
    const { folder } = inFile("zsh");
    // A person's shell, whose Tab tells what has become of the line and clears it.
    writeFileSync(
      join(folder, ".zshrc"),
      `PROMPT='ready>'
fpath=(${folder} $fpath)
autoload -U compinit && compinit -D -u
tell() { zle expand-or-complete; zle -I; print -r -- "line=$BUFFER;"; BUFFER= }
zle -N tell
bindkey '^I' tell`,
    );
    const lines = ["sta", "queue ls --js", "queue drain --queue ev", "logs deploy/config/lo", "rebalance status --to"];
    const terminal = `zmodload zsh/zpty
zpty person "HOME=${folder} ZDOTDIR=${folder} TERM=dumb zsh -d -i"
zpty -r -m person out '*ready>*'
for line in "$@"; do
  zpty -w -n person "rangekeeper $line"$'\t'
  zpty -r -m person out '*line=*;*'
  out=\${out##*line=}
  print -r -- "\${out%%;*}"
done
zpty -d person`;
    const { stdout, stderr } = spawnSync("zsh", ["-f", "-c", terminal, "zsh", ...lines], {
      encoding: "utf8",
      cwd,
      timeout: 60_000,
    });
    expect(stderr).toBe("");
    expect(stdout.split("\n").map((line) => line.replace(/^rangekeeper (.*) $/, "$1"))).toEqual([
      "status",
      "queue ls --json",
      "queue drain --queue evaluate",
      "logs deploy/config/local.toml",
      "rebalance status --to-idle",
      "",
    ]);
  });

  it("names every verb and flag in each shell's script", () => {
    for (const shell of ["bash", "zsh", "fish"] as const) {
      const script = completionScript(shell, nodes);
      for (const { verbs: below, flags } of nodes) {
        for (const { name } of below) expect(script).toContain(name);
        for (const { names } of flags)
          expect(script).toContain(shell === "fish" ? names.at(-1)?.replace(/^-+/, "") : names.at(-1));
      }
    }
  });
});
