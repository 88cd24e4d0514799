/**
 * Trains the model packages from a data folder, start to finish:
 * `node scripts/train.mjs --data DIR [--seed N] [--task TASK] [--out DIR]` builds the dataset, makes the Python
 * environment, makes the final fits of the walked models and writes their packages into ml/models (`--ship` says the same).
 * `--walk-forward [--task TASK] [--fast]` runs the protocol's walk-forward instead: resumable, results in
 * ml/train/results. `--fast` is for trying the path, never for a result.
 * `--tables` prints docs/models.md from the results; it needs no data.
 * `--head` distils the on-chain head alone: ml/models/spread-head, ml/train/results/head.json, and
 * deploy/heads/spread-head for the chain.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = fileURLToPath(new URL("..", import.meta.url));
const started = Date.now();

function fail(message) {
  console.error(`train: ${message}`);
  process.exit(1);
}

function step(title, command, args) {
  console.log(`\n== ${title} (${Math.round((Date.now() - started) / 1000)} s)`);
  const run = spawnSync(command, args, { cwd: root, stdio: "inherit" });
  if (run.error) fail(`cannot run ${command}: ${run.error.message}`);
  if (run.status !== 0) fail(`${title} failed with exit code ${run.status}`);
}

/** What every range of every pool collected: the fee model's own rows. */
function feeRows() {
  const tsx = join(root, "node_modules/tsx/dist/cli.mjs");
  step("fee rows", process.execPath, [tsx, "ml/data/yieldRows.ts", "--data", data, "--out", dataset]);
}

/** Days of many sources: the regime model's own rows. */
function regimeRows() {
  const tsx = join(root, "node_modules/tsx/dist/cli.mjs");
  step("regime rows", process.execPath, [tsx, "ml/data/regimeRows.ts", "--data", data, "--out", dataset]);
}

function readOptions() {
  try {
    return parseArgs({
      options: {
        data: { type: "string" },
        seed: { type: "string", default: "1" },
        out: { type: "string" },
        fast: { type: "boolean", default: false },
        head: { type: "boolean", default: false },
        tables: { type: "boolean", default: false },
        "walk-forward": { type: "boolean", default: false },
        ship: { type: "boolean", default: false },
        task: { type: "string", multiple: true, default: [] },
      },
    }).values;
  } catch (error) {
    return fail(
      `${error.message}; known: --data DIR, --seed N, --out DIR, --fast, --head, --walk-forward, --ship, --task TASK, --tables`,
    );
  }
}

const options = readOptions();
if (options.tables) {
  const script = ["scripts/python-env.mjs", "--", "python", "ml/train/tables.py"];
  step("tables", process.execPath, script);
  process.exit(0);
}
const given = options.data ?? process.env.RANGEKEEPER_DATA;
if (given === undefined) {
  fail(
    "no data folder. The data are not part of this repository: give --data DIR or set RANGEKEEPER_DATA to a folder " +
      "with cex/ and pools/ in it; each package's README.md under ml/models lists the files it was trained on",
  );
}
const data = resolve(given);
if (!existsSync(data) || !statSync(data).isDirectory()) fail(`--data is ${data}, must be an existing folder`);

const dataset = "ml/train/data";
if (options.fast && !options.head && !options["walk-forward"])
  fail("--fast goes with --head or --walk-forward; a final fit takes seconds");
if (options.fast && options.out === undefined)
  fail("--fast needs --out DIR: what it leaves must not replace the real thing");
const out = options.out === undefined ? "ml/models" : resolve(options.out);
const python = (script, ...args) => ["scripts/python-env.mjs", "--", "python", `ml/train/${script}`, ...args];
const fast = options.fast ? ["--fast"] : [];

function buildDataset() {
  step("dataset", process.execPath, [
    join(root, "node_modules/tsx/dist/cli.mjs"),
    "rebalancer/cli/main.ts",
    "dataset",
    "build",
    "--data",
    data,
    "--out",
    dataset,
    "--seed",
    options.seed,
  ]);
}

if (options.head) {
  const tsx = join(root, "node_modules/tsx/dist/cli.mjs");
  const rows = join(dataset, "head.csv");
  const work = join(dataset, options.fast ? "head-fast" : "head");
  const folder = options.out === undefined ? "ml/models/spread-head" : out;
  const blob = options.out === undefined ? "deploy/heads/spread-head" : join(out, "head");
  mkdirSync(join(root, dataset), { recursive: true });
  const results = options.out === undefined ? "ml/train/results" : out;
  const medians = join(dataset, "medians.csv");
  buildDataset();
  const said = options.out === undefined ? [] : ["--out", join(out, "medians.csv")];
  step("medians", process.execPath, python("medians.py", "--data", dataset, "--rows", medians, ...said));
  step("rows", process.execPath, [tsx, "ml/data/headRows.ts", "--data", data, "--medians", medians, "--out", rows]);
  step("fits", process.execPath, python("head.py", "--rows", rows, "--work", work, ...fast));
  const nets = ["--rows", rows, "--nets", join(work, "nets.json"), "--out", join(results, "head.json")];
  step("scores", process.execPath, [tsx, "ml/models/head/judge.ts", ...nets]);
  const packaged = ["--work", work, "--results", results, "--out", folder];
  step("package", process.execPath, python("head_package.py", ...packaged));
  const verb = ["rebalancer/cli/main.ts", "head", "build", "--model", folder, "--rows", rows, "--out", blob];
  step("integers", process.execPath, [tsx, ...verb]);
  if (options.out === undefined) {
    step("format", join(root, "node_modules/.bin/biome"), ["format", "--write", folder, "deploy/heads", results]);
    step("tables", process.execPath, python("tables.py"));
  }
  process.exit(0);
}

buildDataset();
if (options["walk-forward"]) {
  // The regimes are judged by a decision on the pools whose fees are known, too.
  if (options.task.length === 0 || options.task.includes("yield") || options.task.includes("regime")) feeRows();
  if (options.task.length === 0 || options.task.includes("regime")) regimeRows();
  const work = join(dataset, options.fast ? "walk-fast" : "walk");
  const results = options.out === undefined ? "ml/train/results" : out;
  const tasks = options.task.flatMap((task) => ["--task", task]);
  const rest = ["--data", dataset, "--work", work, "--out", results, ...tasks, ...fast];
  step("walk-forward", process.execPath, python("walk_forward.py", ...rest));
  console.log(`\ntrain: results are in ${results}; ${Math.round((Date.now() - started) / 1000)} s in all`);
  process.exit(0);
}
if (options.task.length === 0 || options.task.includes("yield")) feeRows();
const tasks = options.task.flatMap((task) => ["--task", task]);
step("final fits", process.execPath, python("ship.py", "--data", dataset, "--out", out, ...tasks));
// Cards are Markdown like any other page here: formatted by the same formatter.
if (options.out === undefined) {
  step("format the cards", join(root, "node_modules/.bin/biome"), ["format", "--write", out]);
}
console.log(`\ntrain: packages are in ${out}; ${Math.round((Date.now() - started) / 1000)} s in all`);
