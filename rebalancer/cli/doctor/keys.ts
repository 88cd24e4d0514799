import { formatEther, type PublicClient, parseGwei } from "viem";
import { readContract } from "viem/actions";
import type { Address } from "../../../ml/types.ts";
import { modelRegistryAbi } from "../../../sdk/abi/modelRegistry.ts";
import { modelStrategyAbi } from "../../../sdk/abi/modelStrategy.ts";
import type { BlockStamp } from "../../chain.ts";
import type { Config, VaultConfig } from "../../config.ts";
import { environmentNames, type Keys, loadKeys } from "../../keys/keys.ts";
import { modelIdOf } from "../../sending/proposal.ts";
import { type Check, type Finding, fail, few, look, ok, warn } from "./check.ts";

export interface KeysParameters {
  readonly client: PublicClient | null;
  readonly config: Config;
  readonly vaults: readonly VaultConfig[];
  readonly head: BlockStamp | null;
  readonly env: NodeJS.ProcessEnv;
}

/** Names of IModelRegistry.Stage. */
const STAGES = ["none", "shadow", "canary", "full", "retired"] as const;

/** The keys that the mode needs are there, the signers are registered for the model, the keepers can pay. */
export async function checkKeys({ client, config, vaults, head, env }: KeysParameters): Promise<readonly Check[]> {
  let keys: Keys | null = null;
  const checks = [
    await look("keys", "see keys.NAME.keystore, RANGEKEEPER_NAME_KEY and RANGEKEEPER_NAME_PASSWORD", async () => {
      keys = await loadKeys({ config, env });
      return keysFor(config, keys);
    }),
  ];
  if (keys === null || client === null || head === null) return checks;
  const known: Keys = keys;
  checks.push(await look("signer", "see the model registry", () => checkSigners(client, config, vaults, known)));
  checks.push(await look("keeper", "see the keeper's account", () => checkKeepers(client, config, known, head)));
  return checks;
}

function keysFor(config: Config, keys: Keys): Finding {
  const { mode } = config.worker;
  const missing = new Set<string>();
  const found = new Set<string>();
  for (const vault of config.vaults) {
    const { signer, keeper } = keys.of(vault);
    for (const [account, name, needed] of [
      [signer, vault.signer, mode !== "shadow"],
      [keeper, vault.keeper, mode === "live"],
    ] as const) {
      if (account) found.add(`${name} ${account.address}`);
      else if (needed) missing.add(name);
    }
  }
  if (missing.size > 0) {
    const variables = [...missing].map((name) => environmentNames(name).key);
    return fail(`mode ${mode} needs ${few([...missing])}`, `export ${few(variables)}, or give a keystore in [keys]`);
  }
  return ok(found.size > 0 ? few([...found]) : `none, and mode ${mode} needs none`);
}

async function checkSigners(
  client: PublicClient,
  config: Config,
  vaults: readonly VaultConfig[],
  keys: Keys,
): Promise<Finding> {
  const wanted = modelIdOf(config.registry.decisionModel);
  const wrong: string[] = [];
  const stages = new Set<string>();
  const seen = new Set<Address>();
  for (const vault of vaults) {
    if (seen.has(vault.strategy)) continue;
    seen.add(vault.strategy);
    const at = { address: vault.strategy, abi: modelStrategyAbi } as const;
    const [modelId, registry] = await Promise.all([
      readContract(client, { ...at, functionName: "modelId" }),
      readContract(client, { ...at, functionName: "registry" }),
    ]);
    if (modelId !== wanted) {
      wrong.push(`${vault.name} obeys model ${modelId.slice(0, 10)}, registry.decisionModel is ${wanted.slice(0, 10)}`);
      continue;
    }
    const [signer, stage] = await readContract(client, {
      address: registry,
      abi: modelRegistryAbi,
      functionName: "authorizationOf",
      args: [modelId],
    });
    stages.add(STAGES[stage] ?? String(stage));
    const account = keys.of(vault).signer;
    if (account && account.address !== signer)
      wrong.push(`${vault.name} wants ${signer}, the key is ${account.address}`);
  }
  if (wrong.length > 0) return fail(few(wrong), "register the signer, or use the key that is registered");
  const text = `${config.registry.decisionModel} is at stage ${few([...stages])}`;
  if (stages.has("none") || stages.has("retired") || stages.has("shadow")) {
    return config.worker.mode === "live"
      ? fail(text, "raise the model's stage in the registry; the chain refuses it now")
      : warn(text, "raise the model's stage in the registry before mode live");
  }
  return ok(text);
}

async function checkKeepers(client: PublicClient, config: Config, keys: Keys, head: BlockStamp): Promise<Finding> {
  if (keys.keepers.length === 0) return ok("no key given");
  const price = head.baseFeePerGas + parseGwei(String(config.worker.priorityFeeGwei));
  const move = BigInt(config.decision.gasPerMove) * price;
  const lines: string[] = [];
  const poor: string[] = [];
  for (const { address } of keys.keepers) {
    const balance = await client.getBalance({ address });
    const moves = move === 0n ? Number.POSITIVE_INFINITY : Number((100n * balance) / move) / 100;
    const text = `${address} holds ${Number(formatEther(balance)).toPrecision(4)} ether, ${describeMoves(moves)}`;
    lines.push(text);
    if (moves < config.trips.keeperMoves) poor.push(text);
  }
  if (poor.length === 0) return ok(few(lines));
  const fix = `send it ether: at least ${formatEther(move * BigInt(config.trips.keeperMoves))} for ${config.trips.keeperMoves} moves`;
  return config.worker.mode === "live" ? fail(few(poor), fix) : warn(few(poor), fix);
}

const describeMoves = (moves: number): string =>
  moves >= 1e6 ? "enough for a million moves" : `enough for ${moves < 10 ? moves.toFixed(1) : Math.floor(moves)} moves`;
