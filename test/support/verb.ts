import { stripVTControlCharacters } from "node:util";
import { Command, CommanderError } from "commander";
import { afterEach, vi } from "vitest";
import { createProgram } from "../../rebalancer/cli/program.ts";

export interface VerbResult {
  readonly status: number;
  /** Without colours, which an environment such as CI may turn on. */
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a verb of the command line in this process, as main.ts registers it, and returns what it wrote and the exit
 * status that it left. To be called at the top of a test file: it puts the process back after each test.
 */
export function verbRunner(register: (program: Command) => void, name: string) {
  afterEach(() => {
    vi.restoreAllMocks();
    process.exitCode = undefined;
  });
  return async (...args: string[]): Promise<VerbResult> => {
    const written = { stdout: "", stderr: "" };
    for (const stream of ["stdout", "stderr"] as const) {
      vi.spyOn(process[stream], "write").mockImplementation((chunk) => {
        written[stream] += String(chunk);
        return true;
      });
    }
    process.exitCode = undefined;
    const program = new Command().enablePositionalOptions().exitOverride();
    register(program);
    await program.parseAsync([name, ...args], { from: "user" });
    return {
      status: Number(process.exitCode ?? 0),
      stdout: stripVTControlCharacters(written.stdout),
      stderr: stripVTControlCharacters(written.stderr),
    };
  };
}

/**
 * Runs a whole command line in this process, as main.ts does. To be called at the top of a test file or block: it puts
 * the process back after each test.
 */
export function lineRunner() {
  afterEach(() => {
    vi.restoreAllMocks();
    process.exitCode = undefined;
  });
  return async (...args: string[]): Promise<VerbResult> => {
    const written = { stdout: "", stderr: "" };
    const spies = (["stdout", "stderr"] as const).map((stream) =>
      vi.spyOn(process[stream], "write").mockImplementation((chunk) => {
        written[stream] += String(chunk);
        return true;
      }),
    );
    process.exitCode = undefined;
    try {
      await createProgram().parseAsync(args, { from: "user" });
    } catch (error) {
      if (!(error instanceof CommanderError)) throw error;
      process.exitCode = error.exitCode === 0 ? 0 : 2;
    } finally {
      for (const spy of spies) spy.mockRestore();
    }
    return {
      status: Number(process.exitCode ?? 0),
      stdout: stripVTControlCharacters(written.stdout),
      stderr: stripVTControlCharacters(written.stderr),
    };
  };
}
