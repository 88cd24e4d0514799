import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { pathOf } from "../../../rebalancer/cli/atWork.ts";
import { createProgram } from "../../../rebalancer/cli/program.ts";
import { lineRunner } from "../../support/verb.ts";

/** Every verb that does something. */
const leaves = (command: Command): Command[] => [
  ...(Reflect.get(command, "_actionHandler") !== null && command.parent !== null ? [command] : []),
  ...command.commands.flatMap(leaves),
];

/** What a verb cannot do without, with a value that nothing is wrong with on the command line. */
const needed = (command: Command): string[] => [
  ...command.registeredArguments
    .filter(({ required }) => required)
    .map(({ argChoices, defaultValue }) => argChoices?.[0] ?? String(defaultValue ?? "x")),
  ...command.options
    .filter(({ mandatory }) => mandatory)
    .flatMap(({ long, argChoices }) => [long ?? "", argChoices?.[0] ?? "x"]),
];

/** Flags of which a verb wants one or the other. */
const CHOSEN: Readonly<Record<string, readonly string[]>> = {
  "backtest walk-forward": ["--data", "x"],
  "queue retry": ["--all"],
  rebalance: ["--to-idle", "--dry-run"],
};
/** Its --json names a file. */
const WORDS_ONLY = "demo";

const folder = mkdtempSync(join(tmpdir(), "every-verb-"));
const bad = join(folder, "bad.toml");
const line = lineRunner();
const verbs = leaves(createProgram());
beforeAll(() => {
  writeFileSync(bad, 'chainId = 31337\nrpcUrl = "http://127.0.0.1:1"\n[worker]\nconfirmations = 0\n');
  vi.stubEnv("RANGEKEEPER_CONFIG", undefined);
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

describe.each(verbs.map((verb) => [pathOf(verb), verb] as const))("%s", (path, verb) => {
  const words = [...path.split(" "), ...needed(verb), ...(CHOSEN[path] ?? [])];

  it("refuses a file that breaks a rule with status 2, and does nothing", async () => {
    const { status, stdout, stderr } = await line(
      ...words,
      "--config",
      bad,
      ...(path === WORDS_ONLY ? [] : ["--json"]),
    );
    expect([status, stdout], stderr).toEqual([2, ""]);
    if (path !== WORDS_ONLY)
      expect(JSON.parse(stderr)).toMatchObject({
        error: "ConfigError",
        message: expect.stringMatching(/config worker\.confirmations: 0; rule: /),
      });
    const told = await line(...words, "--config", bad);
    expect([told.status, told.stdout]).toEqual([2, ""]);
    expect(told.stderr).toMatch(/^rangekeeper: .*config worker\.confirmations: 0; rule: /s);
    expect(readdirSync(folder)).toEqual(["bad.toml"]);
  });

  it("refuses a flag that it does not have with status 2, naming it", async () => {
    const { status, stdout, stderr } = await line(...words, "--levitate");
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr).toContain("--levitate");
  });
});
