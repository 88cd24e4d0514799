// `npm run bench -- NAME [--json]` runs test/bench/NAME.ts and prints its rows as a table, or as one JSON object.
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const folder = join(root, "test/bench");
const names = readdirSync(folder)
  .filter((file) => file.endsWith(".ts") && file !== "bench.ts")
  .map((file) => file.slice(0, -3))
  .sort();
const [name, ...options] = process.argv.slice(2);
if (!name || !names.includes(name)) {
  console.error(`bench: ${name ?? "(none)"} is none of ${names.join(", ")}. Type: npm run bench -- NAME [--json]`);
  process.exit(2);
}
const bench = spawn(process.execPath, ["--expose-gc", "--import", "tsx", join(folder, "bench.ts"), name, ...options], {
  cwd: root,
  stdio: "inherit",
});
// What stops this process is meant for that one, which ends what it has started.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => bench.kill(signal));
bench.on("close", (status) => process.exit(status ?? 1));
