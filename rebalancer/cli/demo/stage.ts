import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse, stringify } from "smol-toml";
import { z } from "zod";
import { BaseError } from "../../../ml/errors.ts";
import type { Address, Hex, PoolMeta, Token } from "../../../ml/types.ts";
import { accounts, localKeys } from "./accounts.ts";
import { shareForFee } from "./size.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** A program that the demo needs (the compiler, the deploy script) failed; the message carries its last words. */
export class StageError extends BaseError {
  override name = "StageError";
}

/** A folder for one run's files, inside the project because forge's scripts may read and write nowhere else. */
export function scratchFolder(): string {
  const home = join(ROOT, ".rangekeeper");
  mkdirSync(home, { recursive: true });
  return mkdtempSync(join(home, "run-"));
}

/** Compiles what the demo deploys; a second call finds nothing to do. */
export async function buildContracts(signal: AbortSignal): Promise<void> {
  await runNode(["scripts/forge.mjs", "build", "--skip", "test", "--color", "never"], {}, signal);
}

const address = z.string().regex(/^0x[0-9a-fA-F]{40}$/) as unknown as z.ZodType<Address>;
const deploymentSchema = z.object({
  vault: address,
  strategy: address,
  oracle: address,
  lens: address,
  registry: address,
  accessManager: address,
  modelId: z.string() as unknown as z.ZodType<Hex>,
});
export type Deployment = z.output<typeof deploymentSchema>;

export interface StageParameters {
  readonly folder: string;
  /** Absent = in the folder. */
  readonly journalPath?: string;
  readonly rpcUrl: string;
  readonly redis: { readonly url: string; readonly prefix: string };
  readonly pool: Pick<PoolMeta, "chainId" | "address" | "feePips">;
  readonly asset: Pick<Token, "address" | "symbol">;
  /** The chain's wrapped native token, where the pool has it. */
  readonly nativeToken?: Address;
  readonly modelSet: string;
  /** Packages of the set, for the registry: id, sha256 of the model, keccak256 of its manifest. */
  readonly packages: readonly { readonly id: string; readonly sha256: Hex; readonly manifestHash: Hex }[];
  readonly minHistorySeconds: number;
  readonly everySeconds: number;
  readonly signal: AbortSignal;
}

export interface Stage {
  readonly configPath: string;
  readonly journalPath: string;
  readonly deployment: Deployment;
  readonly maxLossPerMoveBps: number;
}

/**
 * Deploys a vault with its strategy, oracle and registry by the same script and from the same kind of file as
 * anywhere else: deploy/config/local.toml with this run's chain, pool and accounts.
 */
export async function deployVault(parameters: StageParameters): Promise<Stage> {
  const configPath = join(parameters.folder, "config.toml");
  const addressesPath = join(parameters.folder, "addresses.json");
  const journalPath = parameters.journalPath ?? join(parameters.folder, "journal.db");
  const base = parse(readFileSync(join(ROOT, "deploy/config/local.toml"), "utf8")) as Record<string, unknown>;
  const section = (name: string) => (base[name] ?? {}) as Record<string, unknown>;
  const [vault] = base.vaults as Record<string, unknown>[];
  const limits = vault?.limits as { readonly maxPoolShareBps: number; readonly maxLossPerMoveBps: number };
  const config = {
    ...base,
    chainId: parameters.pool.chainId,
    rpcUrl: parameters.rpcUrl,
    addresses: addressesPath,
    redis: { ...section("redis"), ...parameters.redis },
    journal: { path: journalPath },
    worker: { ...section("worker"), mode: "live", pollMilliseconds: 20 },
    evaluate: {
      ...section("evaluate"),
      minHistorySeconds: parameters.minHistorySeconds,
      everySeconds: parameters.everySeconds,
    },
    models: { ...section("models"), set: parameters.modelSet, packages: parameters.packages },
    decision: { ...section("decision"), ...(parameters.nativeToken ? { nativeToken: parameters.nativeToken } : {}) },
    roles: {
      owner: accounts.owner,
      curator: accounts.curator,
      guardian: accounts.guardian,
      modelSigner: accounts.modelSigner,
      keeper: accounts.keeper,
    },
    vaults: [
      {
        ...vault,
        name: `Rangekeeper ${parameters.asset.symbol}`,
        symbol: `rk${parameters.asset.symbol}`,
        asset: parameters.asset.address,
        pool: parameters.pool.address,
        limits: { ...limits, maxPoolShareBps: shareForFee(limits.maxPoolShareBps, parameters.pool) },
      },
    ],
  };
  writeFileSync(configPath, stringify(config));
  await runNode(
    [
      "scripts/forge.mjs",
      "script",
      "deploy/Deploy.s.sol",
      ...["--rpc-url", parameters.rpcUrl, "--broadcast", "--slow", "--skip", "test", "--color", "never"],
    ],
    {
      RANGEKEEPER_CONFIG: configPath,
      RANGEKEEPER_ADDRESSES: addressesPath,
      RANGEKEEPER_DEPLOYER_KEY: localKeys().owner,
    },
    parameters.signal,
  );
  const deployment = deploymentSchema.parse(JSON.parse(readFileSync(addressesPath, "utf8")));
  return { configPath, journalPath, deployment, maxLossPerMoveBps: limits.maxLossPerMoveBps };
}

/** Runs a node program from the project's folder; throws StageError with the end of its output when it fails. */
function runNode(args: readonly string[], env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: ROOT, env: { ...process.env, ...env }, signal });
    let output = "";
    const keep = (chunk: Buffer) => {
      output += chunk.toString("utf8");
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    child.once("error", (cause) =>
      reject(new StageError(`${args.join(" ")} cannot be run: ${cause.message}`, { cause })),
    );
    child.once("close", (code) => {
      if (code === 0) resolve(output);
      else
        reject(
          new StageError(`${args.slice(0, 3).join(" ")} failed with exit code ${code}: ${lastWords(output)}`, {
            details: { output },
          }),
        );
    });
  });
}

/** The tool's own last error line, else the end of what it printed. */
const lastWords = (output: string) => output.match(/^Error.*$/gm)?.at(-1) ?? output.trim().slice(-2000);
