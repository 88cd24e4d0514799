import type { Flag, Node } from "./tree.ts";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/** A completion script for a shell, made from the verbs as they are now. */
export function completionScript(shell: Shell, nodes: readonly Node[]): string {
  if (shell === "fish") return fishScript(nodes);
  return shell === "bash" ? bashScript(nodes) : zshScript(nodes);
}

function bashScript(nodes: readonly Node[]): string {
  const paths = nodes.filter(({ path }) => path !== "").map(({ path }) => `"${path}"`);
  const words = ({ verbs, flags }: Node) => [...verbs.map(({ name }) => name), ...flags.flatMap(({ names }) => names)];
  const cases = nodes.map((node) => `    "${node.path}") words="${words(node).join(" ")}" ;;`);
  const values = nodes.flatMap(({ path, flags }) =>
    flags.flatMap((flag) => {
      const action = bashValue(flag);
      return action === null ? [] : flag.names.map((name) => `    "${path} ${name}") ${action} ;;`);
    }),
  );
  return `# rangekeeper: completion for bash. Load it with:  source <(rangekeeper completion bash)
_rangekeeper() {
  local current="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" path="" word words=""
  local index
  for ((index = 1; index < COMP_CWORD; index++)); do
    word="\${COMP_WORDS[index]}"
    case " ${paths.join(" ").replaceAll('"', "|")} " in
      *"|\${path:+$path }$word|"*) path="\${path:+$path }$word" ;;
    esac
  done
  COMPREPLY=()
  case "$path $before" in
${values.join("\n")}
  esac
  case "$path" in
${cases.join("\n")}
  esac
  # Not by compgen, which in zsh leaves in what does not begin as the current word does.
  for word in $words; do
    [[ $word == "$current"* ]] && COMPREPLY+=("$word")
  done
  [[ -z $words || ( $current != -* && \${#COMPREPLY[@]} -eq 0 ) ]] && COMPREPLY=($(compgen -f -- "$current"))
}
complete -F _rangekeeper rangekeeper
`;
}

/** zsh runs the same words through its own bash emulation. */
function zshScript(nodes: readonly Node[]): string {
  return `#compdef rangekeeper
autoload -U +X bashcompinit && bashcompinit
${bashScript(nodes)}# From a folder of $fpath this file is read at the first Tab, which is to be answered as well.
[[ $funcstack[1] != _rangekeeper ]] || _bash_complete -F _rangekeeper
`;
}

function bashValue({ value }: Flag): string | null {
  if (value === null) return null;
  if (value === "file") return 'COMPREPLY=($(compgen -f -- "$current")); return';
  if (value === "any") return "return";
  return `COMPREPLY=($(compgen -W "${value.join(" ")}" -- "$current")); return`;
}

function fishScript(nodes: readonly Node[]): string {
  const quoted = (text: string) => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  const lines = nodes.flatMap(({ path, verbs, flags }) => {
    const here = `-n ${quoted(`__rangekeeper_at ${path}`.trim())}`;
    return [
      ...verbs.map(
        ({ name, description }) => `complete -c rangekeeper ${here} -f -a ${name} -d ${quoted(description)}`,
      ),
      ...flags.map(({ names, description, value }) => {
        const spelt = names.map((name) => (name.startsWith("--") ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
        const takes =
          value === null
            ? ""
            : value === "file"
              ? " -r -F"
              : value === "any"
                ? " -x"
                : ` -x -a ${quoted(value.join(" "))}`;
        return `complete -c rangekeeper ${here} ${spelt.join(" ")}${takes} -d ${quoted(description)}`;
      }),
    ];
  });
  const verbs = nodes.filter(({ path }) => path !== "").map(({ path }) => quoted(path));
  return `# rangekeeper: completion for fish. Load it with:  rangekeeper completion fish | source
set -g __rangekeeper_verbs ${verbs.join(" ")}
function __rangekeeper_at
    set -l path
    for word in (commandline -opc)[2..]
        set -l next $path $word
        contains -- "$next" $__rangekeeper_verbs; and set path $next
    end
    test "$path" = "$argv"
end
${lines.join("\n")}
`;
}
