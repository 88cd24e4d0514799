// `npm run check:slither`: Slither over vaults/ and strategies/. Every finding must have an answer in SECURITY.md, in the
// table between <!-- slither --> marks: | detector | where | answer |, where `any` stands for every place. Slither is a
// Python program (`pip install slither-analyzer==0.11.6`); where it is not installed this says so and ends well.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { foundryBinary } from "./foundry.mjs";

const ROOT = join(import.meta.dirname, "..");
const slither = process.env.SLITHER ?? "slither";
const version = spawnSync(slither, ["--version"], { encoding: "utf8" });
if (version.status !== 0) {
  console.log("Slither is not installed, nothing was checked: pip install slither-analyzer==0.11.6 (or set SLITHER)");
  process.exit(0);
}

const table = readFileSync(join(ROOT, "SECURITY.md"), "utf8").split("<!-- slither -->")[1] ?? "";
const answers = table
  .split("\n")
  .filter((line) => line.startsWith("| `"))
  .map((line) => line.split("|").map((cell) => cell.trim().replaceAll("`", "")))
  .map(([, detector, where]) => ({ detector, where: where.split(", ") }));

const forge = foundryBinary("forge");
const env = { ...process.env, PATH: dirname(forge) + delimiter + process.env.PATH, FOUNDRY_SPARSE_MODE: "true" };
// Its own build: only contracts, all in one build-info.
const out = mkdtempSync(join(ROOT, "out-slither-"));
try {
  const folders = ["vaults", "strategies"];
  const build = ["build", ...folders, "--force", "--build-info", "--out", out, "--cache-path", join(out, "cache")];
  if (spawnSync(forge, build, { cwd: ROOT, env, stdio: ["ignore", "ignore", "inherit"] }).status !== 0) process.exit(1);
  const report = join(out, "slither.json");
  const { stderr } = spawnSync(
    slither,
    [".", "--ignore-compile", "--foundry-out-directory", out, "--foundry-compile-all", "--json", report].concat([
      "--filter-paths",
      "node_modules",
    ]),
    { cwd: ROOT, env, encoding: "utf8", maxBuffer: 64 << 20 },
  );
  const { success, results } = (() => {
    try {
      return JSON.parse(readFileSync(report, "utf8"));
    } catch {
      throw new Error(`Slither did not finish: ${stderr.slice(-2_000)}`);
    }
  })();
  if (!success) throw new Error(`Slither did not finish: ${stderr.slice(-2_000)}`);
  const counts = new Map();
  const open = [];
  for (const { check, impact, elements, description } of results.detectors ?? []) {
    const at = elements.find(({ type }) => type === "function" || type === "contract") ?? elements[0];
    const parent = at?.type_specific_fields?.parent?.name;
    const where = parent === undefined || at.type === "contract" ? (at?.name ?? "") : `${parent}.${at.name}`;
    counts.set(`${impact} ${check}`, (counts.get(`${impact} ${check}`) ?? 0) + 1);
    const answered = answers.some(
      (answer) => answer.detector === check && (answer.where.includes("any") || answer.where.includes(where)),
    );
    if (!answered) open.push(`${impact} ${check} at ${where}: ${description.split("\n")[0]}`);
  }
  for (const [name, count] of [...counts].sort()) console.log(`${String(count).padStart(4)}  ${name}`);
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  console.log(`Slither ${version.stdout.trim()}: ${total} findings, ${open.length} without an answer in SECURITY.md`);
  for (const line of open) console.error(line);
  if (open.length > 0) process.exitCode = 1;
} finally {
  rmSync(out, { recursive: true, force: true });
}
