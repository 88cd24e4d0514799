/**
 * Makes ml/train/.venv from requirements.lock when it is missing or the lock has changed, then runs a command in it:
 * `node scripts/python-env.mjs -- python -m pytest ml/train`. Without a command it only makes the environment.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = join(root, "ml/train");
const home = join(folder, ".venv");
const bin = join(home, process.platform === "win32" ? "Scripts" : "bin");
const lock = readFileSync(join(folder, "requirements.lock"));
const stampFile = join(home, "lock.sha256");

function fail(message) {
  console.error(`python-env: ${message}`);
  process.exit(1);
}

/** The first Python of at least 3.11 on PATH: `PYTHON` if set, else python3, python. */
function findPython() {
  const wanted = process.env.PYTHON
    ? [process.env.PYTHON]
    : ["python3", "python3.13", "python3.12", "python3.11", "python"];
  const seen = [];
  for (const name of wanted) {
    const asked = spawnSync(name, ["-c", "import sys; print('%d.%d' % sys.version_info[:2])"], { encoding: "utf8" });
    if (asked.status !== 0) continue;
    const version = asked.stdout.trim();
    const [major, minor] = version.split(".").map(Number);
    if (major === 3 && minor >= 11) return { name, version };
    seen.push(`${name} is ${version}`);
  }
  const found = seen.length ? seen.join(", ") : `none of ${wanted.join(", ")} answers`;
  return fail(
    `needs Python 3.11 or newer: ${found}. Install it (apt-get install -y python3 python3-venv) or set PYTHON`,
  );
}

function make(python, stamp) {
  console.log(`python-env: making ml/train/.venv with ${python.name} ${python.version} (once per change of the lock)`);
  const version = python.version;
  rmSync(home, { recursive: true, force: true });
  const made = spawnSync(python.name, ["-m", "venv", home], { stdio: ["ignore", "inherit", "inherit"] });
  if (made.status !== 0) {
    rmSync(home, { recursive: true, force: true });
    fail(`\`${python.name} -m venv ${home}\` failed. On Debian or Ubuntu: apt-get install -y python${version}-venv`);
  }
  const args = ["-m", "pip", "install", "--quiet", "--no-deps", "-r", join(folder, "requirements.lock")];
  const installed = spawnSync(join(bin, "python"), args, {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, PIP_RETRIES: process.env.PIP_RETRIES ?? "1", PIP_DISABLE_PIP_VERSION_CHECK: "1" },
  });
  if (installed.status !== 0) {
    rmSync(home, { recursive: true, force: true });
    fail(`\`pip install -r ml/train/requirements.lock\` failed; is a package index reachable?`);
  }
  writeFileSync(stampFile, `${stamp}\n`);
}

const separator = process.argv.indexOf("--");
const command = separator < 0 ? process.argv.slice(2) : process.argv.slice(separator + 1);
const stamp = createHash("sha256").update(lock).digest("hex");
const current = existsSync(stampFile) ? readFileSync(stampFile, "utf8").trim() : "";
if (current !== stamp) make(findPython(), stamp);
if (command.length === 0) {
  console.log("python-env: ready");
  process.exit(0);
}
const env = { ...process.env, VIRTUAL_ENV: home, PATH: `${bin}${delimiter}${process.env.PATH ?? ""}` };
const run = spawnSync(command[0], command.slice(1), { stdio: "inherit", env });
if (run.error) fail(`cannot run ${command[0]}: ${run.error.message}`);
process.exit(run.status ?? 1);
