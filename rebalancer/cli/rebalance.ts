import { type Command, InvalidArgumentError, Option } from "commander";
import type { PublicClient } from "viem";
import { decideByHand, type WantedRange } from "../../ml/decideByHand.ts";
import type { Decision } from "../../ml/types.ts";
import { fromWad } from "../../ml/units.ts";
import { getBounds } from "../../sdk/actions/getBounds.ts";
import type { MovableState } from "../../sdk/actions/getVault.ts";
import { previewRebalance, type RebalanceReport } from "../../sdk/actions/previewRebalance.ts";
import { signProposal } from "../../sdk/actions/signProposal.ts";
import { decodeRevert } from "../../sdk/errors.ts";
import { checkByHand, proposeByHand } from "../byHand.ts";
import { calibrationAt } from "../calibrationAt.ts";
import { openChain } from "../chain/open.ts";
import { type BlockStamp, getBlock } from "../chain.ts";
import type { Config, VaultConfig } from "../config.ts";
import { readState, settingsOf } from "../decideAt.ts";
import { ConfigError, RefusedError } from "../errors.ts";
import type { ProposalRecord } from "../journal/proposals.ts";
import type { Journal } from "../journal.ts";
import { loadKeys } from "../keys/keys.ts";
import { poolGroups } from "../main.ts";
import { checkMode } from "../mode.ts";
import { loadConfigured } from "../modelsInUse.ts";
import { openQueues, queuePrefix } from "../queues/queue.ts";
import { bullConnection, connectRedis } from "../queues/redis.ts";
import { preflight } from "../sending/preflight.ts";
import { buildProposal, modelIdOf } from "../sending/proposal.ts";
import { withAnyJournal, withJournal } from "./journalFile.ts";
import { answer, type CommonOptions, examples, guarded, readConfig, withCommonOptions } from "./options.ts";
import { patiently } from "./progress.ts";
import { wholeAbove0 } from "./score.ts";
import { statedWords } from "./statedWords.ts";
import { vaultNamed } from "./vaultNamed.ts";
import { wrap } from "./wrap.ts";

interface RebalanceOptions extends CommonOptions {
  readonly range?: readonly WantedRange[];
  readonly toIdle?: boolean;
  readonly dryRun?: boolean;
  readonly yesLive?: boolean;
  readonly wait: number;
}

/** `rebalance VAULT`: a person's own move, through the same guards, journal, queue and signatures as the worker's. */
export function registerRebalance(program: Command): void {
  const rebalance = withCommonOptions(
    program
      .command("rebalance")
      .argument("<vault>", "name or address of a configured vault")
      .description("move a vault by hand, through the same guards as the worker's moves"),
  )
    .addOption(
      new Option("--range <a:b[:part]>", "ticks from a to b; part = of both tokens, e.g. 0.4, or what bounds allow")
        .argParser(parseRange)
        .conflicts("toIdle"),
    )
    .option("--to-idle", "close everything; no bound refuses it")
    .addOption(new Option("--dry-run", "check and simulate, send nothing").conflicts("yesLive"))
    .option("--yes-live", "have the running worker send it; needs worker.mode = live as well")
    .addOption(new Option("--wait <s>", "how long to wait for its end").argParser(wholeAbove0).default(180))
    .action((wanted: string, options: RebalanceOptions) => guarded(options, () => rebalanceVault(wanted, options)));
  examples(
    rebalance,
    "rangekeeper rebalance demo --range=-600:600 --dry-run",
    "rangekeeper rebalance demo --range=-600:0:0.5 --range=0:600:0.5 --dry-run",
    "rangekeeper rebalance demo --to-idle --yes-live",
    "",
    "With one range and no part the swap that it needs is made; parts are entered",
    "without a swap. Exit status 3 names the guard that refused.",
  );
}

