import { writeFileSync } from "node:fs";
import { parse, stringify } from "smol-toml";

/** Writes a configuration file: a TOML text with changes by path, as in { "worker.mode": "dry-run" }. */
export function writeConfig(path: string, base: string, changes: Readonly<Record<string, unknown>>): void {
  const raw = parse(base) as Record<string, unknown>;
  for (const [key, value] of Object.entries(changes)) {
    const [section = "", field] = key.split(".");
    if (field === undefined) raw[section] = value;
    else raw[section] = { ...(raw[section] as Record<string, unknown> | undefined), [field]: value };
  }
  writeFileSync(path, stringify(raw));
}
