import { randomUUID } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Redis } from "ioredis";
import { type MarketData, resolveMarket } from "../../../ml/data/market.ts";
import { BaseError, InvalidInputError } from "../../../ml/errors.ts";
import type { Numeraire, PoolMeta } from "../../../ml/types.ts";
import { type Journal, openJournal } from "../../journal.ts";
import { type Marker, readMarker, settledKey } from "../../observe/marker.ts";
import { connectRedis } from "../../queues/redis.ts";
import { fetchLogs } from "../../report/chainEvents.ts";
import { localKeys } from "./accounts.ts";
import { startAnvil } from "./anvil.ts";
import { openBenchmarks } from "./benchmarks.ts";
import { balanceOf, growObservations, headOf, mineNow, setGasPrice, whileAutomining } from "./chain.ts";
import { createDepositors } from "./depositors.ts";
import { createFeeMeter } from "./feeMeter.ts";
import type { MarketSwap } from "./market/market.ts";
import { openMarket } from "./market/open.ts";
import { describeModels } from "./models.ts";
import { createProgress, type Progress } from "./progress.ts";
import { type RecorderParameters, type Snapshot, takeSnapshot } from "./recorder.ts";
import { dropKeys, ensureRedis } from "./redis.ts";
import { buildReport } from "./report/build.ts";
import { renderConsole } from "./report/console.ts";
import { renderHtml } from "./report/html.ts";
import type { Report } from "./report/report.ts";
import { vaultSize } from "./size.ts";
import { buildContracts, deployVault, scratchFolder } from "./stage.ts";
import { type Supervised, superviseWorker } from "./worker.ts";

export interface DemoOptions {
  readonly data?: string;
  readonly market?: string;
  readonly hours?: number;
  readonly seed: number;
  readonly asset?: "token0" | "token1";
  readonly models: string;
  readonly port?: number;
  readonly headless: boolean;
  readonly json: string;
  readonly html: string;
  readonly journal?: string;
  /** Kills the worker (SIGKILL) while it handles the evaluation with this number. */
  readonly killWorkerAt?: number;
}

/** The worker did not come to rest with a block in time. */
export class WorkerStuckError extends BaseError {
  override name = "WorkerStuckError";
}

/** The worker tried a block's evaluation as often as it may and gave up. */
export class WorkerFailedError extends BaseError {
  override name = "WorkerFailedError";
}

type OnStop = (cleanup: () => Promise<void> | void) => void;

/** Tokens in which people count; the first of the pair that is in the list is the asset. */
const MONEY = ["USDC", "USDT", "DAI", "WETH"];
/** The wrapped native token: gas is priced where the pool has it. */
const NATIVE = "WETH";
const EVALUATE_EVERY_SECONDS = 3_600;
const SLOT_SECONDS = 12;
/** More than the oracle's window holds, even on a chain with a block every two seconds. */
const OBSERVATIONS = 1_000;
/** Blocks in which everybody must be out; leaving in kind takes one each. */
const LEAVING_ROUNDS = 20;
const SETTLE_TIMEOUT_MILLISECONDS = 60_000;

/**
 * The main job: a market on a local chain, a vault in its pool, a worker that moves it and three depositors. Returns
 * the report after writing it; everything that was started is stopped, however this ends.
 */
export async function runDemo(options: DemoOptions): Promise<Report> {
  const recorded = recordedMarket(options);
  const abort = new AbortController();
  const stop = () => abort.abort(new BaseError("interrupted: everything that was started is being stopped"));
  for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, stop);
  const cleanups: Parameters<OnStop>[0][] = [];
  try {
    return await play(options, recorded, abort.signal, (cleanup) => cleanups.push(cleanup));
  } catch (error) {
    throw abort.signal.aborted ? abort.signal.reason : error;
  } finally {
    for (const cleanup of cleanups.reverse()) await cleanup();
    for (const name of ["SIGINT", "SIGTERM"] as const) process.off(name, stop);
  }
}

function recordedMarket({ data, market }: DemoOptions): MarketData | null {
  if (market === undefined) {
    if (data !== undefined) throw new InvalidInputError(`--data ${data}: name one of its markets with --market`);
    return null;
  }
  const folder = data ?? process.env.RANGEKEEPER_DATA;
  if (!folder)
    throw new InvalidInputError(`--market ${market}: needs --data DIR or RANGEKEEPER_DATA, the folder that holds it`);
  return resolveMarket(folder, market);
}

