import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { run } from "../../../rebalancer/main.ts";
import { type LocalDeployment, startLocalDeployment } from "../../support/deployment.ts";
import { settled } from "../../support/lockstep.ts";

const BIN = fileURLToPath(new URL("../../../rebalancer/cli/bin.mjs", import.meta.url));

let local: LocalDeployment;
let path: string;
beforeAll(async () => {
  local = await startLocalDeployment();
  const configured = local.configure();
  path = configured.path;
  const stop = new AbortController();
  const running = run({ config: configured.config, signal: stop.signal, live: true, env: local.env });
  await settled(local, await local.tick(600));
  await settled(local, await local.tick(12));
  stop.abort();
  await running;
}, 400_000);
afterAll(() => local?.stop());

/** The command line as a person calls it. */
function rangekeeper(...args: string[]): Promise<{ status: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [BIN, ...args, "--config", path], { env: { ...local.env, NO_COLOR: "1" } });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk) => {
      stdout += chunk;
    });
    child.stderr.on("data", (chunk) => {
      stderr += chunk;
    });
    child.once("close", (status) => resolve({ status, stdout, stderr }));
  });
}

const long = (text: string) => text.split("\n").filter((line) => line.length > 80);

describe("the command line, beside a vault that has moved once,", () => {
  for (const verb of ["status", "score", "journal ls", "doctor"])
    it(`answers ${verb} in words of at most 80 columns, and in JSON`, async () => {
      const args = [...verb.split(" "), ...(verb === "score" ? [local.deployment.vault] : [])];
      const words = await rangekeeper(...args);
      expect(words.status, words.stderr).toBe(0);
      expect(words.stdout.trim()).not.toBe("");
      expect(long(words.stdout)).toEqual([]);
      const json = await rangekeeper(...args, "--json");
      expect(json.status, json.stderr).toBe(0);
      expect(JSON.parse(json.stdout)).toBeTruthy();
    });

  it("shows the range that is held, and the move that led there", async () => {
    expect((await rangekeeper("status")).stdout).toMatch(/-?\d+\.\.-?\d+/);
    expect((await rangekeeper("journal", "ls")).stdout).toMatch(/move.*confirmed|confirmed.*move/s);
  });

  it("scores candidates without sending anything", async () => {
    const before = await local.market.rpc.call("eth_blockNumber");
    const { stdout } = await rangekeeper("score", local.deployment.vault, "--json");
    const { candidates } = JSON.parse(stdout) as { candidates: { kind: string }[] };
    expect(candidates.map(({ kind }) => kind)).toEqual(expect.arrayContaining(["range", "current", "idle"]));
    expect(await local.market.rpc.call("eth_blockNumber")).toBe(before);
  });

  it("refuses a verb that does not exist with status 2", async () => {
    expect((await rangekeeper("levitate")).status).toBe(2);
  });
});
