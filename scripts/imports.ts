/**
 * Checks that imports between folders run only along the edges drawn in docs/architecture.md. Prints each offending
 * line and exits 1 when there is one.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

/** Folder -> folders of ours that it may import. A longer path wins over a shorter one. */
const EDGES: Record<string, readonly string[]> = {
  vaults: ["vaults"],
  strategies: ["strategies", "vaults/interfaces", "vaults/libraries"],
  ml: ["ml"],
  sdk: ["sdk", "ml"],
  rebalancer: ["rebalancer", "ml", "sdk"],
  deploy: ["deploy", "vaults", "strategies"],
  scripts: ["scripts"],
  test: ["test", "vaults", "strategies", "deploy", "ml", "sdk", "rebalancer", "scripts"],
};

/** Leaves, with who may import them beside tests: nobody, or the one that starts them. */
const LEAVES: Record<string, readonly string[]> = { "rebalancer/cli": [], "rebalancer/api": ["rebalancer/cli"] };

/** Programs written in JavaScript that TypeScript may use: where the native Foundry binaries are. */
const SHARED_SCRIPTS = ["scripts/foundry.mjs"];

const inside = (path: string, folder: string) => path === folder || path.startsWith(`${folder}/`);

/** Every forbidden import in `files`, as "file -> target". */
export function forbiddenImports(files: readonly string[], read: (file: string) => string): string[] {
  const found: string[] = [];
  for (const file of files) {
    const root = Object.keys(EDGES).find((folder) => inside(file, folder));
    if (!root) continue;
    for (const [, specifier] of read(file).matchAll(/(?:from|import)\s*\(?\s*["'](\.[^"']+)["']/g)) {
      const target = normalize(join(dirname(file), specifier ?? ""));
      if (SHARED_SCRIPTS.includes(target)) continue;
      const allowed = (EDGES[root] ?? []).some((folder) => inside(target, folder));
      const leaf = Object.keys(LEAVES).find((folder) => inside(target, folder));
      const welcome =
        leaf === undefined || root === "test" || [leaf, ...(LEAVES[leaf] ?? [])].some((folder) => inside(file, folder));
      const intoLeaf = !welcome;
      const topLevel = !target.includes("/");
      if ((!allowed && !topLevel) || intoLeaf) found.push(`${file} -> ${target}`);
    }
  }
  return found;
}

if (process.argv[1]?.endsWith("imports.ts")) {
  const files = execFileSync("git", ["ls-files", "-co", "--exclude-standard", "*.ts", "*.sol", "*.mjs"], {
    encoding: "utf8",
  })
    .split("\n")
    .filter(Boolean);
  const found = forbiddenImports(files, (file) => readFileSync(file, "utf8"));
  for (const line of found) console.error(`forbidden import: ${line}`);
  if (found.length > 0) process.exit(1);
  console.log(`import edges hold in ${files.length} files`);
}
