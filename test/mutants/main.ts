/**
 * `npm run test:mutants [-- --only TEXT|TEXT --fresh --json FILE]`: takes each guard of list.ts out of a copy of the contracts
 * and runs the tests that must then fail. A mutant that passes its tests has survived: exit 1.
 *
 * Compiling is what takes long, so the mutants are compiled together, each asleep until its number is the block's
 * coinbase (embed.ts); the few that cannot be are compiled one by one. Only what the tests import is compiled, without
 * the optimizer, and tests are linked to the contracts when they run. A test that is red without the mutant too proves
 * nothing: it is named and left out. Verdicts are kept in .rangekeeper/ until the mutant, its tests or what they
 * import change, so a run that was cut off goes on where it was; the test that killed a mutant last time is tried first.
 */
import { execFile, execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { blamed, embed, locate, mutate, SWITCH_FILE } from "./embed.ts";
import { MUTANTS, type Mutant } from "./list.ts";
import { reach } from "./reach.ts";

const ROOT = join(import.meta.dirname, "../..");
const MEMORY = join(ROOT, ".rangekeeper/mutants.json");

type Verdict = "killed" | "SURVIVED" | "DOES NOT COMPILE" | "IS NOT THERE";

interface Judged {
  readonly verdict: Verdict;
  /** The killing test, or what there is to say. */
  readonly by: string;
  readonly seconds: number;
  /** What was judged: the mutant, and all that its tests import as it was. */
  readonly of: string;
}

function digest(...texts: readonly string[]): string {
  const hash = createHash("sha256");
  for (const text of texts) hash.update(`${text.length} ${text}`);
  return hash.digest("hex").slice(0, 16);
}

const TREE = join(tmpdir(), `rangekeeper-mutants-${digest(ROOT)}`);

const listed = (...patterns: string[]): string[] => {
  const output = execFileSync("git", ["ls-files", "-co", "--exclude-standard", ...patterns], { cwd: ROOT });
  return output.toString().split("\n").filter(Boolean);
};
const solidity = new Map(listed("*.sol").map((file) => [file, readFileSync(join(ROOT, file), "utf8")]));
const contracts = new Map([...solidity].filter(([file]) => /^(vaults|strategies)\//.test(file)));

function write(file: string, text: string): void {
  const path = join(TREE, file);
  if (existsSync(path) && readFileSync(path, "utf8") === text) return;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** A copy of what is tracked or new, with the packages linked; the pool's artefacts lie inside, where forge may read. */
function copyTree(): void {
  for (const folder of ["vaults", "strategies", "test", "deploy"]) {
    rmSync(join(TREE, folder), { recursive: true, force: true });
  }
  for (const [file, text] of solidity) write(file, text);
  for (const file of [...listed("scripts", "test/golden", "deploy/config"), "foundry.toml", "package.json"]) {
    mkdirSync(dirname(join(TREE, file)), { recursive: true });
    cpSync(join(ROOT, file), join(TREE, file));
  }
  const packages = join(TREE, "node_modules");
  if (existsSync(packages)) return;
  mkdirSync(join(packages, "@uniswap"), { recursive: true });
  const link = (name: string) => symlinkSync(join(ROOT, "node_modules", name), join(packages, name));
  const copy = (name: string) => cpSync(join(ROOT, "node_modules", name), join(packages, name), { recursive: true });
  const names = readdirSync(join(ROOT, "node_modules")).filter((name) => name !== "@uniswap");
  for (const name of readdirSync(join(ROOT, "node_modules/@uniswap"))) names.push(`@uniswap/${name}`);
  // Tests read the artefacts of these, and forge lets them read nothing that a link leads to.
  const read = ["@uniswap/v3-core", "@uniswap/v3-periphery", "canonical-weth"];
  for (const name of names) read.includes(name) ? copy(name) : link(name);
}

/**
 * Before each run forge asks the compiler for the ABI of everything, only to learn which tests there are. The answer to
 * the same question is the same, so it is asked once.
 */
const ASK_ONCE = `#!/bin/sh
case "$*" in
  *--standard-json*) ;;
  *) exec "$RANGEKEEPER_SOLC" "$@" ;;
esac
question=$(mktemp)
cat >"$question"
answer="$(dirname "$0")/../answers/$(git hash-object "$question").json"
[ -s "$answer" ] || { "$RANGEKEEPER_SOLC" "$@" <"$question" >"$answer.part" && mv "$answer.part" "$answer"; }
rm "$question"
cat "$answer"
`;

function writeCompiler(): void {
  rmSync(join(TREE, "answers"), { recursive: true, force: true });
  mkdirSync(join(TREE, "answers"));
  writeFileSync(join(TREE, "scripts/askOnce.sh"), ASK_ONCE, { mode: 0o755 });
}

/** Runs forge in the copy; resolves with what it printed. */
function forge(awake: number, ...args: string[]): Promise<string> {
  const env = {
    FOUNDRY_FUZZ_RUNS: "64",
    FOUNDRY_INVARIANT_RUNS: "24",
    ...process.env,
    FOUNDRY_BLOCK_COINBASE: `0x${awake.toString(16).padStart(40, "0")}`,
    // Warnings of unused names are no reason to refuse a mutant.
    FOUNDRY_DENY: "never",
    FOUNDRY_SPARSE_MODE: "true",
    FOUNDRY_DYNAMIC_TEST_LINKING: "true",
    FOUNDRY_AST: "false",
    FOUNDRY_BUILD_INFO: "false",
    FOUNDRY_OPTIMIZER: "false",
    FOUNDRY_CODE_SIZE_LIMIT: "1000000",
    FOUNDRY_SOLC: "./scripts/askOnce.sh",
    RANGEKEEPER_SOLC: process.env.FOUNDRY_SOLC ?? join(TREE, "scripts/solc.sh"),
  };
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ["scripts/forge.mjs", "test", ...args, "--color", "never"],
      { cwd: TREE, maxBuffer: 256 << 20, env },
      (_, stdout, stderr) => resolve(`${stdout}\n${stderr}`),
    );
  });
}

const hasRun = (output: string) => /^Ran [1-9]\d* test/m.test(output);

/** Names of the tests that failed. */
function failedTests(output: string): string[] {
  return output
    .split(/^(?=\[FAIL)/m)
    .slice(1)
    .flatMap((text) => text.match(/(\w+)\([^()]*\) \((?:gas|runs)/)?.[1] ?? []);
}

/** Tests that are red without a mutant. */
const red = new Set<string>();

/**
 * Runs the tests of a mutant that is in the copy, the test that killed it last time first. `isGreen` tells whether a
 * test passes without the mutant.
 */
async function judge(
  mutant: Mutant,
  awake: number,
  last: string | undefined,
  isGreen: (test: string) => Promise<boolean>,
): Promise<Omit<Judged, "seconds" | "of">> {
  // What was enough last time, then the tests with fixed numbers, which are fast, then all.
  const matches = [...(last === undefined ? [] : [`^${last}\\(`]), "^test_", "."];
  for (const match of matches) {
    for (;;) {
      const skipped = red.size > 0 ? ["--no-match-test", `^(${[...red].join("|")})\\(`] : [];
      const output = await forge(
        awake,
        ...["--match-path", mutant.tests, "--fail-fast", "--match-test", match, ...skipped],
      );
      const [failed] = failedTests(output);
      if (failed === undefined) {
        if (match === "." && !hasRun(output)) return { verdict: "DOES NOT COMPILE", by: output.slice(-2_000) };
        break;
      }
      if (await isGreen(failed)) return { verdict: "killed", by: failed };
      red.add(failed);
      console.log(`red without a mutant, left out: ${failed}`);
    }
  }
  return { verdict: "SURVIVED", by: mutant.tests };
}

function readMemory(): Record<string, Judged> {
  try {
    return JSON.parse(readFileSync(MEMORY, "utf8"));
  } catch {
    return {};
  }
}

const { values } = parseArgs({
  options: { only: { type: "string" }, fresh: { type: "boolean", default: false }, json: { type: "string" } },
});
const numbered = MUTANTS.map((mutant, index) => ({ number: index + 1, mutant }));
const wanted = (values.only ?? "").split("|");
const chosen = numbered.filter(({ mutant }) => wanted.some((text) => `${mutant.name} ${mutant.keeps}`.includes(text)));
if (chosen.length === 0) {
  console.error(`--only: ${values.only}; rule: must be part of a mutant's name or of what it keeps`);
  process.exit(2);
}
if (new Set(MUTANTS.map(({ name }) => name)).size !== MUTANTS.length) throw new Error("two mutants have the same name");

const memory = readMemory();
const settings = readFileSync(join(ROOT, "foundry.toml"), "utf8");
const states = new Map<string, string>();

/** All on which the tests of a pattern depend, in short. */
function state(tests: string): string {
  const known = states.get(tests);
  if (known !== undefined) return known;
  const files = reach(solidity, tests);
  const found = digest(settings, ...files.flatMap((file) => [file, solidity.get(file) as string]));
  states.set(tests, found);
  return found;
}

const subject = (mutant: Mutant) => digest(JSON.stringify(mutant), state(mutant.tests));
const verdicts = new Map<number, Judged>();

function remember(name: string, judged: Judged): void {
  memory[name] = judged;
  mkdirSync(dirname(MEMORY), { recursive: true });
  writeFileSync(MEMORY, JSON.stringify(memory, null, 1));
}

function settle(number: number, mutant: Mutant, judged: Judged): void {
  remember(mutant.name, judged);
  verdicts.set(number, judged);
  const { verdict, by, seconds } = judged;
  const count = `${String(verdicts.size).padStart(3)}/${chosen.length}`;
  console.log(
    `${count}  ${mutant.keeps.padEnd(8)} ${mutant.name.padEnd(52)} ${verdict} ${seconds.toFixed(0).padStart(4)} s`,
  );
  console.log(`         ${by.split("\n").slice(-12).join("\n         ")}`);
}

/** Whether a test passes in the copy as it is, with all mutants asleep. */
async function passes(tests: string, test: string): Promise<boolean> {
  const name = `(asleep) ${test} of ${tests}`;
  const of = digest(state(tests));
  if (memory[name]?.of === of) return true;
  const started = Date.now();
  const output = await forge(0, "--match-path", tests, "--match-test", `^${test}\\(`);
  if (!hasRun(output) || failedTests(output).length > 0) return false;
  remember(name, { verdict: "killed", by: "", seconds: (Date.now() - started) / 1000, of });
  return true;
}

async function measure(
  number: number,
  mutant: Mutant,
  awake: number,
  isGreen: (test: string) => Promise<boolean>,
): Promise<void> {
  const started = Date.now();
  const known = memory[mutant.name];
  const found = await judge(mutant, awake, known?.verdict === "killed" ? known.by : undefined, isGreen);
  settle(number, mutant, { ...found, seconds: (Date.now() - started) / 1000, of: subject(mutant) });
}

/** Writes contracts into the copy, and the others as they are. */
function place(changed: ReadonlyMap<string, string>): void {
  for (const [file, text] of new Map([...contracts, ...changed])) write(file, text);
}

const open = chosen.filter(({ number, mutant }) => {
  const known = memory[mutant.name];
  const place = locate(contracts, mutant);
  if (typeof place === "string") {
    settle(number, mutant, { verdict: "IS NOT THERE", by: place, seconds: 0, of: subject(mutant) });
    return false;
  }
  if (values.fresh || known?.of !== subject(mutant) || known.verdict !== "killed") return true;
  settle(number, mutant, known);
  return false;
});

if (open.length > 0) {
  if (values.fresh) rmSync(TREE, { recursive: true, force: true });
  copyTree();
  writeCompiler();
  const tests = `{${[...new Set(chosen.flatMap(({ mutant }) => mutant.tests.replace(/[{}]/g, "").split(",")))].join(",")}}`;
  // Those that nobody killed yet come first: they are the news.
  open.sort(
    (a, b) => Number(memory[a.mutant.name]?.verdict === "killed") - Number(memory[b.mutant.name]?.verdict === "killed"),
  );
  // A brace with one alternative is not a pattern to forge.
  const everyTest = ["--match-path", tests.includes(",") ? tests : tests.slice(1, -1)];
  const alone = new Set<number>();
  for (;;) {
    // All of them, whatever was chosen or is judged already: the same text again is not compiled again.
    const together = numbered.filter(({ number }) => !alone.has(number));
    const { changed, left } = embed(contracts, together);
    for (const number of left) alone.add(number);
    place(changed);
    const output = await forge(0, ...everyTest, "--list");
    if (/^ +(test|invariant)/m.test(output)) break;
    const guilty = [...blamed(changed, output)].filter((number) => !alone.has(number));
    if (guilty.length === 0) {
      console.error(output.slice(-4_000));
      throw new Error("the contracts with their mutants asleep do not compile");
    }
    for (const number of guilty) alone.add(number);
    console.log(`compiled by themselves: ${guilty.map((number) => MUTANTS[number - 1]?.name).join("; ")}`);
  }
  for (const { number, mutant } of open) {
    if (!alone.has(number)) await measure(number, mutant, number, (test) => passes(mutant.tests, test));
  }
  rmSync(join(TREE, SWITCH_FILE));
  for (const { number, mutant } of open) {
    if (!alone.has(number)) continue;
    place(mutate(contracts, mutant));
    await measure(number, mutant, 0, async (test) => {
      place(new Map());
      const green = await passes(mutant.tests, test);
      place(mutate(contracts, mutant));
      return green;
    });
  }
}

const killed = [...verdicts.values()].filter(({ verdict }) => verdict === "killed").length;
console.log(`\n${killed} of ${chosen.length} mutants killed`);
if (values.json !== undefined) {
  const rows = chosen.map(({ number, mutant: { name, keeps } }) => {
    const { verdict, by, seconds } = verdicts.get(number) as Judged;
    return { name, keeps, verdict, by, seconds };
  });
  writeFileSync(values.json, `${JSON.stringify({ killed, of: chosen.length, mutants: rows }, null, 2)}\n`);
}
process.exitCode = killed === chosen.length ? 0 : 1;
