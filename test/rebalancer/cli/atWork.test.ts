import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { describe, expect, it } from "vitest";
import { pathOf, TELLS_ITSELF } from "../../../rebalancer/cli/atWork.ts";
import { createProgram } from "../../../rebalancer/cli/program.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** Every verb that does something. */
const leaves = (command: Command): Command[] => [
  ...(Reflect.get(command, "_actionHandler") !== null && command.parent !== null ? [command] : []),
  ...command.commands.flatMap(leaves),
];

/** A program whose verbs all compute for so long, hearing of nothing, then answer; what one of them writes. */
function slowly(verb: string, milliseconds: number, ...flags: string[]): Promise<{ stdout: string; stderr: string }> {
  const script = `
    const { createProgram } = await import("./rebalancer/cli/program.ts");
    const program = createProgram();
    const named = ${JSON.stringify(verb.split(" "))}.reduce((at, name) => at.commands.find((one) => one.name() === name), program);
    named.action(() => {
      for (const end = Date.now() + ${milliseconds}; Date.now() < end; );
      process.stdout.write("{}\\n");
    });
    await program.parseAsync(${JSON.stringify([...verb.split(" "), ...flags])}, { from: "user" });`;
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script], { cwd: ROOT });
    const written = { stdout: "", stderr: "" };
    for (const stream of ["stdout", "stderr"] as const)
      child[stream].on("data", (chunk) => {
        written[stream] += chunk;
      });
    child.once("close", () => resolve(written));
  });
}

describe("a verb that takes more than two seconds", () => {
  const verbs = leaves(createProgram()).map(pathOf);

  it("tells of itself, or is told of: every verb of the program is one or the other", () => {
    expect(verbs.length).toBeGreaterThan(50);
    expect([...TELLS_ITSELF].filter((verb) => !verbs.includes(verb))).toEqual([]);
    const told = verbs.filter((verb) => !TELLS_ITSELF.has(verb));
    for (const verb of ["risk", "risk theory", "market simulate", "challengers", "journal check", "keys new"])
      expect(told).toContain(verb);
    expect(told).toContain("alerts test");
  });

  it("is said to be at work on standard error, also while it computes, and not with --json", async () => {
    const [words, json, quick] = await Promise.all([
      slowly("risk theory", 3_500),
      slowly("risk theory", 3_500, "--json"),
      slowly("risk theory", 100),
    ]);
    expect(words).toEqual({
      stdout: "{}\n",
      stderr: expect.stringMatching(/^risk theory: at work \(\d+ s\) \.\.\.\n/),
    });
    expect(json).toEqual({ stdout: "{}\n", stderr: "" });
    expect(quick).toEqual({ stdout: "{}\n", stderr: "" });
  }, 60_000);
});
