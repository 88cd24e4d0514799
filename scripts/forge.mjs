// Runs the native forge (or the tool named in RANGEKEEPER_FOUNDRY_TOOL) and passes its exit status on.
import { spawnSync } from "node:child_process";
import { foundryBinary } from "./foundry.mjs";

const { status, signal } = spawnSync(foundryBinary("forge"), process.argv.slice(2), { stdio: "inherit" });
process.exit(signal ? 1 : (status ?? 1));
