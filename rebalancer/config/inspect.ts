import { z } from "zod";
import type { Config } from "../config.ts";
import { configSchema } from "../config.ts";
import { redactAddresses } from "../log/secrets.ts";
import { ENVIRONMENT, FLAGS, getPath, type Layers } from "./layers.ts";

/** One effective value and which layer it came from: "default", "file", or the variable or flag by name. */
export interface Setting {
  readonly path: string;
  readonly value: unknown;
  readonly from: string;
}

/** Every effective value with its origin, in the schema's order. Passwords and keys inside addresses are taken out. */
export function effectiveSettings(config: Config, { raw, origins }: Layers): readonly Setting[] {
  const settings: Setting[] = [];
  const walk = (value: unknown, path: string) => {
    if (typeof value === "object" && value !== null && Object.keys(value).length > 0) {
      for (const [key, inner] of Object.entries(value)) walk(inner, path === "" ? key : `${path}.${key}`);
      return;
    }
    if (value === undefined) return;
    const shown = typeof value === "string" ? redactAddresses(value) : value;
    settings.push({ path, value: shown, from: originOf(path, raw, origins) });
  };
  walk(config, "");
  return settings;
}

function originOf(path: string, raw: Layers["raw"], origins: Layers["origins"]): string {
  const origin = origins.get(path);
  if (origin) return origin.name;
  const given = path
    .split(".")
    .reduce<unknown>(
      (node, key) => (typeof node === "object" && node !== null ? Reflect.get(node, key) : undefined),
      raw,
    );
  return given === undefined ? "default" : "file";
}

/** The JSON Schema of the file: draft 2020-12, every field described, with the variable and flag that win over it. */
export function configJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(configSchema, { io: "input" }) as Record<string, unknown>;
  for (const [layer, names] of [
    ["Environment", ENVIRONMENT],
    ["Flag", FLAGS],
  ] as const) {
    for (const [name, path] of Object.entries(names)) {
      const field = getPath(schema, `properties.${path.replaceAll(".", ".properties.")}`) as { description: string };
      field.description += `. ${layer}: ${name}`;
    }
  }
  return { title: "Rangekeeper configuration", ...schema };
}
