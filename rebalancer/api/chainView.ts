import type { Logger } from "pino";
import type { PublicClient } from "viem";
import type { PoolMeta } from "../../ml/types.ts";
import { type GetVaultReturnType, getVault } from "../../sdk/actions/getVault.ts";
import { type BlockStamp, getBlock, getPoolMeta } from "../chain.ts";
import type { VaultConfig } from "../config.ts";
import { explain } from "../errors.ts";
import { unavailable } from "./errors.ts";
import { within } from "./memo.ts";

const NODE_PATIENCE_MILLISECONDS = 3_000;
/** A list of vaults is brought up to date in the background, no more often than this. */
const SWEEP_EVERY_MILLISECONDS = 10_000;
const SWEEP_AT_ONCE = 8;
/**
 * So long after a block a vault may still be shown as it was at the block before, while it is read again: a node that
 * serves the workers too may take seconds over hundreds of vaults, and nobody is to wait for it meanwhile.
 */
export const NEWEST_WITHIN_MILLISECONDS = 10_000;
/** Vaults that somebody asked for so lately are read at every new block, before they are asked for again. */
const ASKED_FOR_MILLISECONDS = 60_000;

/** What the chain said of a vault at the end of one block. */
export interface VaultReading {
  readonly block: BlockStamp;
  readonly pool: PoolMeta;
  readonly status: GetVaultReturnType;
}

/** The chain as the API sees it: the newest head, and what vaults held when somebody last wanted to know. */
export interface ChainView {
  /** The newest block, and when it was heard of; null before the first. */
  head(): { readonly block: BlockStamp; readonly seenAtMilliseconds: number } | null;
  /**
   * A vault at the newest head, or for a moment at the one before; read once per block however many ask. Of one that is
   * asked for often, what is known is given at once even where the node is behind with it. Throws 503 when the node does
   * not answer, at once where somebody has waited for it in vain lately.
   */
  vault(vault: VaultConfig): Promise<VaultReading>;
  /** Whether what is known of a vault is of the newest head, or for a moment of the one before. */
  isCurrent(vault: VaultConfig): boolean;
  /** What is known of a vault without asking, of whatever block. */
  known(vault: VaultConfig): VaultReading | null;
  /** Brings what is known of these vaults up to date, in the background. */
  refresh(vaults: readonly VaultConfig[]): void;
  /** Calls back with every new head until the returned function is called. */
  onHead(listener: () => void): () => void;
  stop(): void;
}

export interface ChainViewParameters {
  readonly client: PublicClient;
  readonly chainId: number;
  readonly pollMilliseconds: number;
  readonly logger: Logger;
  /** How long somebody waits for the node; absent = 3 s. */
  readonly patienceMilliseconds?: number;
  /** Unix milliseconds. */
  readonly now?: () => number;
}

