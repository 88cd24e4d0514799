import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { build, type Plugin } from "esbuild";

const ROOT = join(import.meta.dirname, "../..");
const JOURNAL = join(ROOT, "rebalancer/journal.ts");

export interface Bundle {
  readonly path: string;
  remove(): void;
}

/** The worker in one file, which starts in a fraction of the time that its sources take. */
export async function bundleWorker(sabotage?: string): Promise<Bundle> {
  const home = join(ROOT, ".rangekeeper");
  mkdirSync(home, { recursive: true });
  // Inside of the project, where node finds the packages that stay outside of the bundle.
  const folder = mkdtempSync(join(home, "chaos-"));
  const path = join(folder, "worker.mjs");
  await build({
    entryPoints: [join(import.meta.dirname, "worker.ts")],
    outfile: path,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    external: ["libsql", "onnxruntime-web", "@uniswap/*", "jsbi"],
    // What is CommonJS inside of the bundle still asks for node's own modules.
    banner: {
      js: 'import { createRequire as chaosRequire } from "node:module"; const require = chaosRequire(import.meta.url);',
    },
    plugins: [fromSource(sabotage)],
    logLevel: "error",
  });
  return { path, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Lets each file believe that it lies where its source does; with a sabotage, its journal is a broken one. */
function fromSource(sabotage: string | undefined): Plugin {
  return {
    name: "from-source",
    setup({ onLoad }) {
      onLoad({ filter: /\/(rebalancer|ml|sdk)\/.*\.ts$/ }, ({ path }) => {
        if (path.includes("node_modules")) return null;
        const source = readFileSync(path, "utf8")
          .replaceAll("import.meta.dirname", JSON.stringify(dirname(path)))
          .replaceAll("import.meta.url", JSON.stringify(pathToFileURL(path).href));
        const contents = sabotage !== undefined && path === JOURNAL ? withSabotage(source, sabotage) : source;
        return { contents, loader: "ts" };
      });
    },
  };
}

/** Puts a journal that misbehaves in place of the sound one. */
function withSabotage(source: string, name: string): string {
  const broken = source.replace("export function openJournal", "function openSoundJournal");
  if (broken === source) throw new Error("rebalancer/journal.ts has no openJournal to sabotage");
  return `import { sabotage } from ${JSON.stringify(join(import.meta.dirname, "sabotage.ts"))};
${broken}
export const openJournal = (...all) => sabotage(${JSON.stringify(name)}, openSoundJournal(...all));`;
}
