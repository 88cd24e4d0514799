import { closeSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { Command } from "commander";
import { generatePrivateKey, privateKeyToAddress } from "viem/accounts";
import { ConfigError } from "../errors.ts";
import { environmentNames, loadKeys } from "../keys/keys.ts";
import { sealKeystore } from "../keys/keystore.ts";
import { answer, type CommonOptions, examples, guarded, readConfig, withCommonOptions } from "./options.ts";

const SHORTEST_PASSWORD = 12;

/** `keys new` and `keys address`: keystores for keepers and signers. Neither ever prints a key. */
export function registerKeys(program: Command): void {
  const keys = program.command("keys").description("keystores of keepers and signers");
  const create = keys
    .command("new")
    .argument("<name>", "the key's name in [keys]; its password comes from RANGEKEEPER_<NAME>_PASSWORD")
    .description("draw a key and write it to an encrypted file that only you can read")
    .requiredOption("--out <file>", "the keystore to write; must not exist")
    .option("--json", "answer in JSON")
    .action((name: string, options: NewOptions) => guarded(options, () => drawKey(name, options)));
  examples(
    create,
    "rangekeeper keys new hot-wallet --out secrets/hot-wallet.json",
    "",
    "Then, in the configuration:",
    '  [keys.hot-wallet]\n  keystore = "secrets/hot-wallet.json"\n  [[vaults]]\n  keeper = "hot-wallet"',
  );
  const address = withCommonOptions(
    keys.command("address").description("open the keys that the vaults name, and print their addresses"),
  ).action((options: CommonOptions) => guarded(options, () => showAddresses(options)));
  examples(address, "rangekeeper keys address --config vaults.toml");
}

interface NewOptions extends CommonOptions {
  readonly out: string;
}

async function drawKey(name: string, options: NewOptions): Promise<void> {
  if (!/^[a-z][a-z0-9-]*$/.test(name))
    throw new ConfigError(`name: ${name}; rule: a key's name is made of a-z, 0-9 and -`);
  const variable = environmentNames(name).password;
  const password = process.env[variable] ?? "";
  if (password.length < SHORTEST_PASSWORD)
    throw new ConfigError(`${variable}: [redacted]; rule: a password of at least ${SHORTEST_PASSWORD} characters`);
  const path = resolve(options.out);
  const privateKey = generatePrivateKey();
  const sealed = await sealKeystore(privateKey, password);
  mkdirSync(dirname(path), { recursive: true });
  let file: number;
  try {
    // readable by its owner only, and never in place of another key
    file = openSync(path, "wx", 0o600);
  } catch (cause) {
    throw new ConfigError(`--out: ${path}; rule: a file that does not exist, in a folder that can be written`, {
      cause,
    });
  }
  writeFileSync(file, `${JSON.stringify(sealed, null, 2)}\n`);
  closeSync(file);
  const found = { name, keystore: path, address: privateKeyToAddress(privateKey) };
  answer(options, found, () => `${found.address}\n  in ${path}`);
}

async function showAddresses(options: CommonOptions): Promise<void> {
  const config = readConfig(options);
  const keys = await loadKeys({ config, env: process.env });
  const rows = config.vaults.map((vault) => {
    const { keeper, signer } = keys.of(vault);
    return {
      vault: vault.name,
      keeper: { name: vault.keeper, address: keeper?.address ?? null },
      signer: { name: vault.signer, address: signer?.address ?? null },
    };
  });
  const line = (what: string, { name, address }: { name: string; address: string | null }) =>
    `  ${what} ${name}: ${address ?? "not given"}`;
  answer(options, rows, () =>
    rows.flatMap(({ vault, keeper, signer }) => [vault, line("keeper", keeper), line("signer", signer)]).join("\n"),
  );
}
