import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { seededRandom } from "../../ml/random.ts";
import { readRegistry } from "../../ml/registry/files.ts";
import { openJournal } from "../../rebalancer/journal.ts";
import { type LocalDeployment, startLocalDeployment } from "../support/deployment.ts";
import { liveHours } from "../support/liveHours.ts";
import { lineRunner } from "../support/verb.ts";

/** docs/strategists.md from an empty folder to a worker in mode shadow: the rule, the trees and the network. */
const ROOT = join(import.meta.dirname, "../..");
const SERIES = "binance_spot_ethusdt_1h";
const python = existsSync(join(ROOT, "ml/train/.venv"));

const rangekeeper = lineRunner();
const ok = async (...args: string[]): Promise<string> => {
  const { status, stdout, stderr } = await rangekeeper(...args);
  expect(status, `${args.join(" ")}: ${stderr}`).toBe(0);
  return stdout;
};

let root: string;
let local: LocalDeployment;
const at = (...parts: string[]) => join(root, ...parts);
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "worked-examples-"));
  local = await startLocalDeployment();
}, 400_000);
afterAll(async () => {
  await local?.stop();
  rmSync(root, { recursive: true });
});

/** Checks and registers what lies in a folder, then lets a worker decide an hour with it. */
async function shadow(name: string): Promise<void> {
  const registry = at("models");
  expect(await ok("model", "check", at(name))).toMatch(/passes all 15 checks/);
  await ok("model", "add", at(name), "--registry", registry);
  await ok("model", "promote", name, "--to", "shadow", "--registry", registry);
  const { config } = await liveHours({
    local,
    hours: 1,
    changes: { "worker.mode": "shadow", models: { set: "shadow", registry } },
  });
  const journal = openJournal(config.journal.path, () => "reader");
  const [made, ...more] = journal.decisions();
  expect([more, journal.proposals()]).toEqual([[], []]);
  journal.close();
  const sha256 = readRegistry(registry).models[name]?.versions[0]?.sha256;
  expect(made?.decision.models.find(({ task }) => task === "volatility")).toMatchObject({ id: name, sha256 });
  expect(made?.decision.volatility).not.toBeNull();
}

describe("from nothing to shadow", () => {
  it("with a rule", async () => {
    await ok("model", "new", at("my-rule"));
    await shadow("my-rule");
  });

  it("begins with data of one's own, by the command that the page names", async () => {
    writeCandles(at(`${SERIES}.csv`));
    const built = await ok("dataset", "build", "--data", root, "--market", SERIES, "--out", at("dataset"));
    expect(built).toMatch(/volatility\.csv\s+1,976/);
  });

  for (const template of ["lightgbm", "jax"])
    it.skipIf(!python)(`with a ${template} model that is trained on it`, async () => {
      const name = `my-${template}`;
      const made = JSON.parse(await ok("model", "new", at(name), "--template", template, "--json")) as { next: string };
      // The line that the verb says to type next, from wherever one is.
      const line = made.next.replace("DATASET", at("dataset"));
      const trained = spawnSync("sh", ["-c", line], {
        cwd: process.cwd(),
        encoding: "utf8",
        env: { ...process.env, JAX_PLATFORMS: "cpu", XLA_FLAGS: "--xla_backend_optimization_level=0" },
      });
      expect(trained.status, trained.stderr).toBe(0);
      await shadow(name);
    });
});

/** Hours whose variance wanders. */
function writeCandles(file: string): void {
  const random = seededRandom(7);
  const gauss = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  let [price, level] = [2000, 0];
  const rows = Array.from({ length: 2000 }, (_, hour) => {
    level = 0.98 * level + 0.15 * gauss();
    const path = [price];
    for (let quarter = 0; quarter < 4; quarter++) {
      price *= Math.exp(0.004 * Math.exp(level / 2) * gauss());
      path.push(price);
    }
    return [1_640_995_200 + 3600 * hour, path[0], Math.max(...path), Math.min(...path), price, 5].join();
  });
  writeFileSync(file, `${["open_time,open,high,low,close,volume_base", ...rows].join("\n")}\n`);
}
