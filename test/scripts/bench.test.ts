import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { until } from "../support/until.ts";

const ROOT = join(import.meta.dirname, "../..");
const running: ChildProcess[] = [];
afterEach(() => {
  for (const child of running.splice(0)) child.kill("SIGKILL");
});

function bench(...words: readonly string[]) {
  const { REDIS_URL: _shared, ...env } = process.env;
  const child = spawn(process.execPath, ["scripts/bench.mjs", ...words], { cwd: ROOT, env });
  running.push(child);
  const told = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const)
    child[name].on("data", (chunk: Buffer) => {
      told[name] += chunk.toString("utf8");
    });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  return { child, told, ended };
}

/** Every process that lives, with its parent and what it was started as; zombies are none. */
function processes(): readonly { readonly pid: number; readonly parent: number; readonly command: string }[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const [state, parent] = readFileSync(`/proc/${name}/stat`, "utf8")
          .replace(/^.*\) /s, "")
          .split(" ");
        if (state === "Z") return [];
        const command = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ");
        return [{ pid: Number(name), parent: Number(parent), command }];
      } catch {
        return [];
      }
    });
}

function descendantsOf(pid: number): readonly { readonly pid: number; readonly command: string }[] {
  const all = processes();
  const below = (of: number): typeof all =>
    all.filter(({ parent }) => parent === of).flatMap((child) => [child, ...below(child.pid)]);
  return below(pid);
}

it("prints one JSON object with the benchmark's name and its rows", async () => {
  const { told, ended } = bench("theory", "--batches", "20", "--json");
  expect(await ended).toBe(0);
  expect(told.stderr).toBe("");
  const { bench: name, rows, ...rest } = JSON.parse(told.stdout);
  expect([name, rest]).toEqual(["theory", {}]);
  expect(rows.length).toBeGreaterThan(5);
  for (const row of rows)
    expect(row).toEqual({
      name: expect.stringMatching(/./),
      value: expect.any(Number),
      unit: expect.any(String),
      against: expect.any(String),
      ratio: row.ratio === null ? null : expect.any(Number),
    });
});

it("names the benchmarks there are when asked for another one", async () => {
  const { told, ended } = bench("speed");
  expect(await ended).toBe(2);
  expect(told.stderr).toMatch(/^bench: speed is none of api, .*latency, scale, /);
});

it.each([
  ["--vaults", "2", /--vaults 2; rule: at least 50: one in each pool, and one that moves in each of 7 slots/],
  ["--vaults", "few", /--vaults NaN; rule: a whole number above 0/],
  ["--pools", "1", /--pools 1; rule: at least 2, for two workers/],
])("refuses a benchmark of %s %s before anything is deployed", async (flag, value, words) => {
  const { told, ended } = bench("scale", flag, value);
  expect(await ended).toBe(1);
  expect(told.stderr).toMatch(words);
  expect(told.stderr).not.toContain("deploying");
});

it.skipIf(process.platform !== "linux").each(["SIGTERM", "SIGKILL"] as const)(
  "leaves nothing running behind when it is stopped by %s",
  async (signal) => {
    const { child, ended } = bench("scale", "--vaults", "7", "--pools", "2");
    // Each of them is started first and guarded then: no sooner can it be left to its guard.
    const started = await until(() => {
      const found = descendantsOf(child.pid as number);
      const isGuarded = (name: string) =>
        found.some(
          ({ pid, command }) =>
            command.includes(name) && found.some((guard) => guard.command.includes(`read -r _; kill -9 ${pid} `)),
        );
      return ["redis-server", "anvil"].every(isGuarded) ? found : null;
    });
    // Nothing can pass SIGKILL on: it is the benchmark's own process that gets it.
    const own = started.find(({ command }) => command.includes("bench.ts"));
    process.kill(signal === "SIGKILL" ? (own?.pid as number) : (child.pid as number), signal);
    expect(await ended).not.toBe(0);
    await until(() => {
      const living = new Map(processes().map(({ pid, command }) => [pid, command]));
      return started.every(({ pid, command }) => living.get(pid) !== command) || null;
    });
  },
  60_000,
);
