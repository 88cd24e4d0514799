/**
 * Whether the API holds 1,000 reads a second on one core while a worker serves 500 vaults: a real chain, Redis, worker and
 * API, each a process of its own, and an open load. `--vaults N --pools N --seconds N --rate N --decisions N` change it;
 * `--trace FOLDER` leaves there the requests over 20 ms, when blocks came, and a profile of the API's processor time.
 * Where Linux's `taskset` is at hand the API has the last core, and all that the question leaves out (chain, Redis,
 * worker, load) shares the others. API and load come before whatever else the machine does, where they may.
 */
import { type ChildProcess, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { localKeys } from "../../rebalancer/cli/demo/accounts.ts";
import { openJournal } from "../../rebalancer/journal.ts";
import { startChild, stopChild } from "../support/child.ts";
import { writeConfig } from "../support/configFile.ts";
import { generateJournal } from "../support/generatedJournal.ts";
import { type ManyVaults, startManyVaults } from "../support/manyVaults.ts";
import { startRedis } from "../support/redis.ts";
import type { LoadOrders, LoadResult } from "./api/load.ts";
import { type Bench, row } from "./bench.ts";

const ROOT = join(import.meta.dirname, "../..");
const SLOT_SECONDS = 12;
const TICKS_PER_SECOND = 100;
const MOST_P99_MILLISECONDS = 50;
const TARGET_RATE = 1_000;
const STREAMS = 10;
/** V8 starts four helper threads by itself: with a single core they take turns with the one that answers. */
const ON_ONE_CORE = ["--v8-pool-size=1"];
const SLOW_MILLISECONDS = 20;
/** A seed of its own, so that the answers of one run are those of the next. */
const SEED = 4_242;

/** Of a hundred requests, how many go where. */
const MIX = {
  vaults: 5,
  vault: 25,
  decisions: 25,
  decision: 20,
  rebalances: 10,
  models: 2,
  queues: 3,
  deadLetters: 2,
  stops: 3,
  health: 5,
} as const;

export const bench: Bench = async ({ options, progress }) => {
  const lastCore = availableParallelism() - 1;
  const pinned = lastCore > 0 && leaveCore(lastCore);
  if (!pinned) progress("no core can be set aside for the API: its times hold what the rest of the machine does");
  const read = (name: string, fallback: number): number => {
    const at = options.indexOf(`--${name}`);
    return at < 0 ? fallback : Number(options[at + 1]);
  };
  const vaults = read("vaults", 500);
  const seconds = read("seconds", 36);
  const rate = read("rate", TARGET_RATE);
  const decisions = read("decisions", 48);
  const trace = options.includes("--trace") ? String(options[options.indexOf("--trace") + 1]) : null;
  const folder = mkdtempSync(join(tmpdir(), "bench-api-"));
  const redis = await startRedis();
  const apart = pinned ? [...FIRST, "taskset", "-c", String(lastCore)] : [];
  const many = await startManyVaults({ vaults, pools: read("pools", 50), progress });
  const children: ChildProcess[] = [];
  try {
    progress(`writing the journal of another worker: ${decisions} decisions of each of ${vaults} vaults`);
    const ids = generateJournal({
      path: join(folder, "other.db"),
      vaults,
      decisions,
      place: (index) => ({
        vault: many.vaults[index]?.vault as `0x${string}`,
        pool: many.vaults[index]?.pool as `0x${string}`,
      }),
    });
    const config = configure(folder, many, redis.url);
    const worker = start(folder, "worker", pinned ? ["nice", "-n", "5"] : [], [
      "worker",
      "start",
      "--config",
      config,
      "--yes-live",
    ]);
    children.push(worker);
    await many.tick(SLOT_SECONDS);
    const api = start(
      folder,
      "api",
      apart,
      ["api", "start", "--json", "--config", config, "--listen", "127.0.0.1:0"],
      [...(pinned ? ON_ONE_CORE : []), ...(trace === null ? [] : ["--cpu-prof", "--cpu-prof-dir", trace])],
    );
    children.push(api);
    const url = await urlOf(api);
    const paths = mixOf(many, ids);
    progress("warming up for a block at the same rate: what is measured is compiled by then");
    await load({ url, perSecond: rate, seconds: SLOT_SECONDS, paths, streams: 0, slowMilliseconds: SLOW_MILLISECONDS });

    progress(`${rate} requests a second for ${seconds} s, ${STREAMS} event streams, a block every ${SLOT_SECONDS} s`);
    const before = { cpu: cpuSecondsOf(api), worker: cpuSecondsOf(worker), decided: decided(folder) };
    const blocks = tickFor(many, seconds);
    blocks.catch(() => undefined);
    const result = await load({
      url,
      perSecond: rate,
      seconds,
      paths,
      streams: STREAMS,
      slowMilliseconds: SLOW_MILLISECONDS,
    });
    const cpu = cpuSecondsOf(api) - before.cpu;
    const workerCpu = cpuSecondsOf(worker) - before.worker;
    const blocksAt = await blocks;
    const slots = blocksAt.length;
    if (trace !== null) writeTrace(trace, { blocksAt, ...result });
    const made = await decidedAfter(folder, before.decided + slots * vaults);
    for (const child of children)
      if (child.exitCode !== null) throw new Error(`a process ended with ${child.exitCode}`);
    const lost = result.sent - result.answered;
    return [
      row(
        "requests answered a second",
        result.answered / result.seconds,
        "1/s",
        `at least ${TARGET_RATE}`,
        result.answered / result.seconds / TARGET_RATE,
      ),
      row("requests lost or refused", lost, `of ${result.sent}`),
      row("p50, from when it was due", result.p50, "ms"),
      row("p99", result.p99, "ms", `at most ${MOST_P99_MILLISECONDS}`, result.p99 / MOST_P99_MILLISECONDS),
      row("p99.9", result.p999, "ms"),
      row("longest", result.most, "ms"),
      row("the load's own delay, p99", result.lateP99, "ms"),
      row("processor time of the API", cpu / result.seconds, "cores", "one core", cpu / result.seconds),
      row("bytes a second", result.bytes / result.seconds / 1e6, "MB/s"),
      row("events to each stream", result.events / STREAMS, "events"),
      row("memory of the API", residentMegabytes(api), "MB"),
      row(
        "worker: vaults decided",
        made - before.decided,
        "decisions",
        `${slots} blocks × ${vaults}`,
        (made - before.decided) / (slots * vaults),
      ),
      row("processor time of the worker", workerCpu / result.seconds, "cores"),
    ];
  } finally {
    for (const child of children) await stopChild(child);
    await many.stop();
    await redis.stop();
    rmSync(folder, { recursive: true, force: true });
  }
};

function configure(folder: string, many: ManyVaults, redisUrl: string): string {
  const path = join(folder, "config.toml");
  writeConfig(path, many.config, {
    rpcUrl: many.anvil.url,
    addresses: undefined,
    "redis.url": redisUrl,
    "journal.path": join(folder, "journal.db"),
    "api.journals": [join(folder, "other.db")],
    "worker.pollMilliseconds": 500,
    vaults: many.vaults.map(({ pool, vault, strategy }, index) => ({
      name: `vault ${index}`,
      pool,
      vault,
      strategyContract: strategy,
      lens: many.lens,
    })),
  });
  return path;
}

/** Keeps this process and what it starts off a core; false where that cannot be done. */
const leaveCore = (core: number): boolean =>
  spawnSync("taskset", ["--all-tasks", "--cpu-list", "--pid", `0-${core - 1}`, String(process.pid)]).status === 0;

/** `prefix`: a command that runs another one, on a core or at a priority of its own. */
function start(
  folder: string,
  name: string,
  prefix: readonly string[],
  verb: readonly string[],
  flags: readonly string[] = [],
): ChildProcess {
  const keys = localKeys();
  const log = openSync(join(folder, `${name}.log`), "w");
  const node = [process.execPath, ...flags, "--import", "tsx", "rebalancer/cli/main.ts", ...verb];
  const [command = process.execPath, ...args] = [...prefix, ...node];
  return startChild(command, args, {
    cwd: ROOT,
    env: { ...process.env, RANGEKEEPER_SIGNER_KEY: keys.modelSigner, RANGEKEEPER_KEEPER_KEY: keys.keeper },
    stdio: ["ignore", name === "api" ? "pipe" : log, log],
  });
}

const urlOf = (api: ChildProcess): Promise<string> =>
  new Promise((resolve, reject) => {
    api.once("close", (code) => reject(new Error(`the API ended with ${code}`)));
    let text = "";
    api.stdout?.on("data", (chunk: Buffer) => {
      text += chunk.toString("utf8");
      if (text.includes("\n")) resolve((JSON.parse(text) as { url: string }).url);
    });
  });

/** Requests in the shares of MIX, in an order that a seed gives. */
function mixOf({ vaults }: ManyVaults, ids: readonly string[]): readonly string[] {
  let state = SEED;
  const pick = (most: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * most);
  };
  const vault = () => vaults[pick(vaults.length)]?.vault;
  const make: Readonly<Record<keyof typeof MIX, () => string>> = {
    vaults: () => (pick(2) === 0 ? "/v1/vaults" : `/v1/vaults?after=${vaults[pick(vaults.length - 1)]?.vault}`),
    vault: () => `/v1/vaults/${vault()}`,
    decisions: () => `/v1/vaults/${vault()}/decisions${pick(2) === 0 ? "" : "?action=move&limit=10"}`,
    decision: () => `/v1/decisions/${ids[pick(ids.length)]}`,
    rebalances: () => `/v1/vaults/${vault()}/rebalances?limit=5`,
    models: () => "/v1/models",
    queues: () => "/v1/queues",
    deadLetters: () => "/v1/dead-letters",
    stops: () => "/v1/stops",
    health: () => ["/healthz", "/readyz", "/metrics", "/openapi.json"][pick(4)] ?? "/healthz",
  };
  const kinds = Object.entries(MIX).flatMap(([kind, share]) =>
    Array<keyof typeof MIX>(share).fill(kind as keyof typeof MIX),
  );
  return Array.from({ length: 20_000 }, () => make[kinds[pick(kinds.length)] ?? "health"]());
}

