// Prints the size of every contract that is deployed and the vault's storage layout; fails when a contract is above the
// limit or the layout differs from the committed one. `--update` writes the layout. Run `npm run build` first.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const LIMIT_BYTES = 23_500; // a thousand below what a chain accepts
const VAULT_AIM_BYTES = 22_000;
const LAYOUT = "vaults/RangeVault.layout.txt";

function solidityFiles(folder) {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".sol"))
    .map((file) => join(folder, file))
    .sort();
}

/** Bytes of deployed code, by contract; libraries whose functions are all internal are deployed nowhere. */
function sizes() {
  const found = [];
  for (const file of [...solidityFiles("vaults"), ...solidityFiles("strategies")]) {
    const folder = join(root, "out", basename(file));
    if (!existsSync(folder)) continue;
    for (const artifact of readdirSync(folder)) {
      const { deployedBytecode, abi, metadata } = JSON.parse(readFileSync(join(folder, artifact), "utf8"));
      const [source] = Object.keys(metadata?.settings?.compilationTarget ?? {});
      if (source !== undefined && source !== file) continue;
      const bytes = (deployedBytecode.object.length - 2) / 2;
      // What is left of a library without external functions is a stub. Storage arguments hide functions from its ABI.
      const deployed = abi.some((item) => item.type === "constructor" || item.type === "function") || bytes > 200;
      if (bytes > 0 && deployed) found.push({ name: basename(artifact, ".json"), bytes });
    }
  }
  return found.sort((a, b) => b.bytes - a.bytes);
}

/** One line per variable and struct member, as the compiler lays them out. */
function layout(file, contract) {
  const require = createRequire(import.meta.url);
  const solc = require("solc");
  const read = (path) => {
    const at = [join(root, path), join(root, "node_modules", path)].find((candidate) => existsSync(candidate));
    return at === undefined ? { error: `${path}: not found` } : { contents: readFileSync(at, "utf8") };
  };
  const input = {
    language: "Solidity",
    sources: { [file]: { content: read(file).contents } },
    settings: {
      remappings: ["@openzeppelin/=node_modules/@openzeppelin/", "@uniswap/=node_modules/@uniswap/"],
      outputSelection: { [file]: { [contract]: ["storageLayout"] } },
    },
  };
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: read }));
  const found = output.contracts?.[file]?.[contract]?.storageLayout;
  if (found === undefined) throw new Error(output.errors?.[0]?.formattedMessage ?? "the compiler gave no layout");
  const lines = [];
  const visit = (entries, base, prefix) => {
    for (const { label, slot, offset, type } of entries) {
      const at = base + BigInt(slot);
      const { members, numberOfBytes, label: typeName } = found.types[type];
      if (members) visit(members, at, `${prefix}${label}.`);
      else lines.push(`slot ${at} byte ${offset}: ${prefix}${label}, ${typeName}, ${numberOfBytes} bytes`);
    }
  };
  visit(found.storage, 0n, "");
  return `${lines.join("\n")}\n`;
}

let failed = false;
const fail = (message) => {
  console.error(message);
  failed = true;
};

const all = sizes();
if (all.length === 0) fail("contracts: nothing is compiled; run `npm run build` first");
for (const { name, bytes } of all) {
  console.log(`${String(bytes.toLocaleString("en-US")).padStart(7)} B  ${name}`);
  if (bytes > LIMIT_BYTES) fail(`${name}: ${bytes} bytes, must be at most ${LIMIT_BYTES}`);
}
const vault = all.find(({ name }) => name === "RangeVault");
if (vault && vault.bytes > VAULT_AIM_BYTES) console.log(`RangeVault is above its aim of ${VAULT_AIM_BYTES} bytes`);

const current = layout("vaults/RangeVault.sol", "RangeVault");
console.log(`\n${current}`);
const path = join(root, LAYOUT);
if (process.argv.includes("--update")) {
  writeFileSync(path, current);
} else if (!existsSync(path) || readFileSync(path, "utf8") !== current) {
  fail(`${relative(root, path)}: differs from the compiler's layout; run \`node scripts/contracts.mjs --update\``);
}
process.exit(failed ? 1 : 0);
