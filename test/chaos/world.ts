import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import type { Address } from "../../ml/types.ts";
import { localKeys } from "../../rebalancer/cli/demo/accounts.ts";
import { environmentNames } from "../../rebalancer/keys/keys.ts";
import { readMarker, settledKey } from "../../rebalancer/observe/marker.ts";
import { writeConfig } from "../support/configFile.ts";
import { SWAP_AMOUNT } from "../support/deployedChain.ts";
import type { Mischief } from "../support/rpcProxy.ts";
import { CHAIN_ID, type FleetVault } from "./fleet.ts";
import type { Lane } from "./lane.ts";
import type { Scenario } from "./scenario.ts";
import { type LogLine, type Supervised, supervise } from "./supervised.ts";

/** Token units that move the local pool's price by one tick: 5e-5 of its liquidity of 1e24. */
const AMOUNT_PER_TICK = 5n * 10n ** 19n;

export interface Block {
  readonly number: number;
  readonly hash: string;
  /** Unix seconds. */
  readonly timestamp: number;
}

/** One scenario under way: a chain, a Redis, workers, and what disturbs them now. */
export interface World {
  readonly lane: Lane;
  readonly scenario: Scenario;
  readonly folder: string;
  /** Those that the worker keeps, and the pools that they are in. */
  readonly vaults: readonly FleetVault[];
  readonly pools: readonly Address[];
  readonly worker: Supervised;
  /** Further workers; each with the journal it writes to. */
  readonly rivals: { readonly supervised: Supervised; readonly journal: string }[];
  readonly journals: Set<string>;
  /** What the node does to calls now; the first that has an answer counts. */
  readonly mischiefs: Set<Mischief>;
  /** Raw transactions that the node was given, by hash of the block that they came before; kept for reorganisations. */
  readonly raws: Set<string>;
  /** Wei per gas of the next blocks; null = free. */
  baseFee: string | null;
  /** Canonical blocks since the scenario began, oldest first, with the state before each. */
  readonly blocks: (Block & { readonly snapshot: string })[];
  /** Transactions of the worker that reorganisations took out of the chain. */
  takenBack: number;
  readonly log: LogLine[];
  now(): number;
  note(text: string): void;
  /** Mines a block with a swap in it. */
  mine(seconds: number): Promise<Block>;
  /** Puts the chain back by `depth` blocks and builds one block more in their place, unseen until it is done. */
  reorganise(depth: number, options: { backToMempool: boolean }): Promise<number>;
  /** Whether the worker comes to rest with the head, in every pool, within the time. */
  settled(limitMilliseconds: number): Promise<boolean>;
  startRival(name: string, own: boolean): Supervised;
  /** A worker on a journal that others have left. */
  resume(journal: string): Supervised;
  redis<T>(work: (redis: Redis) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** Begins a scenario on a lane: chain and Redis as new, an empty journal, one worker. */
export async function openWorld(lane: Lane, scenario: Scenario): Promise<World> {
  await lane.reset();
  const folder = join(lane.folder, `scenario-${scenario.index}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const began = performance.now();
  const now = () => Math.round(performance.now() - began);
  const log: LogLine[] = [];
  const write = (worker: string, text: string) => void log.push({ at: now(), worker, text });
  const keys = localKeys();
  const { market, fleet, proxy } = lane;
  const vaults = fleet.vaults.slice(0, scenario.vaults);
  const pools = [...new Set(vaults.map(({ pool }) => pool))];
  const markers = pools.map((pool) => settledKey(CHAIN_ID, pool));

  const configure = (name: string, journal: string): NodeJS.ProcessEnv => {
    const path = join(folder, `${name}.toml`);
    writeConfig(path, fleet.config, {
      rpcUrl: proxy.url,
      addresses: undefined,
      vaults: vaults.map(({ name, keeper, pool, vault, strategy }) => ({
        ...{ name, keeper: keeper.name, pool, vault, strategyContract: strategy, lens: fleet.lens },
      })),
      "redis.url": lane.redis.url,
      "journal.path": journal,
      "log.level": "debug",
      "evaluate.everySeconds": scenario.everySeconds,
      "worker.confirmations": scenario.confirmations,
      "worker.pollMilliseconds": 25,
      "rpc.timeoutMilliseconds": 1_000,
      ...(scenario.webSocket ? { "rpc.webSocketUrl": proxy.webSocketUrl } : {}),
      ...(scenario.secondNode ? { "rpc.fallbackUrls": [lane.secondProxy.url] } : {}),
      ...(scenario.heartbeats ? { "worker.heartbeatSeconds": 60 } : {}),
    });
    return {
      PATH: process.env.PATH,
      TMPDIR: process.env.TMPDIR,
      RANGEKEEPER_CONFIG: path,
      RANGEKEEPER_SIGNER_KEY: keys.modelSigner,
      ...Object.fromEntries(vaults.map(({ keeper }) => [environmentNames(keeper.name).key, keeper.key])),
    };
  };
  const journal = join(lane.journals, `${scenario.index}-a.db`);
  const launch = (name: string, file: string, finalCode?: number) =>
    supervise({
      name,
      bundle: lane.bundle,
      env: configure(name, file),
      log: write,
      now,
      restartMilliseconds: 200,
      ...(finalCode === undefined ? {} : { finalCode }),
    });

  let time = fleet.time;
  let turn = 0;
  const call = <T>(method: string, params: readonly unknown[] = []) => market.rpc.call<T>(method, params);
  const play = async (seconds: number): Promise<Block> => {
    const snapshot = scenario.reorganises ? await call<string>("evm_snapshot") : "";
    time += seconds;
    turn += 1;
    if (world.baseFee !== null) await call("anvil_setNextBlockBaseFeePerGas", [world.baseFee]);
    const orders = [{ zeroForOne: turn % 2 === 0, amountIn: SWAP_AMOUNT }];
    const { driftTicks } = scenario;
    if (driftTicks !== 0 && seconds >= 300)
      orders.push({ zeroForOne: driftTicks < 0, amountIn: BigInt(Math.abs(driftTicks)) * AMOUNT_PER_TICK });
    const number = await market.swap(time, orders);
    const { hash } = await call<{ hash: string }>("eth_getBlockByNumber", [`0x${number.toString(16)}`, false]);
    const block = { number, hash, timestamp: time, snapshot };
    world.blocks.push(block);
    return block;
  };

  const world: World = {
    lane,
    scenario,
    folder,
    vaults,
    pools,
    worker: launch("a", journal),
    rivals: [],
    journals: new Set([journal]),
    mischiefs: new Set(),
    raws: new Set(),
    baseFee: null,
    blocks: [],
    takenBack: 0,
    log,
    now,
    note: (text) => write("*", text),
    async mine(seconds) {
      const block = await play(seconds);
      world.note(`block ${block.number} ${block.hash.slice(0, 10)} mined, +${seconds} s`);
      return block;
    },
    async reorganise(depth, { backToMempool }) {
      const removed = world.blocks.splice(Math.max(0, world.blocks.length - depth));
      const first = removed[0];
      if (!first) return 0;
      const releases = [proxy.hold(), lane.secondProxy.hold()];
      const paying = new Set(vaults.map(({ keeper }) => keeper.address.toLowerCase()));
      const gone = (await minedIn(world, removed)).filter(({ from }) => paying.has(from));
      world.takenBack += gone.length;
      try {
        await call("evm_revert", [first.snapshot]);
        await call("anvil_dropAllTransactions");
        time = (world.blocks.at(-1)?.timestamp ?? fleet.time) + 1;
        turn -= removed.length;
        if (backToMempool) for (const raw of world.raws) await call("eth_sendRawTransaction", [raw]).catch(() => {});
        for (let i = 0; i <= removed.length; i++) {
          await play(i === 0 ? Math.max(1, first.timestamp - time) : 12);
        }
        await world.redis((redis) => redis.del(...markers)).catch(() => {});
      } finally {
        for (const release of releases) release();
      }
      const head = world.blocks.at(-1);
      world.note(
        `blocks from ${first.number} on were replaced, ${gone.length} transactions of the worker with them; the head is ${head?.number} ${head?.hash.slice(0, 10)}`,
      );
      return removed.length;
    },
    async settled(limitMilliseconds) {
      const head = world.blocks.at(-1);
      const end = performance.now() + limitMilliseconds;
      const redis = connect(lane.redis.url);
      try {
        for (;;) {
          const read = await Promise.all(markers.map((key) => readMarker(redis, key).catch(() => null)));
          if (head && read.every((marker) => marker !== null && marker.block >= head.number)) return true;
          if (performance.now() > end) return false;
          await new Promise((resolve) => setTimeout(resolve, 15));
        }
      } finally {
        redis.disconnect();
      }
    },
    startRival(name, own) {
      const file = own ? join(lane.journals, `${scenario.index}-${name}.db`) : journal;
      world.journals.add(file);
      const supervised = launch(name, file, own ? 3 : undefined);
      world.rivals.push({ supervised, journal: file });
      return supervised;
    },
    resume(file) {
      const supervised = launch("heir", file);
      world.rivals.push({ supervised, journal: file });
      return supervised;
    },
    async redis(work) {
      const redis = connect(lane.redis.url, PATIENT_RETRIES);
      try {
        return await work(redis);
      } finally {
        redis.disconnect();
      }
    },
    async close() {
      for (const { supervised } of world.rivals) await supervised.stop();
      await world.worker.stop();
      lane.setMischief(() => null);
      rmSync(folder, { recursive: true, force: true });
      for (const file of world.journals)
        for (const end of ["", "-wal", "-shm"]) rmSync(`${file}${end}`, { force: true });
    },
  };
  lane.setMischief(async (rpcCall, forward) => {
    if (rpcCall.method === "eth_sendRawTransaction") world.raws.add(String(rpcCall.params[0]));
    for (const mischief of world.mischiefs) {
      const answer = await mischief(rpcCall, forward);
      if (answer !== null) return answer;
    }
    return null;
  });
  return world;
}

export interface Mined {
  readonly hash: string;
  readonly nonce: number;
  readonly from: string;
  readonly to: string;
}

/** Every transaction of some blocks. */
export async function minedIn(
  { lane }: Pick<World, "lane">,
  blocks: readonly { readonly number: number }[],
): Promise<readonly Mined[]> {
  const found = await lane.market.rpc.batch<
    { transactions: { hash: string; nonce: string; from: string; to: string | null }[] }[]
  >(blocks.map(({ number }) => ({ method: "eth_getBlockByNumber", params: [`0x${number.toString(16)}`, true] })));
  return found
    .flatMap(({ transactions }) => transactions)
    .map(({ hash, nonce, from, to }) => ({
      ...{ hash, nonce: Number(nonce) },
      ...{ from: from.toLowerCase(), to: to?.toLowerCase() ?? "" },
    }));
}

/** A server that was just started again may refuse the first connections. */
const PATIENT_RETRIES = 60;

function connect(url: string, maxRetriesPerRequest = 0): Redis {
  const redis = new Redis(url, { maxRetriesPerRequest, retryStrategy: () => 50 });
  redis.on("error", () => {});
  return redis;
}
