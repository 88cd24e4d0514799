import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Hex, PublicClient } from "viem";
import { z } from "zod";
import type { Address } from "../../../ml/types.ts";
import { type BlockStamp, getPoolMeta } from "../../chain.ts";
import type { Config, VaultConfig } from "../../config.ts";
import { readState } from "../../decideAt.ts";
import { explain } from "../../errors.ts";
import { type Check, type Finding, fail, few, look, ok, warn } from "./check.ts";

const BUILD = fileURLToPath(new URL("../../../out/", import.meta.url));
const reference = z.object({ start: z.int(), length: z.int() });
const artifactSchema = z.object({
  deployedBytecode: z.object({
    object: z.string(),
    immutableReferences: z.record(z.string(), z.array(reference)).nullish(),
    linkReferences: z.record(z.string(), z.record(z.string(), z.array(reference))).nullish(),
  }),
});

/** What a compiled contract looks like on chain, but for what its constructor and its linking fill in. */
interface Build {
  readonly code: string;
  readonly holes: readonly z.output<typeof reference>[];
}

/** Reads a build of the compiler's; null when the contracts were not compiled here. */
export function readBuild(name: string, folder = BUILD): Build | null {
  const path = `${folder}${name}.sol/${name}.json`;
  if (!existsSync(path)) return null;
  const { deployedBytecode } = artifactSchema.parse(JSON.parse(readFileSync(path, "utf8")));
  const links = Object.values(deployedBytecode.linkReferences ?? {}).flatMap((file) => Object.values(file));
  const holes = [...Object.values(deployedBytecode.immutableReferences ?? {}), ...links].flat();
  return { code: masked(deployedBytecode.object.replace(/^0x/, ""), holes), holes };
}

function masked(hex: string, holes: Build["holes"]): string {
  let text = hex.toLowerCase();
  for (const { start, length } of holes) {
    text = text.slice(0, 2 * start) + "0".repeat(2 * length) + text.slice(2 * (start + length));
  }
  return text;
}

/** Whether deployed code is this build's, whatever its immutables and libraries are. */
export const isBuild = (code: Hex, build: Build): boolean => masked(code.slice(2), build.holes) === build.code;

export interface ContractsParameters {
  readonly client: PublicClient;
  readonly config: Config;
  readonly vaults: readonly VaultConfig[];
  readonly head: BlockStamp;
}

/** Every vault answers, and the code behind it is the code that this version was built from. */
export async function checkContracts(parameters: ContractsParameters): Promise<readonly Check[]> {
  const { client, config, vaults, head } = parameters;
  const fixAddress = "see vault, lens, strategyContract and pool of [[vaults]], or `addresses`";
  return [
    await look("vaults", fixAddress, async () => {
      const broken: string[] = [];
      for (const vault of vaults) {
        await Promise.all([getPoolMeta(client, config.chainId, vault.pool), readState({ client }, vault, head)]).catch(
          (error) => broken.push(`${vault.name} (${explain(error)})`),
        );
      }
      if (broken.length > 0) return fail(`no answer from ${few(broken)}`, fixAddress);
      return ok(few(vaults.map(({ name }) => name)));
    }),
    await look("code", "npm run build", () => checkCode(client, vaults)),
  ];
}

async function checkCode(client: PublicClient, vaults: readonly VaultConfig[]): Promise<Finding> {
  const kinds = [
    ["RangeVault", (vault: VaultConfig) => vault.vault],
    ["ModelStrategy", (vault: VaultConfig) => vault.strategy],
    ["VaultLens", (vault: VaultConfig) => vault.lens],
  ] as const;
  const other: string[] = [];
  let compared = 0;
  for (const [name, addressOf] of kinds) {
    const build = readBuild(name);
    if (build === null) return warn("not compared: the contracts are not compiled here", "npm run build");
    const addresses = [...new Set(vaults.map(addressOf))];
    const codes = await Promise.all(addresses.map((address: Address) => client.getCode({ address })));
    codes.forEach((code, index) => {
      compared += 1;
      if (code === undefined || !isBuild(code, build)) other.push(`${name} ${addresses[index]}`);
    });
  }
  if (other.length === 0) return ok(`${compared} contracts are this build's`);
  return warn(
    `not this build's: ${few(other)}`,
    "compare versions: a worker of another version may propose what these contracts refuse",
  );
}
