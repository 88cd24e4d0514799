import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadConfig, parseConfig, resolveVaults } from "../../rebalancer/config.ts";
import { ConfigError, exitCodeOf } from "../../rebalancer/errors.ts";
import { loadKeys } from "../../rebalancer/keys/keys.ts";
import { checkMode } from "../../rebalancer/mode.ts";

const folder = mkdtempSync(join(tmpdir(), "rangekeeper-config-"));
const ADDRESS = "0x00000000000000000000000000000000000000AA";
let files = 0;

function file(text: string, name = `config-${files++}.toml`): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const MINIMAL = `
chainId = 31337
rpcUrl = "http://127.0.0.1:8545"
[[vaults]]
name = "demo"
pool = "${ADDRESS}"
vault = "${ADDRESS}"
lens = "${ADDRESS}"
strategyContract = "${ADDRESS}"
`;

const load = (text: string, env: NodeJS.ProcessEnv = {}, overrides = {}) =>
  loadConfig({ path: file(text), env, overrides });

function refusal(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    expect(exitCodeOf(error)).toBe(2);
    return error instanceof Error ? error.message : "";
  }
  throw new Error("was accepted");
}

describe("loadConfig", () => {
  it("fills in defaults, then the file, then the environment, then flags", () => {
    expect(load(MINIMAL).worker.mode).toBe("shadow");
    const text = `${MINIMAL}\n[worker]\nmode = "dry-run"\n`;
    expect(load(text).worker.mode).toBe("dry-run");
    expect(load(text, { RANGEKEEPER_MODE: "live" }).worker.mode).toBe("live");
    expect(load(text, { RANGEKEEPER_MODE: "live" }, { "worker.mode": "shadow" }).worker.mode).toBe("shadow");
    expect(load(MINIMAL, { REDIS_URL: "redis://elsewhere:1" }).redis.url).toBe("redis://elsewhere:1");
    expect(load(MINIMAL, { RANGEKEEPER_CHAIN_ID: "5" }).chainId).toBe(5);
  });

  it.each([
    [
      "an unknown key at the top",
      `${MINIMAL.replace("chainId", "speed = 3\nchainId")}`,
      "config speed: 3; rule: unknown key",
    ],
    ["an unknown key in a section", `${MINIMAL}\n[decision]\nrisk = 3\n`, "config decision.risk: 3; rule: unknown key"],
    ["a wrong type", MINIMAL.replace("31337", '"one"'), 'config chainId: "one"; rule: '],
    ["a value out of bounds", `${MINIMAL}\n[worker]\nconfirmations = 0\n`, "config worker.confirmations: 0; rule: "],
    ["a missing field", MINIMAL.replace(/rpcUrl.*\n/, ""), "config rpcUrl: missing; rule: "],
    ["a mode that does not exist", `${MINIMAL}\n[worker]\nmode = "fast"\n`, 'config worker.mode: "fast"; rule: '],
    [
      "a short address",
      MINIMAL.replace(`vault = "${ADDRESS}"`, 'vault = "0x12"'),
      'config vaults.0.vault: "0x12"; rule: an address',
    ],
    ["no vaults", "chainId = 1\nrpcUrl = 'http://x'\nvaults = []\n", "config vaults: []; rule: at least one"],
  ])("refuses %s, naming field, value and rule", (_name, text, expected) => {
    expect(refusal(() => load(text))).toContain(expected);
  });

  it("refuses a file that is missing or is not TOML, with the place", () => {
    expect(refusal(() => loadConfig({ path: join(folder, "none.toml"), env: {} }))).toContain(
      "none.toml; rule: the file must exist",
    );
    expect(refusal(() => load("chainId = = 3"))).toMatch(/line 1, column \d+; rule: the file must be TOML/);
    expect(refusal(() => loadConfig({ env: {} }))).toContain("--config");
  });
});

