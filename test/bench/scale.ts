/**
 * How many vaults one worker core serves in a slot of 12 s: real workers in processes of their own, a real Redis and a
 * real chain. `--vaults N --pools N --slots N` change the size. Work is measured as the workers' processor time, so that
 * the node and Redis beside them do not count, and neither does waiting.
 */
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { localKeys } from "../../rebalancer/cli/demo/accounts.ts";
import { openJournal } from "../../rebalancer/journal.ts";
import { settledKey } from "../../rebalancer/observe/marker.ts";
import { startChild, stopChild } from "../support/child.ts";
import { writeConfig } from "../support/configFile.ts";
import { type ManyVault, type ManyVaults, startManyVaults } from "../support/manyVaults.ts";
import { startRedis } from "../support/redis.ts";
import { type Bench, type BenchRow, median, row } from "./bench.ts";

const CHAIN_ID = 31_337;
const SLOT_SECONDS = 12;
const TARGET = 2_000;
const AIM = 5_000;
const WARM_UP_SLOTS = 2;
const PATIENCE_MILLISECONDS = 300_000;
/** Part of the moves that the enriched vaults are to make: a figure without them would be that of vaults that hold. */
const LEAST_EXECUTED = 0.95;
/** Of all vaults, those that get enough to move, in each slot. */
const MOVING = 0.01;
/** Linux counts a process's time in hundredths of a second. */
const TICKS_PER_SECOND = 100;
const ROOT = join(import.meta.dirname, "../..");

interface Options {
  readonly vaults: number;
  readonly pools: number;
  readonly slots: number;
}

function optionsOf(words: readonly string[]): Options {
  const read = (name: string, fallback: number): number => {
    const at = words.indexOf(`--${name}`);
    return at < 0 ? fallback : Number(words[at + 1]);
  };
  const asked = { vaults: read("vaults", 2_000), pools: read("pools", 50), slots: read("slots", 5) };
  const refuse = (name: keyof Options, rule: string) => {
    throw new Error(`--${name} ${asked[name]}; rule: ${rule}`);
  };
  for (const name of ["vaults", "pools", "slots"] as const) {
    if (!Number.isSafeInteger(asked[name]) || asked[name] < 1) refuse(name, "a whole number above 0");
  }
  if (asked.pools < 2) refuse("pools", "at least 2, for two workers");
  const movers = WARM_UP_SLOTS + asked.slots;
  const least = Math.max(movers, asked.pools);
  if (asked.vaults < least)
    refuse("vaults", `at least ${least}: one in each pool, and one that moves in each of ${movers} slots`);
  return asked;
}

export const bench: Bench = async ({ options, progress }) => {
  const { vaults, pools, slots } = optionsOf(options);
  const folder = mkdtempSync(join(tmpdir(), "scale-"));
  const redis = await startRedis();
  const many = await startManyVaults({ vaults, pools, progress });
  const stage: Stage = { many, folder, redisUrl: redis.url, slots, progress };
  try {
    progress("one worker for a single vault, for its memory");
    const single = await measureAnew(stage, [many.vaults.slice(0, 1)]);
    progress(`one worker for ${vaults} vaults`);
    const one = await measureAnew(stage, [many.vaults]);
    progress("two workers on one Redis");
    const half = pools >> 1;
    const firstPools = new Set(many.pools.slice(0, half).map(({ pool }) => pool));
    const isFirst = ({ pool }: ManyVault) => firstPools.has(pool);
    const two = await measureAnew(stage, [many.vaults.filter(isFirst), many.vaults.filter((vault) => !isFirst(vault))]);
    const memory = ((one.residentMegabytes - single.residentMegabytes) / (vaults - 1)) * 1_000;
    return [
      ...rowsOf("1 worker", vaults, one),
      ...rowsOf("2 workers", vaults, two),
      row("a worker's memory, 1 vault", single.residentMegabytes, "MB"),
      row(`a worker's memory, ${vaults} vaults`, one.residentMegabytes, "MB"),
      row("memory per 1,000 vaults", memory, "MB"),
    ];
  } finally {
    await many.stop();
    await redis.stop();
    rmSync(folder, { recursive: true, force: true });
  }
};

