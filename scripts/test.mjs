// Runs every test of the project, each suite with its own runner, and closes with one line of counts.
// `node scripts/test.mjs forge pytest` runs some of them; no argument runs all.
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const scratch = mkdtempSync(join(tmpdir(), "rangekeeper-test-"));
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));

/** Runs a command with its output on screen and returns its exit status and all it printed. */
function run(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    child.stdout.on("data", (chunk) => {
      output += chunk;
      process.stdout.write(chunk);
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ status: code ?? 1, output }));
  });
}

const count = (text, pattern) => Number(text.match(pattern)?.[1] ?? 0);

const suites = {
  async forge() {
    const fresh = process.env.FOUNDRY_PROFILE === "deep" ? ["--fuzz-seed", `0x${randomBytes(32).toString("hex")}`] : [];
    const { status, output } = await run(process.execPath, ["scripts/forge.mjs", "test", "--color", "never", ...fresh]);
    // "Ran 3 test suites in 1.2s: 10 tests passed, 0 failed, 0 skipped (10 total tests)"
    const line = output.match(/^Ran \d+ test suites?.*$/gm)?.at(-1) ?? "";
    return {
      status,
      passed: count(line, /(\d+) tests? passed/),
      failed: count(line, /(\d+) failed/),
      skipped: count(line, /(\d+) skipped/),
    };
  },
  async vitest() {
    const report = join(scratch, "vitest.json");
    const { status } = await run(process.execPath, [
      "node_modules/vitest/vitest.mjs",
      "run",
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${report}`,
    ]);
    const summary = JSON.parse(readFileSync(report, "utf8"));
    return {
      status,
      passed: summary.numPassedTests,
      failed: summary.numFailedTests,
      skipped: summary.numPendingTests + summary.numTodoTests,
    };
  },
  async pytest() {
    const python = (...args) => run(process.execPath, ["scripts/python-env.mjs", "--", "python", "-m", ...args]);
    const lint = await python("ruff", "check", "--no-cache", "ml/train");
    const { status, output } = await python("pytest", "ml/train", "-q", "-p", "no:cacheprovider");
    return {
      status,
      passed: count(output, /(\d+) passed/),
      // A lint finding counts as a failed test: nothing else runs this linter.
      failed: count(output, /(\d+) failed/) + count(output, /(\d+) errors?/) + (lint.status === 0 ? 0 : 1),
      skipped: count(output, /(\d+) skipped/),
    };
  },
};

// Python before vitest: the worked examples train in its environment, and are skipped where there is none.
const chosen = process.argv.length > 2 ? process.argv.slice(2) : ["forge", "pytest", "vitest"];
const total = { passed: 0, failed: 0, skipped: 0 };
for (const name of chosen) {
  if (!(name in suites)) {
    console.error(`suite: ${name} is none of ${Object.keys(suites).join(", ")}`);
    process.exit(2);
  }
  console.log(`\n── ${name}`);
  const result = await suites[name]();
  // A runner that broke before it counted, or that found nothing to run, has failed.
  if ((result.status !== 0 && result.failed === 0) || result.passed === 0) result.failed += 1;
  console.log(`${name}: ${result.passed} passed, ${result.failed} failed, ${result.skipped} skipped`);
  for (const key of Object.keys(total)) total[key] += result[key];
}
if (!process.env.RANGEKEEPER_DATA)
  console.log("\nRANGEKEEPER_DATA is not set: tests that need the data folder were skipped");
console.log(`\n${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ""}`);
process.exitCode = total.failed === 0 ? 0 : 1;