/** Before whatever else the machine does, where the system lets us; `nice` says so when it does not, and goes on. */
const FIRST = spawnSync("nice", ["-n", "-15", "true"]).stderr?.length === 0 ? ["nice", "-n", "-15"] : [];

function load(orders: LoadOrders): Promise<LoadResult> {
  const node = [process.execPath, "--import", "tsx", join(import.meta.dirname, "api/load.ts")];
  const [command = process.execPath, ...args] = [...FIRST, ...node];
  const child = startChild(command, args, {
    stdio: ["pipe", "pipe", "inherit"],
  });
  child.stdin?.end(JSON.stringify(orders));
  return new Promise((resolve, reject) => {
    let text = "";
    child.stdout?.on("data", (chunk: Buffer) => {
      text += chunk.toString("utf8");
    });
    child.once("close", (code) =>
      code === 0 ? resolve(JSON.parse(text)) : reject(new Error(`load ended with ${code}`)),
    );
  });
}

/** A block every slot for so long; returns when each was mined, in Unix milliseconds. */
async function tickFor(many: ManyVaults, seconds: number): Promise<readonly number[]> {
  const minedAt: number[] = [];
  const slots = Math.max(1, Math.floor(seconds / SLOT_SECONDS));
  const began = performance.now();
  for (let slot = 0; slot < slots; slot++) {
    const left = began + slot * SLOT_SECONDS * 1_000 - performance.now();
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, left)));
    await many.tick(SLOT_SECONDS);
    minedAt.push(Date.now());
  }
  return minedAt;
}

