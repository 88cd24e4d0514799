import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Kept } from "../../../ml/backtest/checks/kept.ts";
import type { ModelSet } from "../../../ml/types.ts";
import { encodeJson } from "../../json.ts";

/** JSON files of a folder, by name; a file is there whole or not at all. */
export const keptIn = (folder: string): Kept => ({
  recall<T>(name: string): T | null {
    const file = join(folder, `${name}.json`);
    return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as T) : null;
  },
  keep: (name, value) => writeJson(join(folder, `${name}.json`), value, 0),
});

/** Writes a JSON file into a folder that need not be there yet. */
export function writeJson(file: string, value: unknown, indent = 1): void {
  mkdirSync(dirname(file), { recursive: true });
  const half = `${file}.${process.pid}`;
  writeFileSync(half, `${JSON.stringify(value, null, indent)}\n`);
  renameSync(half, file);
}

/** Tells results of other settings, data or models apart. */
export const keyOf = (of: unknown): string => createHash("sha256").update(encodeJson(of)).digest("hex").slice(0, 16);

/** Which models, for `keyOf`. */
export const identityOf = ({ volatility, il, yield: fees }: ModelSet) =>
  [volatility, il, fees].map(({ id, version, sha256 }) => [id, version, sha256]);
