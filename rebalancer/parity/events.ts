import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import type { BlockTime } from "../../ml/backtest/events/timeline.ts";
import { listFiles, type MarketData, resolveMarket } from "../../ml/data/market.ts";
import { isDataset, MANIFEST, readManifest } from "../../ml/data/store/manifest.ts";
import type { Address } from "../../ml/types.ts";
import { fetchEvents } from "../data/fetchEvents.ts";
import { createDataRpc } from "../data/rpc.ts";
import { ConfigError } from "../errors.ts";

/** What a pool's decisions need to know of its market. */
export interface EventSpan {
  readonly pool: Address;
  /** Since when the oldest history was complete, unix seconds, and the first block at or after that. */
  readonly fromTimestamp: number;
  readonly toBlock: number;
  readonly blockTimes: readonly BlockTime[];
}

/** Where events come from. */
export interface EventSource {
  /** In words. */
  readonly name: string;
  eventsOf(span: EventSpan): Promise<MarketData>;
}

/** Events of a dataset of the store, or of a CSV file; `path` may also be a folder that holds the pool's dataset. */
export function storedEvents(path: string): EventSource {
  if (!existsSync(path)) throw new ConfigError(`--data: ${path}; rule: must be a dataset, an event file or a folder`);
  return {
    name: path,
    async eventsOf({ pool, toBlock }) {
      const [folder, name] = locate(resolve(path), pool);
      const data = resolveMarket(folder, name);
      const complete = isDataset(join(folder, name)) ? readManifest(join(folder, name)).fetch?.complete : null;
      if (complete && complete.number < toBlock) {
        throw new ConfigError(
          `--data: ${name} ends at block ${complete.number}; rule: must reach the last decision at block ${toBlock}`,
        );
      }
      return data;
    },
  };
}

function locate(path: string, pool: Address): [folder: string, name: string] {
  if (!statSync(path).isDirectory()) return [dirname(path), basename(path).replace(/\.csv(\.gz)?$/, "")];
  if (isDataset(path)) return [dirname(path), basename(path)];
  const folders = listFiles(path)
    .filter((file) => basename(file) === MANIFEST)
    .map((file) => dirname(file));
  const found = folders.find((folder) => readManifest(folder).pool?.address?.toLowerCase() === pool.toLowerCase());
  if (found === undefined) throw new ConfigError(`--data: ${path}; rule: must hold a dataset of pool ${pool}`);
  return [dirname(found), basename(found)];
}

export interface FetchedEventsParameters {
  /** The nodes, the preferred one first. */
  readonly urls: readonly string[];
  readonly chainId: number;
  /** The first block at or after a time. */
  readonly firstBlockSince: (timestamp: number) => Promise<number>;
  readonly onProgress?: (done: number, total: number, text: string) => void;
}

/** Events fetched from a node, for this once. */
export function fetchedEvents({ urls, chainId, firstBlockSince, onProgress }: FetchedEventsParameters): EventSource {
  return {
    name: `chain ${chainId}`,
    async eventsOf({ pool, fromTimestamp, toBlock }) {
      const out = mkdtempSync(join(tmpdir(), "rangekeeper-parity-"));
      const rpc = createDataRpc({
        urls,
        chainId,
        confirmations: 0,
        requestsPerSecond: 100,
        now: () => performance.now(),
        sleep: (milliseconds) => new Promise((done) => setTimeout(done, milliseconds)),
      });
      try {
        const { manifest } = await fetchEvents({
          rpc,
          pool,
          out,
          fromBlock: await firstBlockSince(fromTimestamp),
          toBlock,
          chainId,
          confirmations: 0,
          now: () => performance.now(),
          progress: ({ done, total, block, events }) => onProgress?.(done, total, `block ${block}, ${events} events`),
        });
        return resolveMarket(out, manifest.name);
      } finally {
        rpc.close();
        rmSync(out, { recursive: true, force: true });
      }
    },
  };
}
