/**
 * From a block's header to the signed transaction that answers it: one vault, 4,096 candidates and a few more, the shipped
 * nets, a real chain and a real Redis on loopback. `--runs N` changes how often. Each run is a worker that has seen one
 * block before, so that its history is loaded; the block in which a deposit makes a move pay is timed, from its header.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PerformanceObserver, performance } from "node:perf_hooks";
import { Redis } from "ioredis";
import { loadModelSet } from "../../ml/models/index.ts";
import type { ModelSet } from "../../ml/types.ts";
import { openTextSocket, type TextSocket } from "../../rebalancer/chain/webSocket.ts";
import { localKeys } from "../../rebalancer/cli/demo/accounts.ts";
import { loadConfig } from "../../rebalancer/config.ts";
import type { Milestone } from "../../rebalancer/context.ts";
import { openJournal } from "../../rebalancer/journal.ts";
import { run } from "../../rebalancer/main.ts";
import { readMarker, settledKey } from "../../rebalancer/observe/marker.ts";
import { writeConfig } from "../support/configFile.ts";
import { type ManyVault, startManyVaults } from "../support/manyVaults.ts";
import { startRedis } from "../support/redis.ts";
import { type Bench, median, row } from "./bench.ts";

const RUNS = 100;
const WARM_UP = 5;
/** A few rows more than 4,096, however the ticks snap: ranges, and to stand aside. */
const GRID = { widths: 69, centres: 60 };
const PATIENCE_MILLISECONDS = 60_000;
/** What a stage ends with, and what it is made of. The queues are told meanwhile. */
const STAGES: readonly (readonly [Milestone, string])[] = [
  ["evaluating", "until the evaluation begins"],
  ["decided", "read, scored, decided, journaled"],
  ["simulated", "simulated"],
  ["signed", "signed, journaled"],
];

export const bench: Bench = async ({ options, progress }) => {
  const at = options.indexOf("--runs");
  const runs = at < 0 ? RUNS : Number(options[at + 1]);
  const folder = mkdtempSync(join(tmpdir(), "latency-"));
  const redis = await startRedis();
  const many = await startManyVaults({ pools: 1, vaults: 1, tickSpacing: 10, progress });
  const [vault] = many.vaults as readonly [ManyVault];
  const shipped = await loadModelSet("rangekeeper");
  const models = withoutDomain(shipped);
  const store = new Redis(redis.url);
  const heard = new Map<number, number>();
  const headers = await listen(many.anvil.url, heard);
  const totals: number[] = [];
  const runsMade: Run[] = [];
  const collections: { readonly start: number; readonly end: number }[] = [];
  const collector = new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries())
      collections.push({ start: startTime, end: startTime + duration });
  });
  collector.observe({ entryTypes: ["gc"] });
  const parts = STAGES.map((): number[] => []);
  let candidates = Number.POSITIVE_INFINITY;
  // A chain that was loaded knows the state of blocks from here on.
  await many.tick(12);
  try {
    for (let number = 0; number < WARM_UP + runs; number++) {
      const snapshot = await many.rpc.call("evm_snapshot");
      const path = join(folder, `config-${number}.toml`);
      const journal = join(folder, `journal-${number}.db`);
      writeConfig(path, many.config, {
        rpcUrl: many.anvil.url,
        addresses: undefined,
        rpc: { webSocketUrl: many.anvil.url.replace("http", "ws") },
        "redis.url": redis.url,
        "journal.path": journal,
        "log.level": "silent",
        evaluate: { everySeconds: 12, minHistorySeconds: 86_400, ...GRID },
        decision: { riskAversion: 0, hysteresisBps: 0, waitWeight: 0, gasPerMove: 6_000_000, nativeToken: many.asset },
        vaults: [
          {
            name: "one",
            pool: vault.pool,
            vault: vault.vault,
            strategyContract: vault.strategy,
            lens: many.lens,
          },
        ],
      });
      const reached = new Map<Milestone, number>();
      const used = new Map<Milestone, Used>();
      heard.clear();
      const stop = new AbortController();
      const running = run({
        config: loadConfig({ path, env: {} }),
        signal: stop.signal,
        live: true,
        models,
        env: { RANGEKEEPER_SIGNER_KEY: localKeys().modelSigner, RANGEKEEPER_KEEPER_KEY: localKeys().keeper },
        onMilestone(milestone) {
          reached.set(milestone, performance.now());
          used.set(milestone, { cpu: process.cpuUsage(), loop: performance.eventLoopUtilization() });
        },
      });
      const key = settledKey(31_337, vault.pool);
      await until(running, async () => ((await readMarker(store, key))?.block ?? -1) >= 0);
      const warm = await many.tick(12);
      await until(running, async () => ((await readMarker(store, key))?.block ?? -1) >= warm);
      reached.clear();
      // What starting a worker left behind is no part of a move.
      globalThis.gc?.({ type: "minor" });
      const mined = await many.tick(12, [vault]);
      await until(running, async () => reached.has("signed") && heard.has(mined));
      const began = heard.get(mined) ?? Number.NaN;
      await until(running, async () => reached.has("sent"));
      stop.abort();
      await running;
      if (number >= WARM_UP) {
        let last = began;
        STAGES.forEach(([milestone], i) => {
          const now = reached.get(milestone) ?? Number.NaN;
          parts[i]?.push(now - last);
          last = now;
        });
        totals.push(last - began);
        runsMade.push(runOf(used, began, last));
        progress(`  run ${totals.length} of ${runs}: ${(last - began).toFixed(1)} ms`);
      }
      const reader = openJournal(journal, () => "reader");
      candidates = Math.min(candidates, reader.decisions().at(-1)?.decision.candidates.length ?? 0);
      reader.close();
      await store.flushall();
      await many.rpc.call("evm_revert", [snapshot]);
      await many.rpc.call("anvil_dropAllTransactions");
    }
  } finally {
    headers.close();
    collector.disconnect();
    store.disconnect();
    await many.stop();
    await redis.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  const p50 = median(totals);
  const p99 = quantile(totals, 0.99);
  const slow = runsMade.filter(({ milliseconds }) => milliseconds > 1.5 * p50);
  const busy = slow.map(({ milliseconds, loopMilliseconds }) => loopMilliseconds / milliseconds);
  const pauses = slow.filter(({ began, ended }) => collections.some(({ start, end }) => start < ended && end > began));
  return [
    row("candidates, fewest", candidates, "rows", "at least 4,096", candidates / 4_096),
    row("header to signed, p50", p50, "ms", "at most 15, aim 8", p50 / 15),
    row("header to signed, p99", p99, "ms", "at most 60", p99 / 60),
    row("header to signed, fastest", Math.min(...totals), "ms"),
    row("processor time, evaluated to signed", median(runsMade.map(({ cpu }) => cpu)), "ms", "all threads"),
    row("slow runs", slow.length, `of ${runs}`, "over 1.5 p50"),
    row("  the event loop's busy part", slow.length === 0 ? 0 : median(busy), "", "else it waits"),
    row("  with a garbage collection", pauses.length, "runs"),
    ...STAGES.map(([, name], i) => row(name, median(parts[i] ?? []), "ms", "of the p50", median(parts[i] ?? []) / p50)),
  ];
};

