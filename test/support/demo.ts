import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Report } from "../../rebalancer/cli/demo/report/report.ts";

const MAIN = fileURLToPath(new URL("../../rebalancer/cli/main.ts", import.meta.url));

export interface DemoRun {
  readonly status: number | null;
  readonly output: string;
  readonly report: Report | null;
  readonly html: string | null;
}

/** `rangekeeper demo` as its own process, as a person starts it. */
export function startDemo(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): { child: ChildProcess; done: Promise<DemoRun> } {
  const folder = mkdtempSync(join(tmpdir(), "rangekeeper-e2e-"));
  const json = join(folder, "report.json");
  const html = join(folder, "report.html");
  const child = spawn(process.execPath, ["--import", "tsx", MAIN, "demo", "--json", json, "--html", html, ...args], {
    env: { ...process.env, NO_COLOR: "1", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const keep = (chunk: Buffer) => {
    output += chunk.toString("utf8");
  };
  child.stdout?.on("data", keep);
  child.stderr?.on("data", keep);
  const done = new Promise<DemoRun>((resolve) => {
    child.once("close", (status) => {
      const read = (path: string) => (existsSync(path) ? readFileSync(path, "utf8") : null);
      const text = read(json);
      resolve({ status, output, report: text === null ? null : (JSON.parse(text) as Report), html: read(html) });
      rmSync(folder, { recursive: true, force: true });
    });
  });
  return { child, done };
}

/** Runs the demo to its end. */
export const runDemo = (args: readonly string[], env?: NodeJS.ProcessEnv) => startDemo(args, env).done;
