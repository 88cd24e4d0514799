import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { stringify } from "smol-toml";
import { describe, expect, it } from "vitest";
import { configJsonSchema } from "../../rebalancer/config/inspect.ts";
import { ENVIRONMENT, FLAGS } from "../../rebalancer/config/layers.ts";
import { type Config, loadConfig, parseConfig } from "../../rebalancer/config.ts";
import { ConfigError, exitCodeOf } from "../../rebalancer/errors.ts";
import { lineRunner } from "../support/verb.ts";

const BIN = fileURLToPath(new URL("../../rebalancer/cli/bin.mjs", import.meta.url));
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const ADDRESS = "0x00000000000000000000000000000000000000AA";
const OTHER = "0x00000000000000000000000000000000000000bb";
const DIGEST = `0x${"ab".repeat(32)}`;

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly enum?: readonly string[];
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | false;
  readonly items?: Schema;
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
  readonly minItems?: number;
}
const schema = configJsonSchema() as Schema;

/** A configuration that gives every field of the schema a good value. */
const complete = (): Json => sampleOf(schema, "");

function sampleOf(node: Schema, path: string): Json {
  if (node.enum) return node.enum[0] as string;
  if (node.anyOf) return sampleOf(node.anyOf[0] as Schema, path);
  if (node.properties) {
    const fields = Object.entries(node.properties);
    return Object.fromEntries(fields.map(([name, inner]) => [name, sampleOf(inner, path ? `${path}.${name}` : name)]));
  }
  if (node.type === "object") return { main: sampleOf(node.additionalProperties as Schema, `${path}.main`) };
  if (node.type === "array") return [sampleOf(node.items as Schema, `${path}.0`)];
  if (node.type === "boolean") return true;
  if (node.type === "integer" || node.type === "number") return Math.max(node.minimum ?? 0, 1);
  return wordFor(path, node.pattern);
}

function wordFor(path: string, pattern: string | undefined): string {
  const words = [
    "http://127.0.0.1:1",
    "ws://127.0.0.1:1",
    "redis://127.0.0.1:1",
    ADDRESS,
    DIGEST,
    "127.0.0.1:9100",
    "main",
  ];
  const found = words.find((word) => pattern === undefined || new RegExp(pattern).test(word));
  if (!found) throw new Error(`no sample for ${path}: ${pattern}`);
  return pattern === undefined ? `some-${path.replaceAll(".", "-")}` : found;
}

interface Field {
  readonly path: string;
  readonly schema: Schema;
}

/** Every node of the schema below the whole, arrays and records with their first entry. */
function fieldsOf(node: Schema, path = ""): Field[] {
  const own = path === "" ? [] : [{ path, schema: node }];
  const inside = Object.entries(node.properties ?? {}).flatMap(([name, inner]) =>
    fieldsOf(inner, path === "" ? name : `${path}.${name}`),
  );
  const items = node.items ? fieldsOf(node.items, `${path}.0`) : [];
  const rest =
    node.type === "object" && !node.properties && node.additionalProperties
      ? fieldsOf(node.additionalProperties, `${path}.main`)
      : [];
  return [...own, ...inside, ...items, ...rest];
}

const fields = fieldsOf(schema);

/** Values that a field must not take, by what its schema says of it. */
function wrongFor({ schema: node, path }: Field): readonly unknown[] {
  const wrong: unknown[] = [null, { x: 1 }];
  const kinds = new Set([node.type, ...(node.anyOf ?? []).map(({ type }) => type)]);
  if (node.enum) wrong.push("", "fast", 7, true);
  else if (kinds.has("integer") || kinds.has("number")) {
    wrong.push(-1, Number.NaN, Number.POSITIVE_INFINITY, true, [1], "");
    if (!kinds.has("string")) wrong.push("1", "many");
    if (kinds.has("integer")) wrong.push(1.5, 2 ** 53);
    if (node.maximum !== undefined) wrong.push(node.maximum + 1);
    if (node.exclusiveMinimum !== undefined) wrong.push(node.exclusiveMinimum);
    if (/gwei/i.test(path) && path.startsWith("worker")) wrong.push(1e300, 1e-9);
    if (kinds.has("string")) wrong.push("12x", "-3", "9".repeat(60), (2n ** 128n).toString());
  } else if (kinds.has("boolean")) wrong.push(1, "true", []);
  else if (kinds.has("string")) {
    wrong.push("", 5, true, ["a"], "x".repeat(5_000));
    if (node.pattern) wrong.push("not it", `${ADDRESS}00!`, "http://", "redis://", "127.0.0.1:99999");
  } else if (kinds.has("array")) wrong.push("a", 3, ...(node.minItems ? [[]] : []));
  else if (kinds.has("object")) wrong.splice(1, 1, "a", 3, [], { nosuchkey: 1 });
  return wrong;
}