/** Slow requests by when they were due: with how long after a block that was, and how much of it was the load's own delay. */
function writeTrace(
  folder: string,
  {
    slow,
    beganAtMilliseconds,
    blocksAt,
  }: Pick<LoadResult, "slow" | "beganAtMilliseconds"> & { blocksAt: readonly number[] },
): void {
  mkdirSync(folder, { recursive: true });
  const lines = slow.map((request) => {
    const at = beganAtMilliseconds + request.dueMilliseconds;
    const block = blocksAt.findLast((mined) => mined <= at);
    return JSON.stringify({ afterBlockMilliseconds: block === undefined ? null : Math.round(at - block), ...request });
  });
  writeFileSync(join(folder, "slow.jsonl"), lines.map((line) => `${line}\n`).join(""));
}

function decided(folder: string): number {
  const journal = openJournal(join(folder, "journal.db"), () => "reader");
  const { length } = journal.decisions({ candidates: false });
  journal.close();
  return length;
}

/** Waits for the worker to come to the end of the last slot, at most as long as a slot takes. */
async function decidedAfter(folder: string, wanted: number): Promise<number> {
  const end = performance.now() + SLOT_SECONDS * 1_000;
  for (;;) {
    const found = decided(folder);
    if (found >= wanted || performance.now() > end) return found;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

function cpuSecondsOf({ pid }: ChildProcess): number {
  // The name, in brackets, may hold anything.
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /s, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

const residentMegabytes = ({ pid }: ChildProcess): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1_024;