async function play(
  options: DemoOptions,
  recorded: MarketData | null,
  signal: AbortSignal,
  onStop: OnStop,
): Promise<Report> {
  const began = performance.now();
  const progress = createProgress({
    quiet: options.headless,
    write: (text) => process.stdout.write(text),
    elapsed: () => performance.now() - began,
  });
  const folder = scratchFolder();
  onStop(() => rmSync(folder, { recursive: true, force: true }));

  progress.step("compiling the contracts, where that was not done yet");
  await buildContracts(signal);
  const redis = await ensureRedis({ log: progress.note });
  onStop(() => redis.stop());
  const connection = await connectRedis(redis, (error) => progress.note(`Redis: ${error.message}`));
  onStop(() => connection.disconnect());
  // A prefix of this run's own: what an earlier run left in a shared Redis must not look like this one's.
  const prefix = `demo-${randomUUID()}`;
  onStop(() => dropKeys(connection, prefix));
  progress.step(`Redis: ${redis.origin}`);

  const opened = await openMarket({
    recorded,
    ...(options.hours === undefined ? {} : { hours: options.hours }),
    seed: options.seed,
    progress,
    startChain: async (timestamp) => {
      signal.throwIfAborted();
      const chain = await startAnvil({ timestamp, ...(options.port ? { port: options.port } : {}) });
      onStop(() => chain.stop());
      return chain;
    },
  });
  const { market, rpc, chain } = opened;
  onStop(() => rpc.close());
  const { pool } = market;
  await growObservations(rpc, pool.address, OBSERVATIONS);
  await market.fastForward(market.startTimestamp + opened.warmupSeconds);

  progress.step("deploying the vault with its strategy, oracle and registry");
  const numeraire = options.asset ? (Number(options.asset.slice(-1)) as Numeraire) : chooseAsset(pool);
  const asset = numeraire === 0 ? pool.token0 : pool.token1;
  const native = [pool.token0, pool.token1].find(({ symbol }) => symbol.toUpperCase() === NATIVE);
  const before = await headOf(rpc);
  const models = await describeModels(options.models, { from: before.timestamp, to: opened.until });
  const stage = await whileAutomining(rpc, () =>
    deployVault({
      folder,
      ...(options.journal ? { journalPath: resolve(options.journal) } : {}),
      rpcUrl: chain.url,
      redis: { url: redis.url, prefix },
      pool,
      asset,
      ...(native ? { nativeToken: native.address } : {}),
      modelSet: options.models,
      packages: models.packages,
      minHistorySeconds: opened.warmupSeconds,
      everySeconds: EVALUATE_EVERY_SECONDS,
      signal,
    }),
  );
  const { vault, strategy, lens } = stage.deployment;
  const benchmarks = await openBenchmarks(rpc, pool, market.actor);
  const depositors = createDepositors({ rpc, vault, asset, numeraire, size: await vaultSize(rpc, pool, numeraire) });
  await depositors.fund();
  await mineNow(rpc, 1);

  const recording: RecorderParameters = {
    rpc,
    pool: pool.address,
    vault,
    lens,
    numeraire,
    decimals0: pool.token0.decimals,
    decimals1: pool.token1.decimals,
    benchmarks,
  };
  const head = await headOf(rpc);
  const opening = await takeSnapshot(recording, head.number, head.timestamp);
  const feesSoFar = createFeeMeter({ rpc, vault, numeraire, decimals: asset.decimals, fromBlock: head.number });
  const snapshots: Snapshot[] = [opening];
  const swaps: MarketSwap[] = [];
  const due: number[] = [];

  const journal = openJournal(stage.journalPath, () => "demo");
  onStop(() => journal.close());
  const keeper = keepWorker({ configPath: stage.configPath, connection, prefix, pool, progress, signal, onStop });

  progress.step(
    `${market.name}: ${Math.round((opened.until - head.timestamp) / 3600)} h of market, "${options.models}" models asked every hour`,
  );
  const share = (at: number) => (at - head.timestamp) / (opened.until - head.timestamp);
  const record = async (block: number, at: number) => {
    const snapshot = await takeSnapshot(recording, block, at);
    snapshots.push(snapshot);
    return snapshot;
  };
  const slot = async (before: number) => {
    const { timestamp } = await headOf(rpc);
    const mined = await mineNow(rpc, Math.max(1, Math.min(SLOT_SECONDS, before - timestamp - 1)));
    return record(mined.number, mined.timestamp);
  };
  let waiting = false;
  let bucket = Math.floor(head.timestamp / EVALUATE_EVERY_SECONDS);
  for (let next = market.nextTimestamp(); next !== null && next <= opened.until; next = market.nextTimestamp()) {
    signal.throwIfAborted();
    const hashes = await depositors.act(Math.min(0.999, share(next)));
    // What people and keeper sent is mined one slot later, as on a chain whose blocks do not wait for this market.
    if (hashes.length > 0 || waiting) await slot(next);
    await depositors.settle(hashes, (snapshots.at(-1) ?? opening).sqrtPriceX96);
    await setGasPrice(rpc);
    const block = await market.next();
    if (!block) break;
    swaps.push(...block.swaps);
    const snapshot = await record(block.block, block.timestamp);
    const current = Math.floor(block.timestamp / EVALUATE_EVERY_SECONDS);
    if (current === bucket) continue;
    bucket = current;
    due.push(block.block);
    const killed = options.killWorkerAt === due.length;
    const { state } = await keeper.settled(block.block, killed);
    waiting = state === "sent";
    progress.evaluation(
      snapshot,
      await feesSoFar(snapshot),
      journal.decisions({ vault, limit: 1 })[0]?.decision ?? null,
      state,
    );
  }

  progress.step("the market is over: the worker finishes, then the depositors leave");
  const last = await slot(Number.POSITIVE_INFINITY);
  await keeper.settled(last.block, false);
  await keeper.finish(journal);
  for (let round = 0; depositors.due(1) && round < LEAVING_ROUNDS; round++) {
    signal.throwIfAborted();
    const hashes = await depositors.act(1);
    const snapshot = await slot(Number.POSITIVE_INFINITY);
    await depositors.settle(hashes, snapshot.sqrtPriceX96);
  }

  const closing = snapshots.at(-1) ?? opening;
  const report = buildReport({
    market: {
      ...opened.section,
      from: opening.at,
      to: closing.at,
      swaps: swaps.length,
      blocks: snapshots.length,
    },
    replay: opened.replay?.(swaps) ?? null,
    models: models.sections,
    pool,
    numeraire,
    vault,
    strategy,
    opening,
    snapshots,
    closing,
    benchmarkNames: benchmarks.map(({ name }) => name),
    logs: await fetchLogs(
      rpc,
      [pool.address, pool.token0.address, pool.token1.address, strategy],
      opening.block + 1,
      closing.block,
    ),
    decisions: journal.decisions({ vault }),
    proposals: journal.proposals({ vault }),
    outcomes: journal.outcomes(),
    due,
    depositors: depositors.ledgers,
    entryRefusals: depositors.refusals,
    idle: [closing.idle0, closing.idle1],
    balances: [await balanceOf(rpc, pool.token0.address, vault), await balanceOf(rpc, pool.token1.address, vault)],
    restarts: keeper.restarts(),
    maxLossPerMoveBps: stage.maxLossPerMoveBps,
  });
  writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(options.html, renderHtml(report));
  process.stdout.write(`${renderConsole(report)}\nwritten: ${options.json} and ${options.html}\n`);
  return report;
}