/** "a:b" or "a:b:part", added to those before; ticks are checked against the pool's spacing later. */
function parseRange(text: string, before: readonly WantedRange[] = []): readonly WantedRange[] {
  const found = /^(-?\d{1,6}):(-?\d{1,6})(?::(0?\.\d+|1(?:\.0+)?))?$/.exec(text);
  const [lowerTick, upperTick] = [Number(found?.[1]), Number(found?.[2])];
  if (!found || lowerTick >= upperTick) {
    throw new InvalidArgumentError(`${text}; rule: two ticks a:b with a < b, and a part above 0 up to 1.`);
  }
  const part = found[3];
  const weightWad = part === undefined ? null : BigInt(Math.round(Number(part) * 1e9)) * 10n ** 9n;
  return [...before, { lowerTick, upperTick, weightWad }];
}

/** What a person ordered, as the worker would propose it, and what the chain says to it. */
interface Order {
  readonly vault: VaultConfig;
  readonly block: BlockStamp;
  readonly decision: Decision;
  readonly state: MovableState;
  /** Null: without a signer's key nothing can be simulated. */
  readonly report: RebalanceReport | null;
}

async function rebalanceVault(wanted: string, options: RebalanceOptions): Promise<void> {
  if (options.dryRun !== true && options.yesLive !== true)
    throw new ConfigError("--dry-run or --yes-live: neither given; rule: say whether the move is to be sent");
  const ranges = wantedRanges(options);
  const config = readConfig(options);
  const vault = vaultNamed(config, wanted);
  const keys = await loadKeys({ config, env: process.env });
  if (options.yesLive) checkMode(config, true, keys);
  const chain = await openChain(config);
  try {
    const order = await patiently(options, "scoring and simulating", prepare(chain.client, config, vault, ranges));
    if (options.yesLive !== true) return show(options, order, null);
    await send(options, config, order);
  } finally {
    chain.endpoints.close();
  }
}

function wantedRanges({ range = [], toIdle }: RebalanceOptions): readonly WantedRange[] {
  if (range.length === 0 && toIdle !== true)
    throw new ConfigError("--range or --to-idle: neither given; rule: say where the vault is to go");
  if (range.length > 1 && range.some(({ weightWad }) => weightWad === null))
    throw new ConfigError("--range: several without parts; rule: each of several ranges names its part, as in a:b:0.5");
  return range;
}

async function prepare(
  client: PublicClient,
  config: Config,
  vault: VaultConfig,
  ranges: readonly WantedRange[],
): Promise<Order> {
  const [group] = await poolGroups(config, [vault], client, null);
  if (!group) throw new ConfigError(`vault: ${vault.name}; rule: must have a pool`);
  const { tickSpacing } = group.meta;
  for (const { lowerTick, upperTick } of ranges) {
    if (lowerTick % tickSpacing !== 0 || upperTick % tickSpacing !== 0)
      throw new ConfigError(`--range: ${lowerTick}:${upperTick}; rule: both on the pool's spacing of ${tickSpacing}`);
  }
  const block = await getBlock(client, "latest");
  const [history, models, state, limits] = await Promise.all([
    group.history.at(block),
    loadConfigured(config),
    readState({ client }, vault, block),
    getBounds(client, { strategy: vault.strategy, blockNumber: BigInt(block.number) }),
  ]);
  const { numeraire, maxPoolShareWad, meanLiquidity } = state;
  const { sqrtPriceX96 } = history;
  const { baseFeePerGas } = block;
  const settings = settingsOf({ config, pool: group.meta, numeraire, sqrtPriceX96, baseFeePerGas });
  const bounds = { ...limits, maxPoolShareWad, meanLiquidity };
  // What the worker has learned of these models: a person's move declares the same spread as the worker's.
  const place = { chainId: config.chainId, pool: group.meta.address, numeraire, modelSet: models.id };
  const calibration = await withAnyJournal(config.journal.path, (journal) =>
    calibrationAt({ journal, place, history, model: models.volatility }),
  );
  const decision = await decideByHand({ history, state, models, bounds, settings, ranges, calibration });
  if ("refusal" in decision) throw new RefusedError(`not proposed: ${decision.refusal}`);
  const modelId = modelIdOf(config.registry.decisionModel);
  const proposal = buildProposal({ decision, modelId, nonce: state.nextNonce });
  const broken = preflight({ proposal, bounds: limits, state, nowSeconds: block.timestamp });
  if (broken !== null) throw new RefusedError(`preflight ${broken}`);
  const { signer } = (await loadKeys({ config, env: process.env })).of(vault);
  if (signer === null) return { vault, block, decision, state, report: null };
  const signature = await signProposal(signer, { chainId: config.chainId, strategy: vault.strategy, proposal });
  const report = await previewRebalance(client, {
    strategy: vault.strategy,
    proposal,
    signature,
    blockNumber: BigInt(block.number),
  }).catch((error: unknown) => {
    const refusal = decodeRevert(error);
    throw refusal === null ? error : new RefusedError(`simulation ${refusal.sentence}`);
  });
  return { vault, block, decision, state, report };
}

