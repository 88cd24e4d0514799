import { Redis } from "ioredis";
import { createPublicClient, type Hex, http, keccak256, parseTransaction } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { accounts, localKeys } from "../../rebalancer/cli/demo/accounts.ts";
import type { Config } from "../../rebalancer/config.ts";
import type { Context } from "../../rebalancer/context.ts";
import type { SpentNonce } from "../../rebalancer/journal/attempts.ts";
import type { ProposalRecord } from "../../rebalancer/journal/proposals.ts";
import { openJournal } from "../../rebalancer/journal.ts";
import { encodeJson } from "../../rebalancer/json.ts";
import { loadKeys } from "../../rebalancer/keys/keys.ts";
import { createLogger } from "../../rebalancer/log/log.ts";
import { run } from "../../rebalancer/main.ts";
import { jobIds, openQueues, queuePrefix } from "../../rebalancer/queues/queue.ts";
import { bullConnection } from "../../rebalancer/queues/redis.ts";
import { createKeeperLock } from "../../rebalancer/sending/nonces.ts";
import { tendNonces } from "../../rebalancer/sending/tend.ts";
import { createKillSwitch } from "../../rebalancer/stops/killSwitch.ts";
import { modelStrategyAbi } from "../../sdk/index.ts";
import { type LocalDeployment, startLocalDeployment } from "../support/deployment.ts";
import { settled } from "../support/lockstep.ts";
import { type RpcProxy, startRpcProxy } from "../support/rpcProxy.ts";

const GWEI = 10n ** 9n;
const hex = (value: bigint) => `0x${value.toString(16)}`;

let local: LocalDeployment;
let start: { snapshot: string; time: number };
beforeAll(async () => {
  local = await startLocalDeployment();
  start = { snapshot: await local.market.rpc.call("evm_snapshot"), time: local.time };
}, 400_000);
afterAll(() => local?.stop());

let config: Config;
let stopWorker: (() => Promise<void>) | null = null;
const proxies: RpcProxy[] = [];
const market = <T>(method: string, params: readonly unknown[] = []) => local.market.rpc.call<T>(method, params);
const client = () => createPublicClient({ transport: http(local.market.anvil.url) });

beforeEach(async () => {
  await market("evm_revert", [start.snapshot]);
  await market("anvil_dropAllTransactions");
  // anvil keeps the base fee of the chain that was reverted
  await market("anvil_setNextBlockBaseFeePerGas", ["0x0"]);
  start = { snapshot: await market("evm_snapshot"), time: start.time };
  local.rewind(start.time);
  const redis = new Redis(local.redis.url);
  await redis.flushall();
  redis.disconnect();
});
afterEach(async () => {
  await stopWorker?.();
  for (const proxy of proxies.splice(0)) await proxy.stop();
});

function work(changes: Record<string, unknown> = {}): void {
  ({ config } = local.configure(changes));
  const stop = new AbortController();
  const running = run({ config, signal: stop.signal, live: true, env: local.env });
  stopWorker = async () => {
    stopWorker = null;
    stop.abort();
    await running;
  };
}

function read<T>(look: (journal: ReturnType<typeof openJournal>) => T): T {
  const journal = openJournal(config.journal.path, () => "reader");
  try {
    return look(journal);
  } finally {
    journal.close();
  }
}
const proposals = () => read((journal) => journal.proposals());
const spent = () => read((journal) => journal.spentNonces(accounts.keeper));

