/**
 * `npm run test:mutants [-- --only TEXT]`: takes each guard of list.ts out of a copy of the contracts and runs the tests
 * that must then fail. A mutant that passes its tests has survived: exit 1.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { MUTANTS, type Mutant } from "./list.ts";

const ROOT = join(import.meta.dirname, "../..");

/** A copy of what is tracked or new, with the packages linked; the pool's artefacts lie inside, where forge may read. */
function copyTree(target: string): void {
  const files = execFileSync("git", ["ls-files", "-co", "--exclude-standard", "*.sol", "scripts", "foundry.toml"], {
    cwd: ROOT,
    encoding: "utf8",
  });
  for (const file of [...new Set(files.split("\n"))].filter(Boolean)) {
    mkdirSync(dirname(join(target, file)), { recursive: true });
    cpSync(join(ROOT, file), join(target, file));
  }
  cpSync(join(ROOT, "test/golden"), join(target, "test/golden"), { recursive: true });
  cpSync(join(ROOT, "package.json"), join(target, "package.json"));
  const packages = join(target, "node_modules");
  mkdirSync(join(packages, "@uniswap"), { recursive: true });
  const link = (name: string) => symlinkSync(join(ROOT, "node_modules", name), join(packages, name));
  for (const name of readdirSync(join(ROOT, "node_modules"))) if (name !== "@uniswap") link(name);
  for (const name of readdirSync(join(ROOT, "node_modules/@uniswap"))) {
    if (name !== "v3-core" && name !== "v3-periphery") link(`@uniswap/${name}`);
    else cpSync(join(ROOT, "node_modules/@uniswap", name), join(packages, "@uniswap", name), { recursive: true });
  }
}

type Verdict = "killed" | "SURVIVED" | "DOES NOT COMPILE" | "IS NOT THERE";

/** Runs the mutant's tests on the copy in `tree`; the file is put back afterwards. */
function judge(tree: string, { file, find, replace, tests }: Mutant): { verdict: Verdict; by: string } {
  const path = join(tree, file);
  const original = readFileSync(path, "utf8");
  if (original.split(find).length !== 2) return { verdict: "IS NOT THERE", by: file };
  writeFileSync(
    path,
    original.replace(find, () => replace),
  );
  try {
    const { status, stdout } = spawnSync(
      process.execPath,
      ["scripts/forge.mjs", "test", "--match-path", tests, "--fail-fast", "--color", "never"],
      {
        cwd: tree,
        encoding: "utf8",
        maxBuffer: 64 << 20,
        // Warnings of unused names are no reason to refuse a mutant; only what the tests need is compiled.
        env: { ...process.env, FOUNDRY_DENY: "never", FOUNDRY_SPARSE_MODE: "true" },
      },
    );
    if (!/^Ran \d+ test/m.test(stdout)) return { verdict: "DOES NOT COMPILE", by: stdout.slice(-2_000) };
    const failed = stdout.match(/^\[FAIL.*?\] (\w+)\(/m)?.[1];
    return status === 0 || failed === undefined
      ? { verdict: "SURVIVED", by: tests }
      : { verdict: "killed", by: failed };
  } finally {
    writeFileSync(path, original);
  }
}

const { values } = parseArgs({ options: { only: { type: "string" } } });
const chosen = MUTANTS.filter(({ name }) => name.includes(values.only ?? ""));
if (chosen.length === 0) {
  console.error(`--only: ${values.only}; rule: must be part of a mutant's name`);
  process.exit(2);
}
const tree = mkdtempSync(join(tmpdir(), "rangekeeper-mutants-"));
let killed = 0;
try {
  copyTree(tree);
  for (const [index, mutant] of chosen.entries()) {
    const { verdict, by } = judge(tree, mutant);
    if (verdict === "killed") killed += 1;
    console.log(
      `${String(index + 1).padStart(3)}/${chosen.length}  ${mutant.keeps.padEnd(8)} ${mutant.name.padEnd(52)} ${verdict}`,
    );
    console.log(`         ${by.split("\n").slice(-12).join("\n         ")}`);
  }
} finally {
  rmSync(tree, { recursive: true, force: true });
}
console.log(`\n${killed} of ${chosen.length} mutants killed`);
process.exitCode = killed === chosen.length ? 0 : 1;