function withField(base: Json, path: string, value: unknown): Json {
  const copy = structuredClone(base);
  const keys = path.split(".");
  const last = keys.pop() as string;
  const at = keys.reduce<Json>((node, key) => (node as Record<string, Json>)[key] as Json, copy);
  (at as Record<string, unknown>)[last] = value;
  return copy;
}

function refusal(act: () => Config): string | null {
  try {
    act();
    return null;
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    expect(exitCodeOf(error)).toBe(2);
    return (error as ConfigError).message;
  }
}

describe("the configuration's schema", () => {
  it("takes a file with every field, each good", () => {
    expect(fields.length).toBeGreaterThan(120);
    expect(refusal(() => parseConfig(complete()))).toBeNull();
  });

  it("describes every field", () => {
    const bare = fields.filter(({ schema: node, path }) => !node.description && !/\.(0|main)$/.test(path));
    expect(bare.map(({ path }) => path)).toEqual([]);
  });

  it("refuses every field wrong in turn, naming field, value and rule", () => {
    let tried = 0;
    const accepted: string[] = [];
    for (const field of fields) {
      for (const value of wrongFor(field)) {
        tried += 1;
        const message = refusal(() => parseConfig(withField(complete(), field.path, value)));
        if (message === null) accepted.push(`${field.path} = ${String(JSON.stringify(value)).slice(0, 40)}`);
        else {
          const line = message.split("\n").find((one) => one.startsWith(`config ${field.path}`));
          expect(line, `${field.path} = ${JSON.stringify(value)}: ${message}`).toMatch(/^config \S+: .*; rule: \S/s);
        }
      }
    }
    expect(accepted).toEqual([]);
    expect(tried).toBeGreaterThan(1_000);
  });

  it("refuses an unknown key anywhere, with the place", () => {
    for (const { path, schema: node } of fields.filter(({ schema: one }) => one.properties)) {
      const message = refusal(() => parseConfig(withField(complete(), `${path}.colour`, "blue")));
      expect(message, path).toContain(`config ${path}.colour: "blue"; rule: unknown key`);
      expect(node.additionalProperties).toBe(false);
    }
  });

  it("answers whatever it is given with a configuration or with named errors", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...fields),
        fc.anything({ withBigInt: true, withDate: true, withNullPrototype: true, maxDepth: 3 }),
        ({ path }, value) => {
          const message = refusal(() => parseConfig(withField(complete(), path, value)));
          if (message !== null) expect(message).toMatch(/^config .*; rule: /s);
        },
      ),
      { numRuns: 1_500, seed: 6 },
    );
  });

  it("never repeats what looks like a key, wherever somebody has put it", () => {
    const secret = "c0ffee".repeat(11).slice(0, 64);
    for (const [path, value] of [
      ["keys.main.key", `0x${secret}`],
      ["keys.main.keystore", { password: secret }],
      ["rpcUrl", `ftp://user:${secret}@node`],
      ["redis.url", `redsi://:${secret.slice(0, 12)}@host`],
      ["worker.password", "hunter2hunter2"],
    ] as const) {
      const message = refusal(() => parseConfig(withField(complete(), path, value)));
      expect(message, path).toContain(`config ${path}`);
      expect(message).not.toContain(secret.slice(0, 12));
      expect(message).not.toContain("hunter2");
    }
  });

  it("knows every key that the deploy scripts read", () => {
    const scripts = ["Config", "Deploy.s", "AddStrategy.s"].map((name) =>
      readFileSync(join(ROOT, `deploy/${name}.sol`), "utf8"),
    );
    const read = new Set<string>();
    for (const text of scripts) {
      for (const [, key] of text.matchAll(/_uint\(section, "(\w+)"\)|string\.concat\((?:section|key), "\.?(\w+)"\)/g)) {
        if (key) read.add(key);
      }
      for (const [, key] of text.matchAll(/string\.concat\((?:section|key), "\.?(\w+)"\)/g)) read.add(key as string);
      for (const [, key] of text.matchAll(/"\.(\w+(?:\.\w+)*)"/g))
        read.add((key as string).split(".").at(-1) as string);
    }
    // Of the addresses file that the first script writes, not of the configuration.
    read.delete("accessManager");
    const known = new Set(fields.map(({ path }) => path.split(".").at(-1)));
    expect(read.size).toBeGreaterThan(40);
    expect([...read].filter((key) => !known.has(key))).toEqual([]);
  });

  it("reads variables and flags into fields that exist", () => {
    const known = new Set(fields.map(({ path }) => path));
    for (const path of [...Object.values(ENVIRONMENT), ...Object.values(FLAGS)]) expect(known).toContain(path);
    expect(new Set(Object.values(FLAGS))).toEqual(new Set(Object.values(ENVIRONMENT)));
  });
});

