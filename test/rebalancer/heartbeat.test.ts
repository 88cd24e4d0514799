import { Redis } from "ioredis";
import { createPublicClient, http, keccak256, parseEventLogs, toBytes } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { localKeys } from "../../rebalancer/cli/demo/accounts.ts";
import type { Config } from "../../rebalancer/config.ts";
import { openJournal } from "../../rebalancer/journal.ts";
import { createLogger } from "../../rebalancer/log/log.ts";
import { run } from "../../rebalancer/main.ts";
import { decodeRevert, encodeHeartbeat, modelStrategyAbi, signHeartbeat } from "../../sdk/index.ts";
import { type LocalDeployment, startLocalDeployment } from "../support/deployment.ts";
import { settled } from "../support/lockstep.ts";

/** What a worker says that looked and found a sign of life that is young enough. */
const TOO_SOON = "no sign of life is due";

let local: LocalDeployment;
beforeAll(async () => {
  local = await startLocalDeployment();
}, 400_000);
afterAll(() => local?.stop());

const client = () => createPublicClient({ transport: http(local.market.anvil.url) });
const lastHeartbeat = () =>
  client().readContract({ address: local.deployment.strategy, abi: modelStrategyAbi, functionName: "lastHeartbeat" });
const signer = privateKeyToAccount(localKeys().modelSigner);

/** A heartbeat of the strategy's model, now. */
async function heartbeat(nonce: bigint) {
  const { strategy, vault } = local.deployment;
  const modelId = await client().readContract({ address: strategy, abi: modelStrategyAbi, functionName: "modelId" });
  const deadline = BigInt(local.time + 300);
  return { vault, modelId, deadline, nonce, inputsDigest: keccak256(toBytes("inputs")) };
}

describe("signHeartbeat", () => {
  it("signs what the strategy takes, and nothing that somebody changed", async () => {
    const { strategy } = local.deployment;
    const hold = await heartbeat(7n);
    const signature = await signHeartbeat(signer, { chainId: 31_337, strategy, heartbeat: hold });
    const call = (parameters: Parameters<typeof encodeHeartbeat>[0]) =>
      client()
        .call({ to: strategy, data: encodeHeartbeat(parameters) })
        .then(
          () => "accepted",
          (error) => decodeRevert(error)?.name,
        );
    expect(await call({ heartbeat: hold, signature })).toBe("accepted");
    expect(await call({ heartbeat: { ...hold, nonce: 8n }, signature })).toBe("SignatureInvalid");
    expect(await call({ heartbeat: { ...hold, deadline: hold.deadline + 1n }, signature })).toBe("SignatureInvalid");
    const stranger = privateKeyToAccount(localKeys().keeper);
    const forged = await signHeartbeat(stranger, { chainId: 31_337, strategy, heartbeat: hold });
    expect(await call({ heartbeat: hold, signature: forged })).toBe("SignatureInvalid");
  });
});

describe("a worker with worker.heartbeatSeconds", () => {
  let config: Config;
  let stopWorker: (() => Promise<void>) | null = null;
  afterEach(() => stopWorker?.());
  let log = "";
  const logger = createLogger({
    level: "debug",
    destination: {
      write(line: string) {
        log += line;
      },
    },
  });
  function work(changes: Record<string, unknown>, onMilestone = (_milestone: string) => {}): void {
    const stop = new AbortController();
    ({ config } = local.configure(changes));
    const live = config.worker.mode === "live";
    const running = run({ config, signal: stop.signal, live, env: local.env, logger, onMilestone });
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
  const beats = () => read((journal) => journal.heartbeats());
  async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
    for (const end = Date.now() + 60_000; !(await isSo()); ) {
      if (Date.now() > end)
        throw new Error(`not so after 60 s: ${JSON.stringify(read((j) => j.slots(j.identity as never, 0)))}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  const waiting = async () => BigInt((await local.market.rpc.call<{ pending: string }>("txpool_status")).pending) > 0n;

  it("gives a sign of life once when its model holds, and the next only after as long again", async () => {
    // so much hysteresis that nothing is worth a move
    work({ "worker.heartbeatSeconds": 900, "decision.hysteresisBps": 10_000 });
    const block = await local.tick(600);
    expect((await settled(local, block)).state).toBe("held");
    await until(waiting);
    const [beat] = beats();
    expect(beat).toMatchObject({ vault: local.deployment.vault, ended: null });
    await settled(local, await local.tick(12));
    await until(() => beats()[0]?.ended !== null);
    const [at, nonce, inputs] = await lastHeartbeat();
    expect(Number(at)).toBe(local.time);
    expect(nonce).toBe(beat?.nonce);
    const [decision] = read((journal) => journal.decisions({ limit: 1 }));
    expect(decision?.decision.inputsDigest.startsWith(inputs)).toBe(true);
    const [used] = read((journal) => journal.spentNonces(privateKeyToAccount(localKeys().keeper).address));
    expect(used).toMatchObject({ kind: "heartbeat", subject: beat?.id, succeeded: true });
    const receipt = await client().getTransactionReceipt({ hash: used?.hash ?? "0x" });
    expect(parseEventLogs({ abi: modelStrategyAbi, logs: receipt.logs })).toMatchObject([
      { eventName: "HeartbeatAccepted", args: { nonce: beat?.nonce } },
    ]);

    // started again, on a Redis that lost everything: the chain and the journal remember
    await stopWorker?.();
    const redis = new Redis(local.redis.url);
    await redis.flushall();
    redis.disconnect();
    work({ "worker.heartbeatSeconds": 900, "decision.hysteresisBps": 10_000, "journal.path": config.journal.path });
    await settled(local, await local.tick(600));
    await until(() => log.includes(TOO_SOON));
    expect(beats()).toHaveLength(1);
    await settled(local, await local.tick(400));
    await until(() => beats().length === 2);
    expect(beats()[1]?.nonce).toBeGreaterThan(beat?.nonce ?? 0n);
  });

  it("is not sent when the kill switch came on after it was signed, and its nonce is free", async () => {
    const sent = await client().getTransactionCount({ address: privateKeyToAccount(localKeys().keeper).address });
    await local.market.rpc.call("anvil_dropAllTransactions");
    work({ "worker.heartbeatSeconds": 60, "decision.hysteresisBps": 10_000 }, (milestone) => {
      if (milestone !== "heartbeat") return;
      const stop = { scope: "all", level: 1, reason: "a drill", by: "operator", atMilliseconds: Date.now() } as const;
      read((journal) => journal.recordStop(31_337, stop));
    });
    await settled(local, await local.tick(3_600 - (local.time % 3_600)));
    await until(() => beats()[0]?.ended !== null && beats().length === 1);
    expect(beats()[0]?.ended).toBe("the kill switch is on, level 1 for all vaults, by operator: a drill");
    expect(await waiting()).toBe(false);
    const [slot] = read((journal) => journal.slots(privateKeyToAccount(localKeys().keeper).address, sent));
    expect(slot).toMatchObject({ nonce: sent, owners: [] });
    const redis = new Redis(local.redis.url);
    await redis.flushall();
    redis.disconnect();
  });

  it("only simulates it in mode dry-run", async () => {
    work({ "worker.heartbeatSeconds": 1, "decision.hysteresisBps": 10_000, "worker.mode": "dry-run" });
    await local.market.rpc.call("anvil_dropAllTransactions");
    await settled(local, await local.tick(3_600 - (local.time % 3_600)));
    await until(() => log.includes("sign of life simulated"));
    expect(beats()).toEqual([]);
    expect(await waiting()).toBe(false);
  });
});
