import { existsSync, readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parse as parseToml, TomlError } from "smol-toml";
import { isFolder } from "../../ml/models/resolve.ts";
import { ConfigError } from "../errors.ts";

/** Values that a command line may set, by path in the file; later than file and environment. */
export type Overrides = Readonly<Record<string, string | number | undefined>>;

/** Environment variable -> path in the file. */
export const ENVIRONMENT: Readonly<Record<string, string>> = {
  RANGEKEEPER_CHAIN_ID: "chainId",
  RANGEKEEPER_RPC_URL: "rpcUrl",
  RANGEKEEPER_ADDRESSES: "addresses",
  RANGEKEEPER_JOURNAL: "journal.path",
  RANGEKEEPER_LOG_LEVEL: "log.level",
  RANGEKEEPER_MODE: "worker.mode",
  RANGEKEEPER_MODELS: "models.set",
  RANGEKEEPER_REGISTRY: "models.registry",
  REDIS_URL: "redis.url",
};

/** Flag of a verb -> path in the file. */
export const FLAGS: Readonly<Record<string, string>> = {
  "--chain-id": "chainId",
  "--rpc-url": "rpcUrl",
  "--addresses": "addresses",
  "--redis-url": "redis.url",
  "--journal": "journal.path",
  "--log-level": "log.level",
  "--mode": "worker.mode",
  "--models": "models.set",
  "--registry": "models.registry",
};
const NUMERIC = new Set(["chainId"]);

/** Where a value came from: the file's path, or the name of a variable or a flag. */
export interface Origin {
  readonly layer: "file" | "environment" | "flag";
  readonly name: string;
}

export interface Layers {
  /** File, environment and flags, merged; not yet parsed. */
  readonly raw: Record<string, unknown>;
  /** Origin of what the environment and the flags set, by path; everything else is the file's. */
  readonly origins: ReadonlyMap<string, Origin>;
  readonly file: string;
}

export interface ReadLayersParameters {
  /** The TOML file; absent = RANGEKEEPER_CONFIG. */
  readonly path?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly overrides?: Overrides;
}

/**
 * Merges file < environment < flags. Paths in the file count from the file's folder, those in the environment and in
 * flags from the working folder. Throws ConfigError when there is no readable file.
 */
export function readLayers({ path, env = process.env, overrides = {} }: ReadLayersParameters): Layers {
  const file = path ?? env.RANGEKEEPER_CONFIG;
  if (!file) throw new ConfigError("--config: not given; rule: name the TOML file by --config or RANGEKEEPER_CONFIG");
  const raw = readToml(file);
  absolutePaths(raw, dirname(resolve(file)));
  const origins = new Map<string, Origin>();
  for (const [name, key] of Object.entries(ENVIRONMENT)) {
    const value = env[name];
    if (!value) continue;
    setPath(raw, key, NUMERIC.has(key) ? numberOr(value) : value);
    origins.set(key, { layer: "environment", name });
  }
  for (const [key, value] of Object.entries(overrides)) {
    if (value === undefined) continue;
    setPath(raw, key, NUMERIC.has(key) && typeof value === "string" ? numberOr(value) : value);
    const name = Object.keys(FLAGS).find((flag) => FLAGS[flag] === key) ?? key;
    origins.set(key, { layer: "flag", name });
  }
  return { raw, origins, file };
}

function readToml(file: string): Record<string, unknown> {
  if (!existsSync(file)) throw new ConfigError(`--config: ${file}; rule: the file must exist`);
  try {
    return parseToml(readFileSync(file, "utf8")) as Record<string, unknown>;
  } catch (cause) {
    const where = cause instanceof TomlError ? `line ${cause.line}, column ${cause.column}` : "unreadable";
    // the cause quotes the line, and a line may hold what should not be in the file
    throw new ConfigError(`--config: ${file}: ${where}; rule: the file must be TOML`);
  }
}

/** Makes the paths in the file absolute, so that no later step asks where the file lay. */
function absolutePaths(raw: Record<string, unknown>, folder: string): void {
  const absolute = (value: unknown) => (typeof value === "string" && value !== "" ? resolve(folder, value) : value);
  const keys = getPath(raw, "keys");
  const keystores = isTable(keys) ? Object.keys(keys).map((name) => `keys.${name}.keystore`) : [];
  for (const key of ["addresses", "journal.path", "log.file", "api.journals", "models.registry", ...keystores]) {
    const value = getPath(raw, key);
    if (value !== undefined) setPath(raw, key, Array.isArray(value) ? value.map(absolute) : absolute(value));
  }
  // A model set may name folders among its parts.
  const folders = (value: unknown) =>
    typeof value === "string"
      ? value
          .split("+")
          .map((part) => (isFolder(part) ? absolute(part) : part))
          .join("+")
      : value;
  for (const key of ["models.set", "models.challengers"]) {
    const value = getPath(raw, key);
    if (value !== undefined) setPath(raw, key, Array.isArray(value) ? value.map(folders) : folders(value));
  }
}

const numberOr = (text: string): number | string => (/^\d+$/.test(text) ? Number(text) : text);

/** What lies at a path such as "redis.url"; undefined where the way there ends. */
export function getPath(target: Record<string, unknown>, path: string): unknown {
  return path.split(".").reduce<unknown>((node, key) => (isTable(node) ? node[key] : undefined), target);
}

/** Sets what lies at a path. A value that stands where a table should be is left for the schema to refuse. */
function setPath(target: Record<string, unknown>, path: string, value: unknown): void {
  const keys = path.split(".");
  const last = keys.pop() ?? path;
  let node = target;
  for (const key of keys) {
    const next = node[key];
    if (next !== undefined && !isTable(next)) return;
    if (next === undefined) node[key] = {};
    node = node[key] as Record<string, unknown>;
  }
  node[last] = value;
}

const isTable = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
