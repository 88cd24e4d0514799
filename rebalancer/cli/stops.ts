import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import type { Command } from "commander";
import { parseGwei } from "viem";
import type { Address, Hex } from "../../ml/types.ts";
import { encodePauseVault, pauseVault } from "../../sdk/actions/pauseVault.ts";
import { decodeRevert } from "../../sdk/errors.ts";
import { openChain } from "../chain/open.ts";
import { getBlock } from "../chain.ts";
import { type Config, resolveVaults } from "../config.ts";
import { ConfigError, explain, RetryableError } from "../errors.ts";
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
  const journal = existsSync(config.journal.path) ? openJournal(config.journal.path, randomUUID) : null;
  let unheard: string | null = null;
  const redis = await connectRedis(config.redis, () => undefined).catch((error: unknown) => {
    unheard = explain(error);
    return null;
  });
  try {
    const parameters = { redis, journal, prefix: config.redis.prefix, chainId: config.chainId };
    const kept = redis !== null || journal !== null;
    const order = kept ? await createKillSwitch(parameters).give(given) : null;
    // Whoever kills needs the chain to stop even where nothing else answers.
    const paused = level === 3 ? await pauseOnChain(config, vaults, BigInt(pauseSeconds)) : [];
    answer(options, { order, paused, unheard }, () =>
      [
        wrap(`kill switch: ${order === null ? "NOT given" : describeStop(order)}`, 2),
        ...paused.map(({ vault, data, transaction, failure }) => {
          if (transaction !== null) return `paused ${vault}\n  in ${transaction}`;
          return `${failure === null ? "" : `${wrap(`NOT paused: ${failure}`, 2)}\n`}to ${vault}\n  data ${data}`;
        }),
      ].join("\n"),
    );
    const failed = paused.filter(({ failure }) => failure !== null);
    const troubles = [
      ...(unheard === null ? [] : [whereKept(unheard, journal === null ? null : config.journal.path)]),
      ...(failed.length === 0 ? [] : [`${failed.length} of ${paused.length} vaults could not be paused on the chain`]),
    ];
    if (troubles.length > 0) throw new RetryableError(troubles.join("; "));
  } finally {
    journal?.close();
    redis?.disconnect();
  }
}

/** What becomes of an order that Redis did not hear. */
const whereKept = (why: string, path: string | null): string =>
  path === null
    ? `${why}; the order is kept nowhere: there is no journal here. Give it again, or pause with --on-chain`
    : `${why}; the order is kept in ${path} alone: its worker sends nothing before Redis answers, obeys it and tells the others`;

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
  /** Why it could not be sent. */
  readonly failure: string | null;
}

/** Pauses each vault, whatever becomes of the others, through whichever node answers. */
async function pauseOnChain(config: Config, vaults: readonly Address[], durationSeconds: bigint): Promise<Paused[]> {
  const data = encodePauseVault(durationSeconds);
  const unpaused = (failure: string | null) => vaults.map((vault) => ({ vault, data, transaction: null, failure }));
  const guardian = guardianFromEnvironment(process.env);
  if (guardian === null) return unpaused(null);
  const chain = await openChain(config).catch((error: unknown) => explain(error));
  if (typeof chain === "string") return unpaused(chain);
  const { client, endpoints } = chain;
  const paused: Paused[] = [];
  try {
    for (const vault of vaults) {
      try {
        const { baseFeePerGas } = await getBlock(client, "latest");
        // Dearer than a worker would pay: an order to stop is not to wait for a cheap block.
        const fees = { maxFeePerGas: 4n * baseFeePerGas + PRIORITY_FEE, maxPriorityFeePerGas: PRIORITY_FEE };
        const transaction = await pauseVault(client, { account: guardian, vault, durationSeconds, fees });
        paused.push({ vault, data, transaction, failure: null });
      } catch (error) {
        paused.push({ vault, data, transaction: null, failure: decodeRevert(error)?.sentence ?? explain(error) });
      }
    }
  } finally {
    endpoints.close();
  }
  return paused;
}