/** Looks until it is so; throws with what was there last. */
async function until<T>(look: () => T | Promise<T>, isSo: (found: T) => boolean): Promise<T> {
  const end = Date.now() + 30_000;
  for (;;) {
    const found = await look();
    if (isSo(found)) return found;
    if (Date.now() > end) throw new Error(`not so after 30 s: ${encodeJson(found).slice(-2_000)}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

const untilFirst = (isSo: (first: ProposalRecord) => boolean) =>
  until(
    () => proposals()[0],
    (first) => first !== undefined && isSo(first),
  ) as Promise<ProposalRecord>;

/** Mines a block without swaps, at this base fee. */
async function emptyBlock(seconds: number, baseFee?: bigint): Promise<number> {
  if (baseFee !== undefined) await market("anvil_setNextBlockBaseFeePerGas", [hex(baseFee)]);
  local.time += seconds;
  return local.market.swap(local.time, []);
}
const nextNonce = () =>
  client().readContract({ address: local.deployment.strategy, abi: modelStrategyAbi, functionName: "nextNonce" });
const keeperCount = () => client().getTransactionCount({ address: accounts.keeper });

/** The ledger holds every nonce below the chain's count once, in a row. */
async function expectNoGap(): Promise<readonly SpentNonce[]> {
  const count = await keeperCount();
  return until(spent, (found) => found.length === count && found.every(({ nonce }, index) => nonce === index));
}

describe("a transaction that is not mined", () => {
  it("goes out again for more, with the same nonce and call, and whichever is mined counts", async () => {
    work({ "worker.bumpAfterBlocks": 2 });
    await settled(local, await local.tick(600));
    await emptyBlock(12, 50n * GWEI);
    await untilFirst(({ attempts }) => attempts.length === 1);
    await emptyBlock(12, 50n * GWEI);
    const { attempts } = await untilFirst((first) => first.attempts.length === 2);
    const [cheap, dear] = attempts.map(({ raw }) => parseTransaction(raw));
    expect(dear).toMatchObject({ nonce: cheap?.nonce, to: cheap?.to, data: cheap?.data, gas: cheap?.gas });
    expect((dear?.maxFeePerGas ?? 0n) * 8n >= (cheap?.maxFeePerGas ?? 1n) * 9n).toBe(true);
    expect((dear?.maxPriorityFeePerGas ?? 0n) * 8n >= (cheap?.maxPriorityFeePerGas ?? 1n) * 9n).toBe(true);
    await until(
      () => market<{ pending: string }>("txpool_status"),
      ({ pending }) => BigInt(pending) === 1n,
    );
    await emptyBlock(12, 50n * GWEI);
    const done = await untilFirst(({ status }) => status === "confirmed");
    expect(done.measured?.transactionHash).toBe(attempts[1]?.hash);
    expect(await nextNonce()).toBe(1n);
    const [used] = await expectNoGap();
    expect(used).toMatchObject({ kind: "rebalance", subject: done.digest, hash: attempts[1]?.hash, succeeded: true });
  });

  it("is never bumped above the cap", async () => {
    work({ "worker.bumpAfterBlocks": 1, "worker.maxFeePerGasGwei": 40 });
    await settled(local, await local.tick(600));
    for (let block = 0; block < 3; block++) await settled(local, await emptyBlock(12, 50n * GWEI));
    const [first] = proposals();
    expect(first?.status).toBe("sent");
    expect(first?.attempts.map(({ maxFeePerGas }) => maxFeePerGas)).toEqual([GWEI / 10n, 40n * GWEI]);
  });

  it("is bumped no more often than allowed", async () => {
    work({ "worker.bumpAfterBlocks": 1, "worker.maxBumps": 2, "worker.maxFeePerGasGwei": 100_000 });
    await settled(local, await local.tick(600));
    // each base fee is above what was offered at the one before
    for (const baseFee of [50n, 200n, 800n, 3_200n]) await settled(local, await emptyBlock(12, baseFee * GWEI));
    expect(proposals()).toMatchObject([{ status: "sent", attempts: [{}, {}, {}] }]);
  });

  it("waits for a cheaper block while there is time, and expires after", async () => {
    work({ "worker.maxFeePerGasGwei": 10 });
    await market("anvil_setNextBlockBaseFeePerGas", [hex(50n * GWEI)]);
    await local.tick(600);
    const { digest, vault, nonce } = await untilFirst(({ status }) => status === "proposed");
    const payload = { chainId: 31_337, vault, nonce: nonce.toString(), digest };
    const prefix = queuePrefix(
      config,
      read(({ identity }) => identity),
    );
    const queues = openQueues({ connection: bullConnection(config.redis), prefix }, () => undefined);
    const tried = await until(
      () => queues.execute.getJob(jobIds.execute(payload)),
      (job) => (job?.attemptsMade ?? 0) >= 2,
    );
    expect(tried?.failedReason).toMatch(
      /^fee per gas: the base fee is 50000000000 wei; rule: .* worker.maxFeePerGasGwei = 10000000000 wei$/,
    );
    await queues.close();
    expect(proposals()[0]).toMatchObject({ status: "proposed", attempts: [] });
    await emptyBlock(1_200, 50n * GWEI);
    const { detail } = await untilFirst(({ status }) => status === "expired");
    expect(detail).toMatch(/^not sent before its deadline \d+$/);
    expect(await keeperCount()).toBe(0);
  });

  it("is cancelled when the kill switch says so, and its nonce is used by the cancel", async () => {
    work();
    await settled(local, await local.tick(600));
    await untilFirst(({ status }) => status === "sent");
    const redis = new Redis(local.redis.url);
    const order = { scope: "all", level: 2, reason: "a drill", by: "operator", atMilliseconds: Date.now() } as const;
    const everybody = createKillSwitch({ redis, journal: null, prefix: config.redis.prefix, chainId: config.chainId });
    await everybody.give(order);
    await emptyBlock(12, 50n * GWEI);
    const { attempts } = await untilFirst((first) => first.attempts.length === 2);
    expect(attempts[1]).toMatchObject({ kind: "cancel", nonce: attempts[0]?.nonce });
    expect(parseTransaction(attempts[1]?.raw as Hex)).toMatchObject({
      to: accounts.keeper.toLowerCase(),
      gas: 21_000n,
    });
    await until(
      () => market<{ pending: string }>("txpool_status"),
      ({ pending }) => BigInt(pending) === 1n,
    );
    await emptyBlock(12, 50n * GWEI);
    const { detail } = await untilFirst(({ status }) => status === "refused");
    expect(detail).toMatch(/^cancelled: nonce 0 of 0x\w+ was used by a cancel in block \d+ 0x\w+$/);
    expect(await nextNonce()).toBe(0n);
    expect(await expectNoGap()).toMatchObject([{ kind: "cancel", gasUsed: 21_000n }]);
    await everybody.give({ ...order, level: 0, atMilliseconds: Date.now() });
    redis.disconnect();
    expect((await settled(local, await local.tick(3_600 - (local.time % 3_600)))).state).toBe("sent");
    await settled(local, await local.tick(12));
    expect(proposals()[1]).toMatchObject({ status: "confirmed", transaction: { nonce: 1 } });
  });

  it("gets another nonce when somebody else's transaction took its own", async () => {
    work();
    await settled(local, await local.tick(600));
    await untilFirst(({ status }) => status === "sent");
    const keeper = privateKeyToAccount(localKeys().keeper);
    const raw = await keeper.signTransaction({
      type: "eip1559",
      chainId: 31_337,
      nonce: 0,
      to: accounts.owner,
      value: 1n,
      gas: 21_000n,
      maxFeePerGas: 200n * GWEI,
      maxPriorityFeePerGas: 100n * GWEI,
    });
    await market("eth_sendRawTransaction", [raw]);
    await emptyBlock(12);
    expect(await keeperCount()).toBe(1);
    await emptyBlock(12);
    const { transaction } = await untilFirst((first) => first.transaction?.nonce === 1);
    await until(
      () => market<unknown>("eth_getTransactionByHash", [transaction?.hash]),
      (found) => found !== null,
    );
    await emptyBlock(12);
    await untilFirst(({ status }) => status === "confirmed");
    expect(await nextNonce()).toBe(1n);
    await emptyBlock(12);
    expect(await expectNoGap()).toMatchObject([
      { nonce: 0, kind: "foreign", hash: null },
      { nonce: 1, kind: "rebalance", succeeded: true },
    ]);
    expect(keccak256(raw)).not.toBe(transaction?.hash);
  });

  it("is looked for until it is as deep as asked for", async () => {
    work({ "worker.confirmations": 3 });
    await settled(local, await local.tick(600));
    const mined = await emptyBlock(12);
    await settled(local, mined);
    await settled(local, await emptyBlock(12));
    expect(proposals()[0]).toMatchObject({ status: "sent", measured: null });
    await settled(local, await emptyBlock(12));
    expect(await untilFirst(({ status }) => status === "confirmed")).toMatchObject({ measured: { block: mined } });
  });
});

describe("a private relay", () => {
  const isSend = ({ method }: { method: string }) => method === "eth_sendRawTransaction";

  it("gets every transaction and nothing else, and a failure is not gone around", async () => {
    let broken = true;
    const relay = await startRpcProxy(local.market.anvil.url, () => (broken ? 500 : null));
    const node = await startRpcProxy(local.market.anvil.url, () => null);
    proxies.push(relay, node);
    work({ rpcUrl: node.url, "rpc.privateRelayUrl": relay.url });
    await local.tick(600);
    await until(
      () => relay.calls.length,
      (calls) => calls >= 3,
    );
    expect(proposals()[0]).toMatchObject({ status: "simulated", attempts: [{ nonce: 0 }] });
    broken = false;
    const { attempts } = await untilFirst(({ status }) => status === "sent");
    await settled(local, await local.tick(12));
    expect(proposals()[0]).toMatchObject({ status: "confirmed", measured: { transactionHash: attempts[0]?.hash } });
    expect(attempts).toHaveLength(1);
    expect(relay.calls.every(isSend)).toBe(true);
    expect(node.calls.length).toBeGreaterThan(10);
    expect(node.calls.filter(isSend)).toEqual([]);
  });
});

describe("tendNonces", () => {
  it("closes a gap below what waits, and writes down what used every nonce", async () => {
    ({ config } = local.configure());
    const journal = openJournal(config.journal.path, () => "tender");
    const keys = await loadKeys({ config, env: local.env });
    const logger = createLogger({ level: "silent" });
    const context = { config, client: client(), journal, keys, logger, relay: null, keeperLock: createKeeperLock() };
    const keeper = keys.keepers[0] as (typeof keys.keepers)[number];
    const sign = (nonce: number) =>
      keeper.signTransaction({
        type: "eip1559",
        chainId: config.chainId,
        nonce,
        to: accounts.owner,
        gas: 21_000n,
        maxFeePerGas: GWEI,
        maxPriorityFeePerGas: GWEI,
      });
    // a worker that knew of nonce 2 only: 0 and 1 went with a journal that is gone
    const raw = await sign(2);
    const fees = { maxFeePerGas: GWEI, maxPriorityFeePerGas: GWEI };
    const place = { from: keeper.address, nonce: 2, atBlock: await local.tick(12), signature: "0x" } as const;
    journal.recordAttempt({
      ...place,
      ...fees,
      raw,
      hash: keccak256(raw),
      kind: "heartbeat",
      subject: "beat",
      ordinal: 0,
    });
    await tendNonces(context as unknown as Context, keeper);
    expect(journal.unspent(keeper.address).map(({ nonce, attempts }) => [nonce, attempts[0]?.kind])).toEqual([
      [0, "cancel"],
      [1, "cancel"],
      [2, "heartbeat"],
    ]);
    await local.tick(12);
    await tendNonces(context as unknown as Context, keeper);
    expect(journal.spentNonces(keeper.address).map(({ nonce, kind, succeeded }) => [nonce, kind, succeeded])).toEqual([
      [0, "cancel", true],
      [1, "cancel", true],
      [2, "heartbeat", true],
    ]);
    expect(await keeperCount()).toBe(3);
    expect(journal.subjectEnd("beat")).toMatch(/^heartbeat success in block \d+$/);
    // asked again: nothing to do, nothing sent
    await tendNonces(context as unknown as Context, keeper);
    expect(journal.unspent(keeper.address)).toEqual([]);
    journal.close();
  });

  it("sends a sign of life again, and puts a cancel in its place once the kill switch stops sending", async () => {
    ({ config } = local.configure());
    const journal = openJournal(config.journal.path, () => "tender");
    const keys = await loadKeys({ config, env: local.env });
    const redis = new Redis(local.redis.url);
    const killSwitch = createKillSwitch({ redis, journal, prefix: config.redis.prefix, chainId: config.chainId });
    const parts = { client: client(), logger: createLogger({ level: "silent" }), keeperLock: createKeeperLock() };
    const context = { ...parts, config, journal, keys, killSwitch, relay: null } as unknown as Context;
    const keeper = keys.keepers[0] as (typeof keys.keepers)[number];
    const fees = { maxFeePerGas: GWEI, maxPriorityFeePerGas: GWEI };
    const { vault, strategy } = local.deployment;
    const hold = {
      chainId: config.chainId,
      vault,
      strategy,
      nonce: 7n,
      deadline: 2n ** 32n,
      inputsDigest: "0x",
    } as const;
    const { id: subject } = journal.recordHeartbeat(hold);
    const call = { chainId: config.chainId, nonce: 0, to: accounts.owner, gas: 21_000n } as const;
    const raw = await keeper.signTransaction({ type: "eip1559", ...call, ...fees });
    const place = { from: keeper.address, nonce: 0, atBlock: await local.tick(12), signature: "0x" } as const;
    journal.recordAttempt({ ...place, ...fees, raw, hash: keccak256(raw), kind: "heartbeat", subject, ordinal: 0 });
    const waiting = () => journal.unspent(keeper.address).map(({ attempts }) => attempts.map(({ kind }) => kind));
    const order = { reason: "a drill", by: "operator", atMilliseconds: 1 } as const;

    await killSwitch.give({ ...order, scope: "all", level: 1 });
    await tendNonces(context, keeper);
    expect([waiting(), journal.subjectEnd(subject)]).toEqual([[["heartbeat"]], null]);
    expect(Number((await market<{ pending: string }>("txpool_status")).pending)).toBe(1);
    await killSwitch.give({ ...order, scope: vault.toLowerCase() as `0x${string}`, level: 2 });
    await tendNonces(context, keeper);
    expect(waiting()).toEqual([["heartbeat", "cancel"]]);
    expect(journal.subjectEnd(subject)).toMatch(/^the kill switch is on, level 2 for 0x\w+, by operator: a drill$/);
    await local.tick(12);
    await tendNonces(context, keeper);
    expect(journal.spentNonces(keeper.address)).toMatchObject([{ nonce: 0, kind: "cancel", succeeded: true }]);
    redis.disconnect();
    journal.close();
  });
});