interface Stage {
  readonly many: ManyVaults;
  readonly folder: string;
  readonly redisUrl: string;
  readonly slots: number;
  readonly progress: (line: string) => void;
}

interface Measured {
  /** Medians over the slots; seconds of all workers together. */
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
  readonly workers: number;
  /** Of the first worker. */
  readonly residentMegabytes: number;
  /** In the measured slots. */
  readonly decisions: number;
  readonly executed: number;
  readonly slots: number;
}

interface Worker {
  readonly child: ChildProcess;
  readonly journal: string;
  readonly pools: readonly string[];
}

/** Measures on the chain and the Redis as they were at the start: what one measurement moved, the next one moves too. */
async function measureAnew(stage: Stage, groups: readonly (readonly ManyVault[])[]): Promise<Measured> {
  const { rpc } = stage.many;
  const snapshot = await rpc.call<string>("evm_snapshot");
  try {
    return await measure(stage, groups);
  } finally {
    await rpc.call("evm_revert", [snapshot]);
    const redis = new Redis(stage.redisUrl);
    await redis.flushall();
    redis.disconnect();
  }
}

/** As many of each group as of the others, in their order, which goes from pool to pool. */
const inTurns = (groups: readonly (readonly ManyVault[])[]): readonly ManyVault[] =>
  Array.from({ length: Math.max(...groups.map(({ length }) => length)) }).flatMap((_, place) =>
    groups.flatMap((group) => group[place] ?? []),
  );

async function measure(stage: Stage, groups: readonly (readonly ManyVault[])[]): Promise<Measured> {
  const { many, slots, progress } = stage;
  const workers = groups.map((vaults, index) => startWorker(stage, vaults, index));
  const redis = new Redis(stage.redisUrl);
  try {
    const everyone = inTurns(groups);
    let enriched = 0;
    const moving = everyone.length === 1 ? 0 : Math.max(1, Math.round(everyone.length * MOVING));
    const slot = async (): Promise<number> => {
      const began = performance.now();
      const chosen = everyone.slice(enriched, enriched + moving);
      enriched += chosen.length;
      const block = await many.tick(SLOT_SECONDS, chosen);
      await settled(redis, workers, block);
      return (performance.now() - began) / 1_000;
    };
    for (let i = 0; i < WARM_UP_SLOTS; i++) await slot();
    const before = count(workers);
    const cpu: number[] = [];
    const wall: number[] = [];
    for (let i = 0; i < slots; i++) {
      const start = cpuSecondsOf(workers);
      wall.push(await slot());
      cpu.push(cpuSecondsOf(workers) - start);
      progress(
        `  slot ${i + 1} of ${slots}: ${cpu.at(-1)?.toFixed(2)} s of processor time, ${wall.at(-1)?.toFixed(2)} s`,
      );
    }
    const after = count(workers);
    const executed = after.executed - before.executed;
    if (executed < moving * slots * LEAST_EXECUTED)
      throw new Error(`${executed} moves sent; rule: ${moving} in each of ${slots} slots. ${whyNot(workers)}`);
    return {
      cpuSeconds: median(cpu),
      wallSeconds: median(wall),
      workers: workers.length,
      residentMegabytes: residentMegabytes(workers[0]?.child.pid as number),
      decisions: after.decisions - before.decisions,
      executed,
      slots,
    };
  } finally {
    redis.disconnect();
    await Promise.all(workers.map(({ child }) => stopChild(child)));
  }
}

let configurations = 0;