/** Follows the head until stopped. */
export function watchChain(parameters: ChainViewParameters): ChainView {
  const { client, chainId, pollMilliseconds, logger, now = Date.now } = parameters;
  const { patienceMilliseconds = NODE_PATIENCE_MILLISECONDS } = parameters;
  const pools = new Map<string, Promise<PoolMeta>>();
  const readings = new Map<string, VaultReading>();
  const reading = new Map<string, Promise<VaultReading>>();
  const listeners = new Set<() => void>();
  const askedAt = new Map<VaultConfig, number>();
  /** When somebody last waited in vain for a vault that was never read. */
  const inVainAt = new Map<string, number>();
  let head: { block: BlockStamp; seenAtMilliseconds: number } | null = null;
  /** The head before this one, and when it ceased to be the newest. */
  let before: { hash: string; untilMilliseconds: number } | null = null;
  let sweptAt = Number.NEGATIVE_INFINITY;
  let sweeping = false;
  let failures = 0;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;

  async function poll(): Promise<void> {
    try {
      const block = await getBlock(client, "latest");
      const isNew = block.hash !== head?.block.hash;
      if (isNew && head !== null) before = { hash: head.block.hash, untilMilliseconds: now() };
      head = { block, seenAtMilliseconds: now() };
      if (failures > 0) logger.info({ stage: "api" }, `the node answers again after ${failures} failures`);
      failures = 0;
      if (isNew) {
        for (const listener of listeners) listener();
        readAgain();
      }
    } catch (error) {
      failures += 1;
      if (failures === 1) logger.warn({ stage: "api" }, `the node does not answer: ${explain(error)}`);
    }
    if (!stopped)
      timer = setTimeout(() => void poll(), Math.min(pollMilliseconds * 2 ** Math.min(failures, 5), 30_000));
  }

  function poolOf({ pool }: VaultConfig): Promise<PoolMeta> {
    const found = pools.get(pool);
    if (found) return found;
    const fresh = getPoolMeta(client, chainId, pool);
    pools.set(pool, fresh);
    fresh.catch(() => pools.delete(pool));
    return fresh;
  }

  async function read(vault: VaultConfig, block: BlockStamp): Promise<VaultReading> {
    const [pool, status] = await Promise.all([
      poolOf(vault),
      getVault(client, { lens: vault.lens, vault: vault.vault, blockNumber: BigInt(block.number) }),
    ]);
    const fresh = { block, pool, status };
    const before = readings.get(vault.vault);
    // A slow answer about an older block must not replace a newer one.
    if (before === undefined || before.block.number <= block.number) readings.set(vault.vault, fresh);
    inVainAt.delete(vault.vault);
    return fresh;
  }

  const isCurrent = (vault: VaultConfig): boolean => {
    const hash = readings.get(vault.vault)?.block.hash;
    if (head === null || hash === undefined) return false;
    if (hash === head.block.hash) return true;
    return hash === before?.hash && now() - before.untilMilliseconds < NEWEST_WITHIN_MILLISECONDS;
  };

  const at = (vault: VaultConfig): Promise<VaultReading> => {
    if (head === null) return Promise.reject(unavailable("chain", "the node must have answered once"));
    const { block } = head;
    const found = readings.get(vault.vault);
    if (found?.block.hash === block.hash) return Promise.resolve(found);
    const key = `${vault.vault} ${block.hash}`;
    const running = reading.get(key);
    if (running) return running;
    const fresh = read(vault, block).finally(() => reading.delete(key));
    reading.set(key, fresh);
    return fresh;
  };

  const inTime = (vault: VaultConfig): Promise<VaultReading> =>
    within(patienceMilliseconds, at(vault), () => unavailable("chain", "the node must answer in time")).catch(
      (error) => {
        logger.debug({ stage: "api", vault: vault.vault }, explain(error));
        if (!readings.has(vault.vault)) inVainAt.set(vault.vault, now());
        throw unavailable("chain", "the node must answer for this vault", error);
      },
    );

  /** Reads vaults at the newest head, a few at once. */
  async function readAll(vaults: readonly VaultConfig[]): Promise<void> {
    const left = [...vaults];
    const take = async (): Promise<void> => {
      for (let vault = left.shift(); vault && !stopped; vault = left.shift()) await inTime(vault).catch(() => null);
    };
    await Promise.all(Array.from({ length: SWEEP_AT_ONCE }, take));
  }

  let readingAgain = false;
  function readAgain(): void {
    // Where blocks come faster than vaults can be read, the next one takes its turn.
    if (readingAgain) return;
    for (const [vault, at] of askedAt) if (now() - at > ASKED_FOR_MILLISECONDS) askedAt.delete(vault);
    readingAgain = true;
    void readAll([...askedAt.keys()]).finally(() => {
      readingAgain = false;
    });
  }

  const view: ChainView = {
    head: () => head,
    known: (vault) => readings.get(vault.vault) ?? null,
    isCurrent,
    vault(vault) {
      const lately = (at: number | undefined) => at !== undefined && now() - at < ASKED_FOR_MILLISECONDS;
      const askedLately = lately(askedAt.get(vault));
      askedAt.set(vault, now());
      const found = readings.get(vault.vault);
      if (found !== undefined && found.block.hash === head?.block.hash) return Promise.resolve(found);
      const waits = found === undefined ? !lately(inVainAt.get(vault.vault)) : !(askedLately || isCurrent(vault));
      const fresh = inTime(vault);
      if (waits) return fresh;
      fresh.catch(() => null);
      if (found === undefined) return Promise.reject(unavailable("chain", "the node must answer for this vault"));
      return Promise.resolve(found);
    },
    refresh(vaults) {
      if (sweeping || now() - sweptAt < SWEEP_EVERY_MILLISECONDS) return;
      sweeping = true;
      void readAll(vaults).finally(() => {
        sweeping = false;
        sweptAt = now();
      });
    },
    onHead(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
  void poll();
  return view;
}
