import type { Command } from "commander";
import { getAddress } from "viem";
import type { Address } from "../../../ml/types.ts";
import { fetchEvents } from "../../data/fetchEvents.ts";
import { createDataRpc } from "../../data/rpc.ts";
import { ConfigError } from "../../errors.ts";
import { answer, guarded } from "../options.ts";
import { count, type DataOptions, outFolder, wholeNumber } from "./options.ts";
import { commandProgress } from "./progress.ts";

interface FetchOptions extends DataOptions {
  readonly rpc: readonly string[];
  readonly pool: string;
  readonly fromBlock?: string;
  readonly toBlock?: string;
  readonly name?: string;
  readonly chainId?: string;
  readonly confirmations: string;
  readonly requestsPerSecond: string;
  readonly chunk: string;
  readonly timeout: string;
}

/** `data fetch`: a pool's events from any RPC into the store; run again to go on. */
export function registerFetch(data: Command): void {
  data
    .command("fetch")
    .description("a pool's events from an RPC node; run again to go on where it stopped")
    .requiredOption("--rpc <url>", "the node; given again: one that is asked when those before it fail", collect)
    .requiredOption("--pool <address>", "the pool")
    .option("--from-block <n>", "first block (default: the pool's creation)")
    .option("--to-block <n>", "last block (default: the newest confirmed one)")
    .option("--out <dir>", "folder of the store")
    .option("--name <name>", "name of the dataset (default: chain, tokens and fee)")
    .option("--chain-id <n>", "the chain that the node must be of")
    .option("--confirmations <n>", "blocks on top of the last one fetched", "12")
    .option("--requests-per-second <n>", "at most", "10")
    .option("--chunk <n>", "blocks of the first request", "2000")
    .option("--timeout <seconds>", "for one request", "30")
    .option("--json", "answer in JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  rangekeeper data fetch --rpc http://127.0.0.1:8545 --pool 0x88e6... \\\n      --from-block 19000000 --out data\n",
    )
    .action((options: FetchOptions) =>
      guarded(options, async () => {
        const progress = commandProgress(options.json);
        const requestsPerSecond = Number(options.requestsPerSecond);
        if (!(requestsPerSecond > 0)) {
          throw new ConfigError(`--requests-per-second: ${options.requestsPerSecond}; rule: must be above 0`);
        }
        const chainId = wholeNumber("--chain-id", options.chainId, { least: 1 });
        if (options.rpc.length > 1 && chainId === undefined) {
          throw new ConfigError("--chain-id: missing; rule: must be given with more than one --rpc");
        }
        const confirmations = wholeNumber("--confirmations", options.confirmations, { least: 0 }) ?? 12;
        const rpc = createDataRpc({
          urls: options.rpc.map(urlOf),
          chainId,
          confirmations,
          requestsPerSecond,
          timeoutMs: (wholeNumber("--timeout", options.timeout, { least: 1, most: 600 }) ?? 30) * 1000,
          now: () => performance.now(),
          sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
          onRetry: (reason, waitMs) => progress.note(`${reason}; again in ${(waitMs / 1000).toFixed(1)} s`),
        });
        try {
          const result = await fetchEvents({
            rpc,
            pool: addressOf(options.pool),
            out: outFolder(options),
            name: options.name,
            fromBlock: wholeNumber("--from-block", options.fromBlock, { least: 0 }),
            toBlock: wholeNumber("--to-block", options.toBlock, { least: 0 }),
            chainId,
            confirmations,
            firstChunk: wholeNumber("--chunk", options.chunk, { least: 1, most: 1_000_000 }),
            now: () => performance.now(),
            progress: ({ done, total, block, events, note }) =>
              note === null ? progress.at(done, total, `block ${block}, ${count(events)} events`) : progress.note(note),
          });
          progress.end();
          const { manifest, folder, fetched, newEvents, orphaned, requests } = result;
          const bytes = manifest.chunks.reduce((sum, chunk) => sum + chunk.bytes, 0);
          const summary = {
            name: manifest.name,
            folder,
            pool: manifest.pool,
            fromBlock: manifest.fetch?.fromBlock ?? null,
            toBlock: manifest.fetch?.complete?.number ?? null,
            toBlockHash: manifest.fetch?.complete?.hash ?? null,
            events: manifest.rows,
            newEvents,
            orphaned,
            requests,
            bytes,
          };
          answer(options, summary, () =>
            [
              `${manifest.name}: ${count(manifest.rows)} events of blocks ${summary.fromBlock} to ${summary.toBlock}`,
              fetched === null
                ? "nothing new"
                : `${count(newEvents)} new, ${count(orphaned)} taken back, ${count(requests)} requests`,
              `${count(bytes)} bytes, ${manifest.rows === 0 ? "-" : (bytes / manifest.rows).toFixed(1)} per event`,
            ].join("\n"),
          );
        } finally {
          rpc.close();
          progress.end();
        }
      }),
    );
}

const collect = (url: string, before: readonly string[] = []): readonly string[] => [...before, url];

function addressOf(text: string): Address {
  try {
    return getAddress(text.toLowerCase()) as Address;
  } catch {
    throw new ConfigError(`--pool: ${text}; rule: must be an address`);
  }
}

function urlOf(text: string): string {
  if (/^https?:\/\/./.test(text) && URL.canParse(text)) return text;
  throw new ConfigError(`--rpc: ${text}; rule: must be an http or https URL`);
}