function startWorker({ many, folder, redisUrl }: Stage, vaults: readonly ManyVault[], index: number): Worker {
  const number = configurations++;
  const journal = join(folder, `journal-${number}.db`);
  const path = join(folder, `config-${number}.toml`);
  const keeper = `keeper-${index}`;
  const { modelSigner, keeper: first, secondKeeper } = localKeys();
  writeConfig(path, many.config, {
    rpcUrl: many.anvil.url,
    addresses: undefined,
    "redis.url": redisUrl,
    "journal.path": journal,
    "worker.pollMilliseconds": 200,
    // Ten times what a move takes: so the gas of a small vault never pays, and of those that get more it always does.
    "decision.gasPerMove": 6_000_000,
    vaults: vaults.map(({ pool, vault, strategy }, i) => ({
      name: `vault ${i}`,
      keeper,
      pool,
      vault,
      strategyContract: strategy,
      lens: many.lens,
    })),
  });
  const log = openSync(join(folder, `worker-${number}.log`), "w");
  const child = startChild(
    process.execPath,
    ["--import", "tsx", "rebalancer/cli/main.ts", "worker", "start", "--config", path, "--yes-live"],
    {
      cwd: ROOT,
      env: {
        ...process.env,
        RANGEKEEPER_SIGNER_KEY: modelSigner,
        [`RANGEKEEPER_${keeper.toUpperCase().replaceAll("-", "_")}_KEY`]: index === 0 ? first : secondKeeper,
      },
      stdio: ["ignore", log, log],
    },
  );
  return { child, journal, pools: [...new Set(vaults.map(({ pool }) => pool))] };
}

/** Waits until every pool of every worker has come to rest with a block. */
async function settled(redis: Redis, workers: readonly Worker[], block: number): Promise<void> {
  const end = Date.now() + PATIENCE_MILLISECONDS;
  const pools = workers.flatMap(({ pools }) => pools);
  for (;;) {
    const dead = workers.find(({ child }) => child.exitCode !== null);
    if (dead) throw new Error(`a worker ended with exit code ${dead.child.exitCode}`);
    const found = await redis.mget(pools.map((pool) => settledKey(CHAIN_ID, pool as `0x${string}`)));
    const done = found.filter((text) => text !== null && (JSON.parse(text) as { block: number }).block >= block).length;
    if (done === pools.length) return;
    if (Date.now() > end) throw new Error(`block ${block}: ${done} of ${pools.length} pools settled`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function count(workers: readonly Worker[]): { decisions: number; executed: number } {
  let [decisions, executed] = [0, 0];
  for (const { journal: path } of workers) {
    const journal = openJournal(path, () => "reader");
    decisions += journal.decisions({ candidates: false }).length;
    executed += journal.proposals({ status: ["sent", "confirmed"] }).length;
    journal.close();
  }
  return { decisions, executed };
}

/** What became of the proposals instead, and of the newest decisions. */
function whyNot(workers: readonly Worker[]): string {
  const counts = new Map<string, number>();
  for (const { journal: path } of workers) {
    const journal = openJournal(path, () => "reader");
    const proposals = journal.proposals().map(({ status, detail }) => `${status} ${detail}`);
    const decisions = journal
      .decisions({ limit: 1_000, candidates: false })
      .map(({ decision }) => `decided ${decision.action} ${decision.reasonKey}`);
    for (const word of [...proposals, ...decisions]) counts.set(word, (counts.get(word) ?? 0) + 1);
    journal.close();
  }
  const most = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 5);
  return most.map(([word, times]) => `${times} x ${word}`).join("; ");
}

function cpuSecondsOf(workers: readonly Worker[]): number {
  let ticks = 0;
  for (const { child } of workers) {
    // The name, in brackets, may hold anything.
    const fields = readFileSync(`/proc/${child.pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks / TICKS_PER_SECOND;
}

function residentMegabytes(pid: number): number {
  const kilobytes = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kilobytes) / 1_024;
}

function rowsOf(name: string, vaults: number, measured: Measured): BenchRow[] {
  const { cpuSeconds, wallSeconds, decisions, executed, slots } = measured;
  const perCore = (vaults * SLOT_SECONDS) / cpuSeconds;
  return [
    row(`${name}: vaults per core and slot`, perCore, "vaults", `at least ${TARGET}, aim ${AIM}`, perCore / TARGET),
    row(`${name}: processor time per vault`, (1_000 * cpuSeconds) / vaults, "ms"),
    row(`${name}: a slot's work, wall`, wallSeconds, "s", `slot of ${SLOT_SECONDS} s`, wallSeconds / SLOT_SECONDS),
    row(`${name}: decisions per slot`, decisions / slots, "decisions"),
    row(`${name}: moves sent per slot`, executed / slots, "moves"),
  ];
}
