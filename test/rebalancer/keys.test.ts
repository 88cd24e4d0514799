import { existsSync, mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import type { Hex } from "viem";
import { privateKeyToAddress } from "viem/accounts";
import { beforeEach, describe, expect, it } from "vitest";
import { type Config, parseConfig } from "../../rebalancer/config.ts";
import { environmentNames, loadKeys } from "../../rebalancer/keys/keys.ts";
import { keystoreSchema, openKeystore, sealKeystore } from "../../rebalancer/keys/keystore.ts";
import { checkMode } from "../../rebalancer/mode.ts";
import { startProgram } from "../support/workerProcess.ts";

/** The key of the file in the format's own definition, password "testpassword". */
const PUBLISHED_KEY = "0x7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d";
const elsewhere = {
  pbkdf2: {
    crypto: {
      cipher: "aes-128-ctr",
      cipherparams: { iv: "6087dab2f9fdbbfaddc31a909735c1e6" },
      ciphertext: "5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46",
      kdf: "pbkdf2",
      kdfparams: {
        c: 262144,
        dklen: 32,
        prf: "hmac-sha256",
        salt: "ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd",
      },
      mac: "517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2",
    },
    id: "3198bc9c-6672-5ab3-d995-4942343ae5b6",
    version: 3,
  },
  /** Written by Foundry's `cast wallet import` for KEY and PASSWORD. */
  scrypt: {
    crypto: {
      cipher: "aes-128-ctr",
      cipherparams: { iv: "91e476c872c4eb4a2949300be7ab6970" },
      ciphertext: "0fa53d4b401cbe5c6ccfb5e40aa866bce33ba3df2ea06e188968d8d51e2ab74f",
      kdf: "scrypt",
      kdfparams: {
        dklen: 32,
        n: 8192,
        p: 1,
        r: 8,
        salt: "90c4aa9b091791e2c1c19a72b8d42afd812ba7c7fab9122e961a7b1592295040",
      },
      mac: "dd4c25858b0951fa6b4e625ec69840ed1f4444ead797636dc7ea1dd9598a4183",
    },
    id: "4a458e5c-fdb2-4a51-af63-1b7455c8bb72",
    version: 3,
  },
} as const;

const KEY = `0x${"5e".repeat(32)}` as Hex;
const OTHER = `0x${"7f".repeat(32)}` as Hex;
const PASSWORD = "correct horse";
/** Light work: the strength is a parameter of the format. */
const LIGHT = 1_024;

describe("openKeystore", () => {
  it.each([
    ["scrypt", KEY, PASSWORD],
    ["pbkdf2", PUBLISHED_KEY, "testpassword"],
  ] as const)("opens the %s file of another program, and not with another password", async (kdf, key, password) => {
    const file = keystoreSchema.parse(elsewhere[kdf]);
    expect(await openKeystore(file, password)).toBe(key);
    expect(await openKeystore(file, `${password}e`)).toBeNull();
  });

  it("opens what it sealed, for any key and password", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 31, maxLength: 31 }),
        fc.string({ minLength: 1 }),
        async (tail, password) => {
          const key = `0x01${Buffer.from(tail).toString("hex")}` as Hex;
          const file = await sealKeystore(key, password, 2);
          expect(JSON.stringify(file)).not.toContain(key.slice(2));
          expect(await openKeystore(keystoreSchema.parse(file), password)).toBe(key);
          expect(await openKeystore(keystoreSchema.parse(file), `${password}x`)).toBeNull();
        },
      ),
      { numRuns: 25 },
    );
  });

  it.each([
    ["n", { n: 3 }, "a power of two"],
    ["n", { n: 2 ** 30 }, "128 x n x r is at most"],
    ["n", { n: 2 ** 17, r: 1 }, "below 2^(16 x r)"],
    ["dklen", { dklen: 64 }, "expected 32"],
  ])("refuses %s that no honest file has", (field, change, rule) => {
    const { crypto } = elsewhere.scrypt;
    const file = { ...elsewhere.scrypt, crypto: { ...crypto, kdfparams: { ...crypto.kdfparams, ...change } } };
    const { error } = keystoreSchema.safeParse(file);
    expect(error?.issues[0]?.path.join(".")).toBe(`crypto.kdfparams.${field}`);
    expect(error?.issues[0]?.message).toContain(rule);
  });
});

