import { generateKeyPairSync } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { loadModelSet } from "../../../ml/models/index.ts";
import { readHistory, readRegistry } from "../../../ml/registry/files.ts";
import { registerModel } from "../../../rebalancer/cli/model.ts";
import { writeSecondPackage } from "../../ml/runtime/package.ts";
import { verbRunner } from "../../support/verb.ts";

const run = verbRunner(registerModel, "model");
const model = (...args: string[]) => {
  process.exitCode = undefined;
  return run(...args);
};

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "model-registry-"));
});
afterAll(() => rmSync(root, { recursive: true }));
const at = (...parts: string[]) => join(root, ...parts);

/** A rule of this name, made by the verb. */
async function rule(name: string): Promise<string> {
  const folder = at(name);
  expect((await model("new", folder)).status).toBe(0);
  return folder;
}

/** A configuration in a folder of its own, with this for `[models]`. */
function config(name: string, models: string): string {
  mkdirSync(at(name), { recursive: true });
  const file = at(name, "vaults.toml");
  writeFileSync(
    file,
    `chainId = 31337\nrpcUrl = "http://127.0.0.1:1"\n[[vaults]]\nname = "one"\n[journal]\npath = "journal.db"\n${models}`,
  );
  return file;
}

describe("the configuration's registry and gate", () => {
  it("are what the verbs take, the folder counting from the file's own; flags win", async () => {
    const file = config("configured", '[models]\nregistry = "kept"\n[models.gate]\nshadowDays = 3\ndecisions = 7\n');
    const folder = await rule("configured-rule");
    const added = await model("add", folder, "--config", file);
    expect([added.status, added.stderr]).toEqual([0, ""]);
    expect(Object.keys(readRegistry(at("configured", "kept")).models)).toEqual(["configured-rule"]);
    const refused = await model("promote", "configured-rule", "--config", file, "--decisions", "9");
    expect(refused.status).toBe(3);
    expect(refused.stdout).toMatch(/shadow days\s+no\s+at least 3\s/);
    expect(refused.stdout).toMatch(/decisions\s+no\s+at least 9\s/);
    vi.stubEnv("RANGEKEEPER_CONFIG", file);
    expect((await model("list")).stdout).toMatch(/configured-rule/);
    vi.unstubAllEnvs();
    vi.stubEnv("RANGEKEEPER_REGISTRY", at("configured", "kept"));
    expect((await model("list")).stdout).toMatch(/configured-rule/);
    expect((await model("list", "--registry", at("elsewhere"))).stdout).toMatch(
      /^no model is registered in .*elsewhere/,
    );
    vi.unstubAllEnvs();
  });

  it.each([
    ["[models.gate]\nshadowDays = -1\n", /config models\.gate\.shadowDays: -1; rule: /],
    ["[models.gate]\noutOfDomain = 1.5\n", /config models\.gate\.outOfDomain: 1\.5; rule: /],
    ["[models.gate]\ndecisions = 1.5\n", /config models\.gate\.decisions: 1\.5; rule: /],
    ['[models]\nsigners = ["me"]\n', /config models\.signers\.0: "me"; rule: an ed25519 public key is 0x and 64/],
    ['[models]\nregistry = ""\n', /config models\.registry: ""; rule: /],
  ])("are refused by field, value and rule: %j", async (models, says) => {
    const { status, stderr } = await model("list", "--config", config("wrong", models));
    expect([status, stderr]).toEqual([2, expect.stringMatching(says)]);
  });
});

describe("rollback", () => {
  it("passes over what is retired since, says why, and goes back further when done again", async () => {
    const registry = at("rolled");
    for (const name of ["first", "second", "third"]) {
      await model("add", await rule(name), "--registry", registry);
      expect((await model("promote", name, "--force", "--registry", registry)).status).toBe(0);
    }
    expect((await model("retire", "second", "--registry", registry)).status).toBe(0);
    const back = await model("rollback", "--registry", registry);
    expect([back.status, back.stdout]).toEqual([
      0,
      expect.stringMatching(
        /^passed over: second@0\.1\.0 is retired since 2\S+\nchampion of volatility: third@0\.1\.0 -> first@0\.1\.0\n$/,
      ),
    ]);
    expect(readHistory(registry).at(-1)).toMatchObject({
      action: "rollback",
      to: "first@0.1.0",
      refusals: [expect.stringMatching(/^second@0\.1\.0 is retired/)],
    });
    expect((await model("rollback", "--registry", registry)).stdout).toBe(
      "champion of volatility: first@0.1.0 -> none\n",
    );
    const end = await model("rollback", "--registry", registry);
    expect([end.status, end.stderr]).toEqual([2, expect.stringMatching(/is where it began/)]);
  });

  it("does not go back to a package whose manifest was changed since", async () => {
    const registry = at("changed");
    for (const name of ["old", "new"]) {
      await model("add", await rule(name), "--registry", registry);
      await model("promote", name, "--to", "shadow", "--force", "--registry", registry);
    }
    const file = join(registry, "old", "0.1.0", "manifest.json");
    writeFileSync(file, readFileSync(file, "utf8").replace('"p99": -4', '"p99": 40'));
    const { status, stderr } = await model("rollback", "--alias", "shadow", "--registry", registry);
    expect([status, stderr]).toEqual([
      2,
      expect.stringMatching(/the sha256 of manifest\.json is 0x.*was registered with/),
    ]);
    expect(readRegistry(registry).aliases.shadow.volatility).toBe("new@0.1.0");
  });
});

