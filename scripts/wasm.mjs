// Compiles every ml/*/*/assembly/index.ts (AssemblyScript) to the .wasm beside its folder; `--check` compiles to memory
// and fails when a committed file differs. Flags of one module may be set in its assembly/asc.json ("flags": [...]).
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const check = process.argv.includes("--check");
const modules = ["ml/runtime", "ml/sim"]
  .flatMap((parent) => readdirSync(join(root, parent)).map((name) => join(root, parent, name)))
  .filter((folder) => existsSync(join(folder, "assembly/index.ts")));
for (const folder of modules) {
  const source = join(folder, "assembly/index.ts");
  const target = join(folder, `${basename(folder)}.wasm`);
  const options = join(folder, "assembly/asc.json");
  const flags = existsSync(options) ? JSON.parse(readFileSync(options, "utf8")).flags : [];
  const written = new Map();
  const { error, stderr } = await asc.main(
    [source, "--outFile", "out.wasm", "--optimizeLevel", "3", "--runtime", "stub", "--noAssert", ...flags],
    {
      readFile: (file, base) => {
        const path = join(base ?? "", file);
        return existsSync(path) ? readFileSync(path, "utf8") : existsSync(file) ? readFileSync(file, "utf8") : null;
      },
      writeFile: (file, contents) => written.set(file, contents),
    },
  );
  if (error) {
    console.error(stderr.toString());
    process.exit(1);
  }
  const bytes = Buffer.from(written.get("out.wasm"));
  const label = relative(root, target);
  if (!check) {
    writeFileSync(target, bytes);
    console.log(`${label}: ${bytes.length} bytes`);
  } else if (!existsSync(target) || !readFileSync(target).equals(bytes)) {
    console.error(`${label} is not what its source compiles to: type npm run build:wasm`);
    process.exit(1);
  }
}
if (check) console.log(`${modules.length} WebAssembly modules are what their sources compile to`);