describe("loadKeys", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "rangekeeper-keys-"));
  });
  const write = (name: string, content: unknown): string => {
    const path = join(folder, name);
    writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
    return path;
  };
  const config = (keys: Config["keys"], mode: Config["worker"]["mode"] = "live"): Config =>
    parseConfig({
      chainId: 1,
      rpcUrl: "http://127.0.0.1:1",
      worker: { mode },
      keys,
      vaults: [{ name: "first" }, { name: "second", keeper: "hot-wallet", signer: "model-b" }],
    });

  /** The message of what is refused; fails the test when nothing is. */
  const refusal = async (work: () => Promise<unknown>): Promise<string> => {
    try {
      await work();
    } catch (error) {
      return `${String(error)}\n${(error as Error).stack}`;
    }
    throw new Error("nothing was refused");
  };

  it("gives each vault the keys that it names, from keystores and from the environment", async () => {
    const keystore = write("hot.json", await sealKeystore(OTHER, PASSWORD, LIGHT));
    const both = config({ "hot-wallet": { keystore } });
    const secrets: string[] = [];
    const keys = await loadKeys({
      config: both,
      env: {
        RANGEKEEPER_KEEPER_KEY: KEY,
        RANGEKEEPER_SIGNER_KEY: KEY,
        RANGEKEEPER_MODEL_B_KEY: OTHER,
        RANGEKEEPER_HOT_WALLET_PASSWORD: PASSWORD,
        // not read: a keystore is named
        RANGEKEEPER_HOT_WALLET_KEY: KEY,
      },
      onSecret: (secret) => secrets.push(secret),
    });
    const [first, second] = both.vaults.map((vault) => keys.of(vault));
    expect(first?.keeper?.address).toBe(privateKeyToAddress(KEY));
    expect(second?.keeper?.address).toBe(privateKeyToAddress(OTHER));
    expect(second?.signer?.address).toBe(privateKeyToAddress(OTHER));
    expect(keys.keepers.map(({ address }) => address)).toEqual([privateKeyToAddress(KEY), privateKeyToAddress(OTHER)]);
    expect(keys.keeper(privateKeyToAddress(OTHER))?.address).toBe(privateKeyToAddress(OTHER));
    expect(new Set(secrets)).toEqual(new Set([KEY, OTHER, PASSWORD]));
    expect(() => checkMode(both, true, keys)).not.toThrow();
  });

  it("names every missing key at once, by the variable that would give it", async () => {
    const both = config({ "hot-wallet": { keystore: join(folder, "nowhere.json") } });
    const keys = await loadKeys({ config: both, env: { RANGEKEEPER_KEEPER_KEY: KEY } });
    const message = await refusal(async () => checkMode(both, true, keys));
    expect(message).toContain('RANGEKEEPER_SIGNER_KEY: missing; rule: needed by vault "first"');
    expect(message).toContain('RANGEKEEPER_HOT_WALLET_PASSWORD: missing; rule: needed by vault "second"');
    expect(message).toContain("RANGEKEEPER_MODEL_B_KEY: missing");
    expect(message).not.toContain("RANGEKEEPER_KEEPER_KEY");
  });

  it("names what is wrong with a keystore, and repeats no secret", async () => {
    const sealed = await sealKeystore(KEY, PASSWORD, LIGHT);
    const opened = (content: unknown, password = PASSWORD) =>
      refusal(() =>
        loadKeys({
          config: config({ keeper: { keystore: content === null ? join(folder, "no") : write("k.json", content) } }),
          env: { RANGEKEEPER_KEEPER_PASSWORD: password },
        }),
      );
    const wrong = await opened(sealed, "incorrect donkey");
    expect(wrong).toContain("RANGEKEEPER_KEEPER_PASSWORD: [redacted] does not open");
    expect(wrong).not.toContain("donkey");
    expect(await opened(null)).toContain("config keys.keeper.keystore: ");
    expect(await opened("{")).toContain("rule: the file must be readable JSON");
    // a bare key where the keystore belongs
    for (const bare of [KEY, JSON.stringify(KEY), JSON.stringify({ privateKey: KEY, version: KEY, crypto: KEY })]) {
      const message = await opened(bare);
      expect(message).toContain("config keys.keeper.keystore: ");
      expect(message).not.toContain(KEY.slice(2, 20));
    }
    expect(await opened({ ...sealed, version: 1 })).toContain("a JSON keystore of version 3 (version: ");
    expect(await opened({ ...sealed, address: privateKeyToAddress(OTHER) })).toContain("rule: they must be equal");
  });

  it("opens no keystore without its password: a worker in mode shadow needs none", async () => {
    const shadow = config({ keeper: { keystore: join(folder, "nowhere.json") } }, "shadow");
    const keys = await loadKeys({ config: shadow, env: {} });
    expect(keys.keepers).toEqual([]);
    expect(() => checkMode(shadow, false, keys)).not.toThrow();
  });

  it("never repeats a malformed key of the environment", async () => {
    const message = await refusal(() =>
      loadKeys({ config: config({}), env: { RANGEKEEPER_SIGNER_KEY: "0xnotakey1234" } }),
    );
    expect(message).toContain("RANGEKEEPER_SIGNER_KEY: [redacted]");
    expect(message).not.toContain("notakey");
  });

  it("derives a variable's name from a key's", () => {
    expect(environmentNames("hot-wallet-2")).toEqual({
      key: "RANGEKEEPER_HOT_WALLET_2_KEY",
      password: "RANGEKEEPER_HOT_WALLET_2_PASSWORD",
    });
  });

  it("leaves the sealed file as it is", async () => {
    const path = write("kept.json", await sealKeystore(KEY, PASSWORD, LIGHT));
    const before = readFileSync(path, "utf8");
    await loadKeys({ config: config({ keeper: { keystore: path } }), env: { RANGEKEEPER_KEEPER_PASSWORD: PASSWORD } });
    expect(readFileSync(path, "utf8")).toBe(before);
  });
});