async function send(options: RebalanceOptions, config: Config, order: Order): Promise<void> {
  const redis = await connectRedis(config.redis, () => undefined);
  try {
    const ended = await withJournal(config.journal.path, async (journal) => {
      const toIdle = order.decision.action === "stand-aside";
      await checkByHand({ config, redis, journal }, { vault: order.vault, block: order.block, toIdle });
      const connection = bullConnection(config.redis);
      const queues = openQueues({ connection, prefix: queuePrefix(config, journal.identity) }, () => undefined);
      try {
        const proposed = await proposeByHand({ config, journal, queues }, order);
        return await endOf(journal, proposed, options);
      } finally {
        await queues.close();
      }
    });
    show(options, order, ended);
    if (ended.status === "refused") process.exitCode = 3;
    else if (ended.status !== "confirmed") process.exitCode = 1;
  } finally {
    redis.disconnect();
  }
}

/** Waits until the worker has brought a proposal to its end, or until the patience given by --wait is over. */
async function endOf(journal: Journal, proposed: ProposalRecord, options: RebalanceOptions): Promise<ProposalRecord> {
  const until = Date.now() + options.wait * 1_000;
  let latest = proposed;
  const wait = async () => {
    while (["proposed", "simulated", "sent"].includes(latest.status) && Date.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      latest = journal.proposal(proposed.digest) ?? latest;
    }
    return latest;
  };
  return patiently(options, () => `the worker has it, ${latest.status}`, wait());
}

function show(
  options: RebalanceOptions,
  { vault, block, decision, report }: Order,
  ended: ProposalRecord | null,
): void {
  const { plan, reason } = decision;
  const proposal = ended && { digest: ended.digest, status: ended.status, detail: ended.detail };
  const { spreadWad, stated = null } = decision;
  answer(
    options,
    { vault: vault.vault, block: block.number, reason, plan, spreadWad, stated, report, proposal },
    () => {
      const swap =
        plan && plan.swap.amountIn > 0n ? `${plan.swap.amountIn} of token${plan.swap.zeroForOne ? 0 : 1}` : "none";
      return [
        `${vault.name} at block ${block.number}`,
        wrap(`  ${reason}`, 2),
        `  swap ${swap}`,
        `  declared gain ${plan?.declaredGain ?? 0n}, cost ${plan?.declaredCost ?? 0n}, spread ${(100 * fromWad(spreadWad)).toFixed(2)} %`,
        ...(stated === null ? [] : [wrap(`  ${statedWords(stated)}`, 4)]),
        report === null
          ? "  not simulated: no signer's key is given"
          : `  simulated: nav ${report.navBefore} -> ${report.navAfter}, loss ${Number(report.lossWad / 10n ** 10n) / 1e4} bp`,
        ended === null ? "  nothing was sent" : wrap(`  ${ended.status} ${ended.detail} (proposal ${ended.digest})`, 4),
      ].join("\n");
    },
  );
}