describe("a wrong file, variable or flag", () => {
  const rangekeeper = lineRunner();
  const folder = mkdtempSync(join(tmpdir(), "rangekeeper-property-"));
  const good = {
    chainId: 31337,
    rpcUrl: "http://127.0.0.1:1",
    redis: { url: "redis://127.0.0.1:1" },
    journal: { path: "journal.db" },
    vaults: [{ name: "a", pool: ADDRESS, vault: ADDRESS, lens: ADDRESS, strategyContract: ADDRESS }],
  };
  let files = 0;
  const write = (value: Record<string, unknown>): string => {
    const path = join(folder, `${files++}.toml`);
    writeFileSync(path, stringify(value));
    return path;
  };
  const path = write(good);

  it("is named with the layer that set it", () => {
    const wrong: Readonly<Record<string, string>> = {
      chainId: "one",
      rpcUrl: "ws://x",
      addresses: "x".repeat(5_000),
      "redis.url": "http://x",
      "journal.path": "x".repeat(5_000),
      "log.level": "loud",
      "worker.mode": "fast",
      "models.set": "x".repeat(5_000),
      "models.registry": "x".repeat(5_000),
    };
    for (const [name, field] of Object.entries(ENVIRONMENT)) {
      const message = refusal(() => loadConfig({ path, env: { [name]: wrong[field] } }));
      expect(message, name).toMatch(new RegExp(`^config ${field}: .*; rule: .* \\(set by ${name}\\)$`, "s"));
    }
    for (const [flag, field] of Object.entries(FLAGS)) {
      const message = refusal(() => loadConfig({ path, env: {}, overrides: { [field]: wrong[field] } }));
      expect(message, flag).toMatch(new RegExp(`^config ${field}: .*; rule: .* \\(set by ${flag}\\)$`, "s"));
    }
  });

  it("lets flags win over variables, variables over the file, and the file over defaults", () => {
    const env = { RANGEKEEPER_MODE: "dry-run", REDIS_URL: "redis://b:1" };
    const config = loadConfig({ path, env, overrides: { "worker.mode": "live", chainId: "5" } });
    expect([config.worker.mode, config.redis.url, config.chainId, config.worker.confirmations]).toEqual([
      "live",
      "redis://b:1",
      5,
      1,
    ]);
  });

  it("names what is given twice, and what a sink lacks", () => {
    const twice = { ...good, vaults: [good.vaults[0], { ...good.vaults[0], vault: OTHER }] };
    expect(refusal(() => parseConfig(twice))).toContain(
      'config vaults.1.name: "a"; rule: a vault\'s name is given once',
    );
    const same = { ...good, vaults: [good.vaults[0], { ...good.vaults[0], name: "b" }] };
    expect(refusal(() => parseConfig(same))).toContain("config vaults.1.vault:");
    const sinks = { ...good, alerts: { sinks: [{ name: "me", kind: "telegram" }] } };
    expect(refusal(() => parseConfig(sinks))).toContain("config alerts.sinks.0.chat: missing; rule: ");
  });

  it("stops every verb with status 2 before anything is started or written", async () => {
    const bad = write({ ...good, worker: { confirmations: 0 } });
    const before = readdirSync(folder);
    const named = { error: "ConfigError", message: expect.stringMatching(/^config worker\.confirmations: 0; rule: /) };
    const verbs = [
      "doctor",
      "score a",
      "status",
      "queue ls",
      "config show",
      "journal ls",
      "rebalance a --to-idle --dry-run",
    ];
    for (const verb of verbs) {
      const { status, stderr, stdout } = await rangekeeper(...verb.split(" "), "--config", bad, "--json");
      expect(status, `${verb}: ${stderr}`).toBe(2);
      expect(JSON.parse(stderr)).toMatchObject(named);
      expect(stdout).toBe("");
    }
    const worker = spawnSync(process.execPath, [BIN, "worker", "start", "--config", bad, "--json"], {
      encoding: "utf8",
    });
    expect(worker.status).toBe(2);
    expect(JSON.parse(worker.stderr)).toMatchObject(named);
    expect(readdirSync(folder)).toEqual(before);
    expect(existsSync(join(folder, "journal.db"))).toBe(false);
  });

  it("stops with status 2 at a flag that does not exist, lacks its value or has a wrong one", async () => {
    for (const [flag, ...args] of [
      ["--colour", "status", "--colour"],
      ["--mode", "status", "--mode"],
      ["--level", "logs", "--level", "loud"],
      ["--top", "score", "a", "--top", "0"],
      ["--range", "rebalance", "a", "--range", "5:1", "--dry-run"],
      ["--letters", "queue", "drain", "--letters", "one"],
      ["unknown command", "levitate"],
      ["Did you mean status", "statsu"],
    ] as const) {
      const { status, stderr } = await rangekeeper(...args);
      expect(status, args.join(" ")).toBe(2);
      expect(stderr).toContain(flag);
    }
  });
});
