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
const VERSION_EVERY_MILLISECONDS = 1_000;

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
  /** A vault at the newest head; read once per block however many ask. Throws 503 when the node does not answer. */
  vault(vault: VaultConfig): Promise<VaultReading>;
  /** What is known of a vault without asking, of whatever block. */
  known(vault: VaultConfig): VaultReading | null;
  /** Brings what is known of these vaults up to date, in the background. */
  refresh(vaults: readonly VaultConfig[]): void;
  /** Another number once readings or the head have changed; at most one a second, for lists of many vaults. */
  version(): number;
  /** Calls back with every new head until the returned function is called. */
  onHead(listener: () => void): () => void;
  stop(): void;
}

export interface ChainViewParameters {
  readonly client: PublicClient;
  readonly chainId: number;
  readonly pollMilliseconds: number;
  readonly logger: Logger;
}

/** Follows the head until stopped. */
export function watchChain({ client, chainId, pollMilliseconds, logger }: ChainViewParameters): ChainView {
  const pools = new Map<string, Promise<PoolMeta>>();
  const readings = new Map<string, VaultReading>();
  const reading = new Map<string, Promise<VaultReading>>();
  const listeners = new Set<() => void>();
  let head: { block: BlockStamp; seenAtMilliseconds: number } | null = null;
  let version = 0;
  let shown = 0;
  let shownAt = Number.NEGATIVE_INFINITY;
  let sweptAt = Number.NEGATIVE_INFINITY;
  let sweeping = false;
  let failures = 0;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;

  async function poll(): Promise<void> {
    try {
      const block = await getBlock(client, "latest");
      const isNew = block.hash !== head?.block.hash;
      head = { block, seenAtMilliseconds: Date.now() };
      if (failures > 0) logger.info({ stage: "api" }, `the node answers again after ${failures} failures`);
      failures = 0;
      if (isNew) {
        version += 1;
        for (const listener of listeners) listener();
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
    version += 1;
    return fresh;
  }

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

  const view: ChainView = {
    head: () => head,
    known: (vault) => readings.get(vault.vault) ?? null,
    version() {
      if (Date.now() - shownAt >= VERSION_EVERY_MILLISECONDS && shown !== version) {
        shown = version;
        shownAt = Date.now();
      }
      return shown;
    },
    vault: (vault) =>
      within(NODE_PATIENCE_MILLISECONDS, at(vault), () => unavailable("chain", "the node must answer in time")).catch(
        (error) => {
          logger.debug({ stage: "api", vault: vault.vault }, explain(error));
          throw unavailable("chain", "the node must answer for this vault", error);
        },
      ),
    refresh(vaults) {
      if (sweeping || Date.now() - sweptAt < SWEEP_EVERY_MILLISECONDS) return;
      sweeping = true;
      const left = [...vaults];
      const take = async (): Promise<void> => {
        for (let vault = left.shift(); vault && !stopped; vault = left.shift())
          await view.vault(vault).catch(() => null);
      };
      void Promise.all(Array.from({ length: SWEEP_AT_ONCE }, take)).finally(() => {
        sweeping = false;
        sweptAt = Date.now();
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