describe("the verb keys", () => {
  const cli = (args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
    startProgram("rebalancer/cli/main.ts", ["keys", ...args], { ...process.env, ...env }).ended;

  it("draws a key into a file that only its owner can read, prints the address only, and replaces nothing", async () => {
    const file = join(mkdtempSync(join(tmpdir(), "rangekeeper-keys-")), "hot.json");
    const env = { RANGEKEEPER_HOT_PASSWORD: "correct horse battery" };
    const { code, stdout, stderr } = await cli(["new", "hot", "--out", file, "--json"], env);
    expect(code, stderr).toBe(0);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const key = await openKeystore(
      keystoreSchema.parse(JSON.parse(readFileSync(file, "utf8"))),
      "correct horse battery",
    );
    expect(JSON.parse(stdout)).toEqual({ name: "hot", keystore: file, address: privateKeyToAddress(key as Hex) });
    expect(`${stdout}${stderr}`).not.toContain((key as Hex).slice(2));
    const before = readFileSync(file, "utf8");
    expect(await cli(["new", "hot", "--out", file], env)).toMatchObject({ code: 2, stdout: "" });
    expect(readFileSync(file, "utf8")).toBe(before);
  });

  it("wants a password that is worth one, and a name that makes a variable", async () => {
    const short = await cli(["new", "hot", "--out", "never.json"], { RANGEKEEPER_HOT_PASSWORD: "donkey" });
    expect(short.code).toBe(2);
    expect(short.stderr).toContain("RANGEKEEPER_HOT_PASSWORD: [redacted]; rule: a password of at least 12 characters");
    expect(short.stderr).not.toContain("donkey");
    const named = await cli(["new", "Hot!", "--out", "never.json"]);
    expect(named).toMatchObject({ code: 2 });
    expect(existsSync("never.json")).toBe(false);
  });
});