describe("signatures", () => {
  const key = (name: string, type: "ed25519" | "x25519" = "ed25519") => {
    const file = at(`${name}.pem`);
    const pair = type === "ed25519" ? generateKeyPairSync("ed25519") : generateKeyPairSync("x25519");
    writeFileSync(file, pair.privateKey.export({ format: "pem", type: "pkcs8" }));
    return file;
  };

  it("are asked for where signers are named: add, promote, rollback and every load", async () => {
    const [mine, other] = [key("mine"), key("other")];
    const folder = await rule("signed-rule");
    const stranger = await model("sign", folder, "--key", other);
    const { publicKey } = JSON.parse((await model("sign", folder, "--key", mine, "--json")).stdout);
    expect(stranger.stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
    expect(stranger.stdout).toMatch(/signers = \["0x[0-9a-f]{64}"\]/);
    const file = config("signing", `[models]\nregistry = "kept"\nsigners = ["${publicKey}"]\n`);
    const registry = at("signing", "kept");
    const lookup = { registry, signers: [publicKey] };

    const unsigned = await rule("unsigned-rule");
    const refused = await model("add", unsigned, "--config", file);
    expect([refused.status, refused.stderr]).toEqual([
      2,
      expect.stringMatching(
        /unsigned-rule is not signed, but must be by one of models\.signers: rangekeeper model sign/,
      ),
    ]);
    await expect(loadModelSet(unsigned, lookup)).rejects.toThrow(/is not signed/);
    await expect(loadModelSet(`${folder}+${unsigned}`, lookup)).rejects.toThrow(/is not signed/);
    await model("sign", unsigned, "--key", other);
    const wrong = await model("add", unsigned, "--config", file);
    expect([wrong.status, wrong.stderr]).toEqual([2, expect.stringMatching(/is signed by 0x\w+, who is none of/)]);
    expect(existsSync(join(registry, "registry.json"))).toBe(false);

    const added = await model("add", folder, "--config", file);
    expect([added.status, added.stderr]).toEqual([0, ""]);
    expect((await model("show", "signed-rule", "--config", file)).stdout).toMatch(new RegExp(`signed +${publicKey}`));
    expect((await loadModelSet("signed-rule+rangekeeper", lookup)).volatility.id).toBe("signed-rule");

    // Registered while nobody asked; then somebody does.
    await model("add", unsigned, "--registry", registry);
    const promoted = await model("promote", "unsigned-rule", "--force", "--config", file);
    expect([promoted.status, promoted.stderr]).toEqual([2, expect.stringMatching(/who is none of models\.signers/)]);
    await model("promote", "unsigned-rule", "--force", "--registry", registry);
    await model("promote", "signed-rule", "--force", "--registry", registry);
    const back = await model("rollback", "--config", file);
    expect([back.status, back.stderr]).toEqual([2, expect.stringMatching(/who is none of models\.signers/)]);
    expect(readRegistry(registry).aliases.champion.volatility).toBe("signed-rule@0.1.0");
    await expect(loadModelSet("unsigned-rule", lookup)).rejects.toThrow(/who is none of/);
    await expect(loadModelSet("champion", lookup)).resolves.toMatchObject({ id: "champion" });
  });

  it("do not fit a manifest that was changed after it was signed", async () => {
    const folder = await rule("sealed-again");
    const { publicKey } = JSON.parse((await model("sign", folder, "--key", key("author"), "--json")).stdout);
    const file = join(folder, "model.mts");
    writeFileSync(file, `${readFileSync(file, "utf8")}\n`);
    expect((await model("check", folder, "--seal")).status).toBe(0);
    await expect(loadModelSet(folder, { signers: [publicKey] })).rejects.toThrow(
      /signature\.json: the signature is not one of 0x\w+ over manifest\.json .* must sign it again/,
    );
    expect((await model("show", folder)).stdout.replace(/\s+/g, " ")).toMatch(/signed wrongly: .* must sign it again/);
    writeFileSync(join(folder, "signature.json"), '{"algorithm":"rsa"}');
    await expect(loadModelSet(folder, { signers: [publicKey] })).rejects.toThrow(/signature\.json: algorithm /);
  });

  it("are refused where the key cannot make one", async () => {
    const folder = await rule("without-key");
    for (const file of [at("none.pem"), key("exchange", "x25519")]) {
      const { status, stderr } = await model("sign", folder, "--key", file);
      expect([status, stderr]).toEqual([
        2,
        expect.stringMatching(/--key: .*; rule: an ed25519 private key in PEM \(openssl genpkey/),
      ]);
    }
    expect(existsSync(join(folder, "signature.json"))).toBe(false);
  });
});

describe("figures that are in-sample for the other", () => {
  it("are marked when two packages are compared", async () => {
    const layer = { outputs: 4, weights: [1, 2, 3, 4, 0, 0, 0, 0], bias: [1, 1, 2, 3] };
    const trained = writeSecondPackage(root, layer);
    const later = writeSecondPackage(root, { ...layer, bias: [2, 2, 3, 4] }, (manifest) => ({
      ...manifest,
      id: "later",
      trainedOn: { ...(manifest.trainedOn as object), to: 1_650_000_000 },
      testedOn: { from: 1_660_000_000, to: 1_700_000_000, by: "held-out" },
    }));
    const { stdout } = await model("compare", trained, later);
    expect(stdout).toMatch(
      /in-sample: later was trained on 2017-07-14 to 2022-04-15, tiny-volatility's\s+figures are of 2020-09-13/,
    );
    expect(stdout).not.toMatch(/in-sample: tiny/);
    expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
    expect(JSON.parse((await model("compare", trained, later, "--json")).stdout).inSample).toHaveLength(1);
    expect(JSON.parse((await model("compare", later, later, "--json")).stdout).inSample).toEqual([]);
  });
});