function chooseAsset(pool: PoolMeta): Numeraire {
  const symbols = [pool.token0.symbol.toUpperCase(), pool.token1.symbol.toUpperCase()];
  for (const money of MONEY) {
    const side = symbols.indexOf(money);
    if (side >= 0) return side as Numeraire;
  }
  return 1;
}

interface KeepWorkerParameters {
  readonly configPath: string;
  readonly connection: Redis;
  readonly prefix: string;
  readonly pool: PoolMeta;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  readonly onStop: OnStop;
}

/** The worker process and the lock-step with it. It starts with the first evaluation that is due. */
function keepWorker({ configPath, connection, prefix, pool, progress, signal, onStop }: KeepWorkerParameters) {
  const keys = localKeys();
  const key = settledKey(pool.chainId, pool.address, prefix);
  let worker: Supervised | null = null;
  onStop(() => worker?.stop());
  const start = () =>
    superviseWorker({
      configPath,
      env: { ...process.env, RANGEKEEPER_SIGNER_KEY: keys.modelSigner, RANGEKEEPER_KEEPER_KEY: keys.keeper },
      onRestart: (reason) => progress.note(`the worker died (${reason}) and was started again`),
    });
  return {
    restarts: () => worker?.restarts() ?? 0,
    /** Waits until everything that blocks up to this one caused has come to rest; kills the worker on the way if asked. */
    async settled(block: number, kill: boolean): Promise<Marker> {
      worker ??= start();
      if (kill) {
        const pid = worker.pid();
        if (pid !== undefined) process.kill(pid, "SIGKILL");
      }
      const patience = performance.now() + SETTLE_TIMEOUT_MILLISECONDS;
      while (performance.now() < patience) {
        signal.throwIfAborted();
        worker.check();
        const marker = await readMarker(connection, key);
        if (marker?.state === "failed")
          throw new WorkerFailedError(`block ${block}: the worker gave up on it: ${worker.tail()}`);
        if (marker && marker.block >= block) return marker;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      throw new WorkerStuckError(
        `block ${block}: the worker did not come to rest with it in ${SETTLE_TIMEOUT_MILLISECONDS / 1000} s; it said: ${worker.tail()}`,
      );
    },
    /** Waits until no proposal is under way, then ends the worker. */
    async finish(journal: Journal): Promise<void> {
      const patience = performance.now() + SETTLE_TIMEOUT_MILLISECONDS;
      const open = () => journal.proposals({ status: ["proposed", "simulated", "sent"] }).length;
      while (open() > 0 && performance.now() < patience) {
        signal.throwIfAborted();
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      await worker?.stop();
    },
  };
}
