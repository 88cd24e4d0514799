import { Redis } from "ioredis";
import { createPublicClient, http } from "viem";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Config } from "../../rebalancer/config.ts";
import type { ProposalRecord } from "../../rebalancer/journal/proposals.ts";
import { openJournal } from "../../rebalancer/journal.ts";
import { run } from "../../rebalancer/main.ts";
import { modelStrategyAbi } from "../../sdk/index.ts";
import { type LocalDeployment, startLocalDeployment } from "../support/deployment.ts";
import { settled } from "../support/lockstep.ts";
import { startProgram } from "../support/workerProcess.ts";

let local: LocalDeployment;
let start: { snapshot: string; time: number };
beforeAll(async () => {
  local = await startLocalDeployment();
  start = { snapshot: await local.market.rpc.call("evm_snapshot"), time: local.time };
}, 400_000);
afterAll(() => local?.stop());

/** 50 gwei: what the worker offered at a base fee of zero is too little. */
const BASE_FEE_ABOVE_OURS = "0xba43b7400";

describe("a worker in trouble", () => {
  let config: Config;
  let stopWorker: (() => Promise<void>) | null = null;
  const redis = async (act: (connection: Redis) => Promise<unknown>) => {
    const connection = new Redis(local.redis.url);
    await act(connection);
    connection.disconnect();
  };
  const startWorker = () => {
    const stop = new AbortController();
    const running = run({ config, signal: stop.signal, live: true, env: local.env });
    stopWorker = async () => {
      stopWorker = null;
      stop.abort();
      await running;
    };
  };
  const proposals = (): readonly ProposalRecord[] => {
    const journal = openJournal(config.journal.path, () => "reader");
    const found = journal.proposals();
    journal.close();
    return found;
  };
  const nextNonce = () =>
    createPublicClient({ transport: http(local.market.anvil.url) }).readContract({
      address: local.deployment.strategy,
      abi: modelStrategyAbi,
      functionName: "nextNonce",
    });

  const market = <T>(method: string, params: readonly unknown[] = []) => local.market.rpc.call<T>(method, params);

  beforeEach(async () => {
    await local.market.rpc.call("evm_revert", [start.snapshot]);
    await local.market.rpc.call("anvil_dropAllTransactions");
    start = { snapshot: await local.market.rpc.call("evm_snapshot"), time: start.time };
    local.rewind(start.time);
    await redis((connection) => connection.flushall());
    ({ config } = local.configure());
    startWorker();
  });
  afterEach(() => stopWorker?.());

  it("finds a sent move again after Redis lost everything", async () => {
    const block = await local.tick(600);
    expect((await settled(local, block)).state).toBe("sent");
    await stopWorker?.();
    await redis((connection) => connection.flushall());
    const next = await local.tick(12);
    startWorker();
    await settled(local, next);
    expect(proposals().map(({ status }) => status)).toEqual(["confirmed"]);
    expect(await nextNonce()).toBe(1n);
  });

  it("sends the same bytes again when the block that held them is reorganised away", async () => {
    const block = await local.tick(600);
    await settled(local, block);
    const before = await local.market.rpc.call<string>("evm_snapshot");
    const time = local.time;
    await settled(local, await local.tick(12));
    const [first] = proposals();
    expect(first).toMatchObject({ status: "confirmed", measured: { block: block + 1 } });
    await local.market.rpc.call("evm_revert", [before]);
    await local.market.rpc.call("anvil_dropAllTransactions");
    local.rewind(time);
    expect(await nextNonce()).toBe(0n);
    // two other blocks in place of the lost one: the second has what the worker sends on seeing the first
    const other = await local.tick(13);
    await settled(local, other);
    const waiting = Date.now() + 10_000;
    const pending = async () =>
      BigInt((await local.market.rpc.call<{ pending: string }>("txpool_status")).pending) > 0n;
    while (!(await pending()) && Date.now() < waiting) await new Promise((resolve) => setTimeout(resolve, 20));
    const last = await local.tick(12);
    await settled(local, last);
    const [second, ...others] = proposals();
    expect(others).toEqual([]);
    expect(second).toMatchObject({ status: "confirmed", measured: { block: last } });
    expect(second?.transaction).toEqual(first?.transaction);
    expect(await nextNonce()).toBe(1n);
  });

  it("gives up a move that nobody mined in time, and cancels its transaction before the next", async () => {
    await settled(local, await local.tick(600));
    const [lost] = proposals();
    await market("anvil_setNextBlockBaseFeePerGas", [BASE_FEE_ABOVE_OURS]);
    await settled(local, await local.tick(1_200));
    expect(proposals()[0]).toMatchObject({ status: "expired" });
    expect(proposals()[0]?.detail).toContain("not mined before its deadline");
    const due = await local.tick(3_600 - (local.time % 3_600));
    expect((await settled(local, due)).state).toBe("sent");
    await settled(local, await local.tick(12));
    const [, next] = proposals();
    expect(next).toMatchObject({ status: "confirmed", nonce: 0n });
    const [given, cancel] = proposals()[0]?.attempts ?? [];
    expect(cancel).toMatchObject({ kind: "cancel", nonce: given?.nonce, subject: lost?.digest });
    expect((cancel?.maxFeePerGas ?? 0n) * 10n).toBeGreaterThanOrEqual((given?.maxFeePerGas ?? 1n) * 11n);
    // the cancel used the lost one's nonce, so that the next move has the next
    expect(next?.transaction?.nonce).toBe((lost?.transaction?.nonce ?? 0) + 1);
    expect(await nextNonce()).toBe(1n);
  });

  it("sends again what the node has forgotten", async () => {
    await settled(local, await local.tick(600));
    await market("anvil_dropAllTransactions");
    // no swap in between: the price that the move was made for stays; the worker notices now or on seeing this block
    local.time += 12;
    const next = await local.market.swap(local.time, []);
    await settled(local, next);
    const last = await local.tick(12);
    await settled(local, last);
    const [found, ...others] = proposals();
    expect(others).toEqual([]);
    expect(found).toMatchObject({ status: "confirmed" });
    expect([next, last]).toContain(found?.measured?.block);
  });

  it("proposes nothing new while a sent move may still be mined", async () => {
    await stopWorker?.();
    ({ config } = local.configure({ "evaluate.everySeconds": 60 }));
    startWorker();
    expect((await settled(local, await local.tick(600))).state).toBe("sent");
    await market("anvil_setNextBlockBaseFeePerGas", [BASE_FEE_ABOVE_OURS]);
    expect((await settled(local, await local.tick(60))).state).toBe("pending");
    expect(proposals().map(({ status }) => status)).toEqual(["sent"]);
  });

  it("takes up an unfinished proposal of an earlier block that is still in time", async () => {
    await stopWorker?.();
    const { path, config: crashing } = local.configure({ "evaluate.everySeconds": 60 });
    config = crashing;
    const block = await local.tick(600);
    const env = { ...local.env, RANGEKEEPER_CONFIG: path, CRASH_AT: "proposed" };
    expect((await startProgram("test/support/crashingWorker.ts", [], env).ended).signal).toBe("SIGKILL");
    await redis((connection) => connection.flushall());
    local.time += 60;
    const next = await local.market.swap(local.time, []);
    startWorker();
    await settled(local, next);
    const [first, ...others] = proposals();
    expect(others).toEqual([]);
    expect(first).toMatchObject({ status: "sent", block });
    await settled(local, await local.tick(12));
    expect(proposals()[0]).toMatchObject({ status: "confirmed" });
  });

  it("lets a proposal go that it finds too late after a crash", async () => {
    await stopWorker?.();
    const { path, config: crashing } = local.configure();
    config = crashing;
    const block = await local.tick(600);
    const env = { ...local.env, RANGEKEEPER_CONFIG: path, CRASH_AT: "proposed" };
    expect((await startProgram("test/support/crashingWorker.ts", [], env).ended).signal).toBe("SIGKILL");
    await redis((connection) => connection.flushall());
    const late = await local.tick(1_200);
    startWorker();
    await settled(local, late);
    expect(proposals()).toMatchObject([{ status: "expired", block, transaction: null }]);
    expect(proposals()[0]?.detail).toContain("not sent before its deadline");
  });

  it("writes down in words why the chain refused a move that was sent", async () => {
    await settled(local, await local.tick(600));
    // the block comes after the proposal's deadline, with the transaction in it
    const late = await local.tick(1_800);
    await settled(local, late);
    const [refused] = proposals();
    expect(refused?.status).toBe("refused");
    expect(refused?.detail).toMatch(
      new RegExp(`^on chain in block ${late} 0x\\w+: deadline invalid: .*\\(DeadlineInvalid\\)$`),
    );
    expect(refused?.measured?.gasUsed).toBeGreaterThan(21_000n);
    expect(await nextNonce()).toBe(0n);
  });
});
