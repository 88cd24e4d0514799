import { createPublicClient, http } from "viem";
import { listenForHeads } from "../../chain/heads.ts";
import { type BlockStamp, getBlock } from "../../chain.ts";
import type { Config } from "../../config.ts";
import { explain } from "../../errors.ts";
import { redactAddresses } from "../../log/secrets.ts";
import { type Check, type Finding, fail, look, ok, warn } from "./check.ts";

const TIMEOUT_MILLISECONDS = 5_000;
/** Older than this, a head says that the node or this machine's clock stands still. */
const OLD_HEAD_SECONDS = 120;
const AHEAD_SECONDS = 30;

export interface Nodes {
  readonly checks: readonly Check[];
  /** The newest block of a node of the right chain; null when there is none. */
  readonly head: BlockStamp | null;
}

/** Every way to the chain: it answers, it is the right chain, how far behind it is; then the clock against the head. */
export async function checkNodes(config: Config, nowSeconds: number): Promise<Nodes> {
  const urls = [config.rpcUrl, ...config.rpc.fallbackUrls];
  const heads: (BlockStamp | null)[] = urls.map(() => null);
  const reads = urls.map((url, index) =>
    look(index === 0 ? "rpc" : `rpc ${index + 1}`, remedy(url, index), async () => {
      const transport = http(url, { timeout: TIMEOUT_MILLISECONDS, retryCount: 0 });
      const client = createPublicClient({ transport });
      const began = performance.now();
      const found = await client.getChainId().catch((error) => {
        throw new Error(`no Ethereum node answers at ${redactAddresses(url)} (${explain(error)})`);
      });
      const milliseconds = Math.round(performance.now() - began);
      if (found !== config.chainId) return wrongChain(config, url, found);
      const head = await getBlock(client, "latest");
      heads[index] = head;
      return ok(`${redactAddresses(url)}, chain ${found}, block ${head.number}, ${milliseconds} ms`);
    }),
  );
  const checks = await Promise.all(reads);
  const best = heads.reduce<BlockStamp | null>((a, b) => (b && (!a || b.number > a.number) ? b : a), null);
  const lagging = checks.map((check, index): Check => {
    const behind = (best?.number ?? 0) - (heads[index]?.number ?? best?.number ?? 0);
    if (check.status !== "ok" || behind <= config.rpc.maxLagBlocks) return check;
    const fix = "it is not asked while it lags; see whether it syncs";
    return { name: check.name, ...warn(`${check.detail}, ${behind} blocks behind the best`, fix) };
  });
  return {
    head: best,
    checks: [
      ...lagging,
      ...(config.rpc.webSocketUrl === undefined ? [] : [await checkWebSocket(config, config.rpc.webSocketUrl)]),
      ...(config.rpc.privateRelayUrl === undefined ? [] : [await checkRelay(config.rpc.privateRelayUrl)]),
      ...(best === null ? [] : [{ name: "clock", ...clockAgainst(best, config, nowSeconds) }]),
    ],
  };
}

const remedy = (url: string, index: number): string =>
  index === 0
    ? `see whether the node at ${redactAddresses(url)} runs, or name another: --rpc-url, RANGEKEEPER_RPC_URL, rpcUrl`
    : "take it out of rpc.fallbackUrls, or see whether it runs";

const wrongChain = (config: Config, url: string, found: number): Finding =>
  fail(
    `${redactAddresses(url)} is chain ${found}, and the configuration says chainId ${config.chainId}`,
    `set chainId = ${found}, or name a node of chain ${config.chainId}`,
  );

function checkWebSocket(config: Config, url: string): Promise<Check> {
  return look("websocket", "see whether it runs; without it heads are polled", async () => {
    const failure = await new Promise<string | null>((resolve) => {
      const heads = listenForHeads({
        url,
        chainId: config.chainId,
        timeoutMilliseconds: TIMEOUT_MILLISECONDS,
        onHead: () => undefined,
        onChange(why) {
          heads.close();
          resolve(why);
        },
      });
    });
    if (failure !== null) throw new Error(`${redactAddresses(url)}: ${failure}`);
    return ok(`${redactAddresses(url)}, chain ${config.chainId}, announces heads`);
  });
}

/** A relay need not answer reads; that something answers there is all that can be known without sending. */
function checkRelay(url: string): Promise<Check> {
  return look("relay", "see rpc.privateRelayUrl; with it set transactions go nowhere else", async () => {
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "eth_chainId", params: [] });
    const answer = await fetch(url, {
      method: "POST",
      body,
      headers: { "content-type": "application/json" },
      signal: AbortSignal.timeout(TIMEOUT_MILLISECONDS),
    });
    return ok(`${redactAddresses(url)} answers with HTTP ${answer.status}`);
  });
}

/** Whether this machine's clock and the head agree, as far as blocks come regularly. */
export function clockAgainst(head: BlockStamp, config: Config, nowSeconds: number): Finding {
  const age = nowSeconds - head.timestamp;
  const text = age >= 0 ? `the head is ${age} s old by this clock` : `the head is ${-age} s ahead of this clock`;
  if (age < -AHEAD_SECONDS) return warn(text, "set this machine's clock (timedatectl set-ntp true)");
  const limit = config.trips.headLagSeconds;
  if (limit !== undefined && age > limit) {
    return fail(`${text}; trips.headLagSeconds is ${limit}`, "see whether the node syncs, and this machine's clock");
  }
  if (age > OLD_HEAD_SECONDS) return warn(text, "see whether the node syncs, and this machine's clock");
  return ok(text);
}