/** What this process had used when a milestone was reached. */
interface Used {
  readonly cpu: NodeJS.CpuUsage;
  readonly loop: ReturnType<typeof performance.eventLoopUtilization>;
}

/** Where a run's time went: milliseconds, by the clock and of the processor; the loop's since the first milestone. */
interface Run {
  readonly began: number;
  readonly ended: number;
  readonly milliseconds: number;
  readonly cpu: number;
  readonly loopMilliseconds: number;
}

function runOf(used: ReadonlyMap<Milestone, Used>, began: number, ended: number): Run {
  const [first, last] = [used.get("evaluating"), used.get("signed")];
  if (first === undefined || last === undefined) throw new Error("a run must evaluate and sign");
  const cpu = last.cpu.user + last.cpu.system - first.cpu.user - first.cpu.system;
  const { active } = performance.eventLoopUtilization(last.loop, first.loop);
  return { began, ended, milliseconds: ended - began, cpu: cpu / 1_000, loopMilliseconds: active };
}

/** Notes when each block's header comes over a WebSocket of the bench's own, opened before the worker's. */
async function listen(url: string, heard: Map<number, number>): Promise<TextSocket> {
  const socket = await openTextSocket({
    url: url.replace("http", "ws"),
    timeoutMilliseconds: 5_000,
    maxMessageBytes: 1_048_576,
    onText(text) {
      const { params } = JSON.parse(text) as { params?: { result: { number: string } } };
      if (params) heard.set(Number(params.result.number), performance.now());
    },
    onEnd(why) {
      throw new Error(`the bench's own socket: ${why}`);
    },
  });
  socket.send(JSON.stringify({ jsonrpc: "2.0", id: 1, method: "eth_subscribe", params: ["newHeads"] }));
  return socket;
}

/** The nets take no market that they were not trained on, and this one is made up: here only their speed matters. */
function withoutDomain(models: ModelSet): ModelSet {
  const known = { outOfDomain: () => [] };
  return {
    id: models.id,
    volatility: { ...models.volatility, ...known },
    il: { ...models.il, ...known },
    yield: { ...models.yield, ...known },
  };
}

/** Waits for a condition; throws when the worker ends first or the time is up. */
async function until(running: Promise<void>, holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + PATIENCE_MILLISECONDS;
  let ended = false;
  running.then(
    () => {
      ended = true;
    },
    () => {
      ended = true;
    },
  );
  while (!(await holds())) {
    if (ended) return running;
    if (Date.now() > end) throw new Error("the worker did not come so far in time");
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN;
}
