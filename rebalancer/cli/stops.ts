import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import type { Command } from "commander";
import { createWalletClient, http, parseGwei } from "viem";
import type { Address, Hex } from "../../ml/types.ts";
import { encodePauseVault, pauseVault } from "../../sdk/actions/pauseVault.ts";
import { openChain } from "../chain/open.ts";
import { getBlock } from "../chain.ts";
import { type Config, resolveVaults } from "../config.ts";
import { ConfigError } from "../errors.ts";
import { openJournal } from "../journal.ts";
import { guardianFromEnvironment } from "../keys/keys.ts";
import { connectRedis } from "../queues/redis.ts";
import { createKillSwitch, describeStop, type StopLevel, type StopOrder } from "../stops/killSwitch.ts";
import { answer, type CommonOptions, examples, guarded, readConfig, withCommonOptions } from "./options.ts";
import { wrap } from "./wrap.ts";

const PRIORITY_FEE = parseGwei("2");

interface StopOptions extends CommonOptions {
  readonly vault?: string;
  readonly reason: string;
  readonly onChain?: boolean;
  readonly pauseSeconds: string;
}

/** `pause`, `kill` and `resume`: the kill switch, obeyed by every worker of the chain within one block. */
export function registerStops(program: Command): void {
  const pause = verb(program, "pause", "level 1: decide and journal, propose nothing new").action(
    (options: StopOptions) => guarded(options, () => order(options, 1)),
  );
  examples(
    pause,
    'rangekeeper pause --reason "the oracle changes tonight"',
    'rangekeeper pause --vault "Rangekeeper WETH" --reason "odd fees"',
  );
  const kill = verb(program, "kill", "level 2: confirm what is on the chain, sign and send nothing more")
    .option("--on-chain", "level 3: also pause the vaults; sends with RANGEKEEPER_GUARDIAN_KEY, else prints calldata")
    .option("--pause-seconds <n>", "how long the vaults pause, at most seven days", "86400")
    .action((options: StopOptions) => guarded(options, () => order(options, options.onChain ? 3 : 2)));
  examples(
    kill,
    'rangekeeper kill --reason "the keeper\'s key may be known"',
    'rangekeeper kill --on-chain --pause-seconds 3600 --reason "attack"',
  );
  const resume = verb(program, "resume", "level 0: run again").action((options: StopOptions) =>
    guarded(options, () => order(options, 0)),
  );
  examples(resume, 'rangekeeper resume --reason "fees are well again"');
}

const verb = (program: Command, name: string, description: string): Command =>
  withCommonOptions(program.command(name).description(description))
    .option("--vault <vault>", "name or address of one configured vault (default: all)")
    .requiredOption("--reason <text>", "why; kept in the journal and shown everywhere");

async function order(options: StopOptions, level: StopLevel): Promise<void> {
  const config = readConfig(options);
  const vaults = chosenVaults(config, options.vault);
  const pauseSeconds = Number(options.pauseSeconds ?? 86_400);
  if (!Number.isSafeInteger(pauseSeconds) || pauseSeconds < 1 || pauseSeconds > 604_800)
    throw new ConfigError(`--pause-seconds: ${options.pauseSeconds}; rule: a whole number from 1 to 604800`);
  const given: StopOrder = {
    scope: options.vault === undefined ? "all" : (vaults[0]?.toLowerCase() as Address),
    level,
    reason: options.reason,
    by: "operator",
    atMilliseconds: Date.now(),
  };
  const redis = await connectRedis(config.redis, () => undefined);
  const journal = existsSync(config.journal.path) ? openJournal(config.journal.path, randomUUID) : null;
  try {
    const parameters = { redis, journal, prefix: config.redis.prefix, chainId: config.chainId };
    await createKillSwitch(parameters).give(given);
    const paused = level === 3 ? await pauseOnChain(config, vaults, BigInt(pauseSeconds)) : [];
    answer(options, { order: given, paused }, () =>
      [
        wrap(`kill switch: ${describeStop(given)}`, 2),
        ...paused.map(({ vault, data, transaction }) =>
          transaction === null ? `to ${vault}\n  data ${data}` : `paused ${vault}\n  in ${transaction}`,
        ),
      ].join("\n"),
    );
  } finally {
    journal?.close();
    redis.disconnect();
  }
}

function chosenVaults(config: Config, wanted: string | undefined): readonly Address[] {
  const vaults = resolveVaults(config);
  if (wanted === undefined) return vaults.map(({ vault }) => vault);
  const found = vaults.filter(({ name, vault }) => name === wanted || vault.toLowerCase() === wanted.toLowerCase());
  if (found.length > 0) return found.map(({ vault }) => vault);
  throw new ConfigError(`--vault: ${wanted}; rule: one of ${vaults.map(({ name }) => name).join(", ")}`);
}

interface Paused {
  readonly vault: Address;
  /** What to send to the vault when nobody here may. */
  readonly data: Hex;
  readonly transaction: Hex | null;
}

async function pauseOnChain(config: Config, vaults: readonly Address[], durationSeconds: bigint): Promise<Paused[]> {
  const data = encodePauseVault(durationSeconds);
  const guardian = guardianFromEnvironment(process.env);
  if (guardian === null) return vaults.map((vault) => ({ vault, data, transaction: null }));
  const { client: reader } = await openChain(config);
  const { baseFeePerGas } = await getBlock(reader, "latest");
  // Dearer than a worker would pay: an order to stop is not to wait for a cheap block.
  const fees = { maxFeePerGas: 4n * baseFeePerGas + PRIORITY_FEE, maxPriorityFeePerGas: PRIORITY_FEE };
  const client = createWalletClient({ account: guardian, transport: http(config.rpcUrl) });
  const paused: Paused[] = [];
  for (const vault of vaults) {
    paused.push({
      vault,
      data,
      transaction: await pauseVault(client, { account: guardian, vault, durationSeconds, fees }),
    });
  }
  return paused;
}
