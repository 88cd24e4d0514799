import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const pages = execFileSync("git", ["ls-files", "*.md"], { cwd: ROOT, encoding: "utf8" })
  .split("\n")
  .filter((page) => page && !page.startsWith("ml/models/"));
const scripts: Record<string, string> = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).scripts;
const read = (page: string) => readFileSync(join(ROOT, page), "utf8");

interface Command {
  readonly page: string;
  readonly line: string;
}

/** Lines of ```sh blocks: what the docs tell people to type. */
const commands = pages.flatMap((page): Command[] =>
  [...read(page).matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(([, block]) =>
    (block ?? "")
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line && !line.startsWith("#"))
      .map((line) => ({ page, line })),
  ),
);

/** Commands that other tests, or the run that this test is part of, carry out themselves. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  "npm ci": "the fresh clone",
  "npm ci && npm run demo": "test/e2e/demo.test.ts",
  "npm ci && npm test": "this run",
  "npm test": "this run",
  "npm run build": "the fresh clone",
  "npm run check": "the fresh clone",
  "npx vitest run test/ml/models.conformance.test.ts": "this run",
};

describe("the docs", () => {
  it("tell people to type something", () => {
    expect(commands.length).toBeGreaterThan(5);
  });

  for (const { page, line } of commands.filter(({ line }) => !(line in ELSEWHERE)))
    it(`${page}: \`${line}\` works`, () => {
      const { status, stdout, stderr } = spawnSync("sh", ["-c", line], {
        cwd: ROOT,
        encoding: "utf8",
        timeout: 60_000,
      });
      expect(status, `${stdout}\n${stderr}`).toBe(0);
    });

  for (const page of pages)
    it(`${page} links to pages that exist and names npm scripts that exist`, () => {
      const text = read(page);
      const dead = [...text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)]
        .map(([, target]) => target ?? "")
        .filter((target) => !existsSync(join(ROOT, dirname(page), target)));
      expect(dead).toEqual([]);
      const unknown = [...text.matchAll(/npm run (?:-s )?([\w:]+)/g)]
        .map(([, name]) => name ?? "")
        .filter((name) => !(name in scripts));
      expect(unknown).toEqual([]);
    });
});