describe("paths", () => {
  const models = `[models]\nset = "./mine+rangekeeper"\nchallengers = ["../theirs", "challenger", "a@1.0.0+/abs/b", "."]`;

  it("in the file count from its folder, in every field", () => {
    const {
      addresses,
      journal,
      log,
      api,
      models: found,
    } = load(
      `addresses = "d/a.json"\n${MINIMAL}\n[journal]\npath = "j.db"\n[log]\nfile = "l.txt"\n[api]\njournals = ["k.db", "/m.db"]\n${models}\nregistry = "reg"`,
    );
    expect(addresses).toBe(join(folder, "d/a.json"));
    expect([journal.path, log.file, ...api.journals]).toEqual([
      ...[join(folder, "j.db"), join(folder, "l.txt"), join(folder, "k.db"), "/m.db"],
    ]);
    expect([found.registry, found.set]).toEqual([join(folder, "reg"), `${join(folder, "mine")}+rangekeeper`]);
    expect(found.challengers).toEqual([join(folder, "../theirs"), "challenger", "a@1.0.0+/abs/b", folder]);
  });

  it("in the environment and in flags count from where the command runs, as those that are left out do", () => {
    const path = join(folder, "env.toml");
    writeFileSync(path, `${MINIMAL}\n${models}`);
    const fromEnv = loadConfig({ path, env: { RANGEKEEPER_MODELS: "./other", RANGEKEEPER_JOURNAL: "e.db" } });
    expect([fromEnv.models.set, fromEnv.journal.path]).toEqual(["./other", "e.db"]);
    expect(loadConfig({ path, env: {}, overrides: { "models.set": "./flag" } }).models.set).toBe("./flag");
    expect([load(MINIMAL).journal.path, load(MINIMAL).models.registry]).toEqual(["journal.db", "models"]);
  });
});

describe("resolveVaults", () => {
  const named = 'chainId = 31337\nrpcUrl = "http://x"\naddresses = "deployed.json"\n[[vaults]]\nname = "demo"\n';
  const addresses = {
    chainId: 31337,
    pool: ADDRESS,
    vault: ADDRESS,
    lens: ADDRESS,
    strategy: ADDRESS,
    oracle: ADDRESS,
  };

  it("takes missing addresses from the deployment's file beside the configuration", () => {
    file(JSON.stringify(addresses), "deployed.json");
    expect(resolveVaults(load(named))[0]).toMatchObject({ name: "demo", strategy: ADDRESS });
  });

  it("refuses a deployment of another chain, and an address that nobody gives", () => {
    file(JSON.stringify({ ...addresses, chainId: 1 }), "deployed.json");
    expect(refusal(() => resolveVaults(load(named)))).toContain(
      "chainId: 1; rule: must equal the config's chainId 31337",
    );
    expect(refusal(() => resolveVaults(load(MINIMAL.replace(/lens.*\n/, ""))))).toContain("vaults.0.lens: missing");
  });
});

describe("checkMode", () => {
  const config = (mode: string) => load(`${MINIMAL}\n[worker]\nmode = "${mode}"\n`);
  const keys = (env: NodeJS.ProcessEnv) => loadKeys({ config: config("live"), env });
  const RANGEKEEPER_SIGNER_KEY = `0x${"11".repeat(32)}`;
  const RANGEKEEPER_KEEPER_KEY = `0x${"22".repeat(32)}`;

  it("wants flag and configuration to agree on live", async () => {
    const both = await keys({ RANGEKEEPER_SIGNER_KEY, RANGEKEEPER_KEEPER_KEY });
    expect(refusal(() => checkMode(config("live"), false, both))).toContain(
      "worker.mode: live; rule: needs the flag --yes-live",
    );
    expect(refusal(() => checkMode(config("dry-run"), true, both))).toContain('needs worker.mode = "live"');
    expect(() => checkMode(config("live"), true, both)).not.toThrow();
  });

  it("wants the keys that a mode uses", async () => {
    const none = await keys({});
    expect(refusal(() => checkMode(config("dry-run"), false, none))).toContain("RANGEKEEPER_SIGNER_KEY: missing");
    expect(refusal(() => checkMode(config("dry-run"), false, none))).not.toContain("KEEPER_KEY");
    const signer = await keys({ RANGEKEEPER_SIGNER_KEY });
    expect(refusal(() => checkMode(config("live"), true, signer))).toContain("RANGEKEEPER_KEEPER_KEY: missing");
    expect(() => checkMode(config("shadow"), false, none)).not.toThrow();
  });
});

describe("parseConfig", () => {
  it("reports every broken field at once", () => {
    const message = refusal(() => parseConfig({ chainId: -1, rpcUrl: "ws://x", vaults: [{ name: "a", colour: 1 }] }));
    for (const field of ["chainId", "rpcUrl", "vaults.0.colour"]) expect(message).toContain(`config ${field}:`);
  });
});
