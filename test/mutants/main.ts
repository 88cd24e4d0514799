/**
 * `npm run test:mutants [-- --only TEXT --lanes 1 --fresh --json FILE]`: takes each guard of list.ts out of a copy of the
 * contracts and runs the tests that must then fail. A mutant that passes its tests has survived: exit 1.
 *
 * Only what the tests import is compiled, without the optimizer, and tests are linked to the contracts when they run, so
 * that one changed library does not compile the tests again. The tests must pass on the contracts as they are first.
 * Verdicts are kept in .rangekeeper/ until contracts or tests change: a run that was cut off goes on where it was.
 */
import { execFile, execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { MUTANTS, type Mutant } from "./list.ts";

const ROOT = join(import.meta.dirname, "../..");
const MEMORY = join(ROOT, ".rangekeeper/mutants.json");

type Verdict = "killed" | "SURVIVED" | "DOES NOT COMPILE" | "IS NOT THERE" | "TESTS ARE RED WITHOUT IT";

interface Judged {
  readonly verdict: Verdict;
  /** The killing test, or what there is to say. */
  readonly by: string;
  readonly seconds: number;
  /** What was judged: the mutant, and all contracts and tests as they were. */
  readonly of: string;
}

const sources = execFileSync("git", ["ls-files", "-co", "--exclude-standard", "*.sol"], { cwd: ROOT, encoding: "utf8" })
  .split("\n")
  .filter(Boolean);

/** A copy of what is tracked or new, with the packages linked; the pool's artefacts lie inside, where forge may read. */
function copyTree(target: string): void {
  const others = execFileSync("git", ["ls-files", "-co", "--exclude-standard", "scripts", "test/golden"], {
    cwd: ROOT,
    encoding: "utf8",
  });
  for (const file of new Set([...sources, ...others.split("\n").filter(Boolean), "foundry.toml", "package.json"])) {
    mkdirSync(dirname(join(target, file)), { recursive: true });
    cpSync(join(ROOT, file), join(target, file));
  }
  const packages = join(target, "node_modules");
  mkdirSync(join(packages, "@uniswap"), { recursive: true });
  const link = (name: string) => symlinkSync(join(ROOT, "node_modules", name), join(packages, name));
  for (const name of readdirSync(join(ROOT, "node_modules"))) if (name !== "@uniswap") link(name);
  for (const name of readdirSync(join(ROOT, "node_modules/@uniswap"))) {
    if (name !== "v3-core" && name !== "v3-periphery") link(`@uniswap/${name}`);
    else cpSync(join(ROOT, "node_modules/@uniswap", name), join(packages, "@uniswap", name), { recursive: true });
  }
}

/** Runs tests in `tree`; resolves with what forge printed and its exit status. */
function runTests(tree: string, tests: string, match: string | undefined): Promise<{ ok: boolean; output: string }> {
  const only = match === undefined ? [] : ["--match-test", `^${match}\\(`];
  const env = {
    FOUNDRY_FUZZ_RUNS: "64",
    FOUNDRY_INVARIANT_RUNS: "24",
    ...process.env,
    // Warnings of unused names are no reason to refuse a mutant.
    FOUNDRY_DENY: "never",
    FOUNDRY_SPARSE_MODE: "true",
    FOUNDRY_DYNAMIC_TEST_LINKING: "true",
    FOUNDRY_AST: "false",
    FOUNDRY_BUILD_INFO: "false",
    FOUNDRY_OPTIMIZER: "false",
    FOUNDRY_CODE_SIZE_LIMIT: "1000000",
  };
  const command = ["scripts/forge.mjs", "test", "--match-path", tests, ...only, "--fail-fast", "--color", "never"];
  return new Promise((resolve) => {
    execFile(process.execPath, command, { cwd: tree, maxBuffer: 256 << 20, env }, (error, stdout, stderr) =>
      resolve({ ok: error === null, output: `${stdout}\n${stderr}` }),
    );
  });
}

const hasRun = (output: string) => /^Ran [1-9]\d* test/m.test(output);
const hasPassed = (output: string) => /^\[PASS/m.test(output);

/** Name of the first test that failed. */
function failedTest(output: string): string | undefined {
  const from = output.search(/^\[FAIL/m);
  return from < 0 ? undefined : output.slice(from).match(/(\w+)\([^()]*\) \((?:gas|runs)/)?.[1];
}

/** Runs the mutant's tests on the copy in `tree`, the test that killed it last time first; the file is put back. */
async function judge(tree: string, mutant: Mutant, last: string | undefined): Promise<Omit<Judged, "seconds" | "of">> {
  const path = join(tree, mutant.file);
  const original = readFileSync(path, "utf8");
  if (original.split(mutant.find).length !== 2) return { verdict: "IS NOT THERE", by: mutant.file };
  writeFileSync(
    path,
    original.replace(mutant.find, () => mutant.replace),
  );
  try {
    if (last !== undefined) {
      const failed = failedTest((await runTests(tree, mutant.tests, last)).output);
      if (failed !== undefined) return { verdict: "killed", by: failed };
    }
    const { ok, output } = await runTests(tree, mutant.tests, undefined);
    const failed = failedTest(output);
    if (!hasRun(output)) return { verdict: "DOES NOT COMPILE", by: output.slice(-2_000) };
    return ok || failed === undefined ? { verdict: "SURVIVED", by: mutant.tests } : { verdict: "killed", by: failed };
  } finally {
    writeFileSync(path, original);
  }
}

function readMemory(): Record<string, Judged> {
  try {
    return JSON.parse(readFileSync(MEMORY, "utf8"));
  } catch {
    return {};
  }
}

function digest(...texts: readonly string[]): string {
  const hash = createHash("sha256");
  for (const text of texts) hash.update(`${text.length} ${text}`);
  return hash.digest("hex").slice(0, 16);
}

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    lanes: { type: "string", default: "1" },
    fresh: { type: "boolean", default: false },
    json: { type: "string" },
  },
});
const chosen = MUTANTS.filter(({ name, keeps, file }) => `${name} ${keeps} ${file}`.includes(values.only ?? ""));
const lanes = Number(values.lanes);
if (chosen.length === 0 || !(lanes >= 1)) {
  console.error(`--only: ${values.only}; rule: must be part of a mutant's name, property or file. --lanes: 1 or more`);
  process.exit(2);
}
const names = new Set(MUTANTS.map(({ name }) => name));
if (names.size !== MUTANTS.length) throw new Error("two mutants have the same name");

const memory = readMemory();
const state = digest(...sources.map((file) => `${file}\n${readFileSync(join(ROOT, file), "utf8")}`));
const subject = (mutant: Mutant) => digest(JSON.stringify(mutant), state);
const remember = (name: string, judged: Judged) => {
  memory[name] = judged;
  mkdirSync(dirname(MEMORY), { recursive: true });
  writeFileSync(MEMORY, JSON.stringify(memory, null, 1));
};

let done = 0;
function tell(mutant: Mutant, { verdict, by, seconds }: Judged): void {
  done += 1;
  const count = `${String(done).padStart(3)}/${chosen.length}`;
  console.log(`${count}  ${mutant.keeps.padEnd(8)} ${mutant.name.padEnd(56)} ${verdict} ${seconds.toFixed(0)} s`);
  console.log(`         ${by.split("\n").slice(-12).join("\n         ")}`);
}

/** The tests of a mutant, on the contracts as they are: asked once per set of tests and lane-independent. */
const green = new Map<string, Promise<string>>();
function whatIsRed(tree: string, tests: string): Promise<string> {
  const key = `green ${tests}`;
  const known = memory[key];
  if (!values.fresh && known?.of === state) return Promise.resolve("");
  let answer = green.get(tests);
  if (answer === undefined) {
    answer = runTests(tree, tests, undefined).then(({ ok, output }) => {
      if (!ok || !hasPassed(output)) return failedTest(output) ?? output.slice(-1_000);
      remember(key, { verdict: "killed", by: "", seconds: 0, of: state });
      return "";
    });
    green.set(tests, answer);
  }
  return answer;
}

// Mutants of one file one after the other: what the last one changed is compiled again anyway.
const queue = [...chosen].sort((a, b) => a.file.localeCompare(b.file));
const verdicts = new Map<string, Judged>();
const trees: string[] = [];

async function lane(): Promise<void> {
  let tree: string | undefined;
  for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
    const known = memory[mutant.name];
    let judged: Judged;
    if (!values.fresh && known?.of === subject(mutant) && known.verdict === "killed") {
      judged = known;
    } else {
      if (tree === undefined) {
        tree = mkdtempSync(join(tmpdir(), "rangekeeper-mutants-"));
        trees.push(tree);
        copyTree(tree);
      }
      const started = Date.now();
      const red = await whatIsRed(tree, mutant.tests);
      const found =
        red !== ""
          ? { verdict: "TESTS ARE RED WITHOUT IT" as const, by: red }
          : await judge(tree, mutant, known?.verdict === "killed" ? known.by : undefined);
      judged = { ...found, seconds: (Date.now() - started) / 1000, of: subject(mutant) };
      remember(mutant.name, judged);
    }
    verdicts.set(mutant.name, judged);
    tell(mutant, judged);
  }
}

try {
  await Promise.all(Array.from({ length: lanes }, lane));
} finally {
  for (const tree of trees) rmSync(tree, { recursive: true, force: true });
}
const killed = [...verdicts.values()].filter(({ verdict }) => verdict === "killed").length;
console.log(`\n${killed} of ${chosen.length} mutants killed`);
if (values.json !== undefined) {
  const rows = chosen.map(({ name, keeps, file }) => {
    const { verdict, by, seconds } = verdicts.get(name) as Judged;
    return { name, keeps, file, verdict, by, seconds };
  });
  writeFileSync(values.json, `${JSON.stringify({ killed, of: chosen.length, mutants: rows }, null, 2)}\n`);
}
process.exitCode = killed === chosen.length ? 0 : 1;
