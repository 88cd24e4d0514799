import { Redis } from "ioredis";
import { createPublicClient, http } from "viem";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { standingsOf } from "../../rebalancer/challengers/standings.ts";
import { accounts } from "../../rebalancer/cli/demo/accounts.ts";
import { UNANSWERED } from "../../rebalancer/journal/challengers.ts";
import type { ProposalRecord } from "../../rebalancer/journal/proposals.ts";
import { openJournal } from "../../rebalancer/journal.ts";
import { getVault, modelStrategyAbi } from "../../sdk/index.ts";
import { type LocalDeployment, startLocalDeployment } from "../support/deployment.ts";
import { settled } from "../support/lockstep.ts";
import { until } from "../support/until.ts";
import { startProgram } from "../support/workerProcess.ts";

let local: LocalDeployment;
let start: { snapshot: string; time: number };
beforeAll(async () => {
  local = await startLocalDeployment();
  start = { snapshot: await local.market.rpc.call("evm_snapshot"), time: local.time };
}, 400_000);
afterAll(() => local?.stop());

/** Back to the block before the first decision, with an empty Redis. */
async function rewind(): Promise<void> {
  await local.market.rpc.call("evm_revert", [start.snapshot]);
  start = { snapshot: await local.market.rpc.call("evm_snapshot"), time: start.time };
  local.rewind(start.time);
  const redis = new Redis(local.redis.url);
  await redis.flushall();
  redis.disconnect();
}

/** Runs the first move with a worker that dies once at `crashAt`; returns what journal and chain then hold. */
async function firstMove(crashAt: string | null): Promise<ProposalRecord> {
  await rewind();
  const { path, config } = local.configure();
  const env = { ...local.env, RANGEKEEPER_CONFIG: path };
  const launch = (at: string) => startProgram("test/support/crashingWorker.ts", [], { ...env, CRASH_AT: at });
  const block = await local.tick(600);
  let worker = launch(crashAt ?? "");
  let crashes = 0;
  const died = worker.ended.then(async ({ signal, stderr }) => {
    if (crashAt === null) return;
    expect({ signal, stderr }).toEqual({ signal: "SIGKILL", stderr: "" });
    crashes += 1;
    worker = launch("");
  });
  const late = crashAt === "mined" || crashAt === "confirmed";
  if (crashAt !== null && !late) await died;
  expect((await settled(local, block)).state).toBe("sent");
  const next = await local.tick(12);
  if (late) await died;
  await settled(local, next);
  expect(crashes).toBe(crashAt === null ? 0 : 1);
  await worker.stop();

  const journal = openJournal(config.journal.path, () => "reader");
  const [proposal, ...others] = journal.proposals();
  journal.close();
  expect(others).toEqual([]);
  if (!proposal) throw new Error("nothing was proposed");
  const client = createPublicClient({ transport: http(local.market.anvil.url) });
  const { strategy } = local.deployment;
  expect(proposal.status).toBe("confirmed");
  expect(await client.readContract({ address: strategy, abi: modelStrategyAbi, functionName: "nextNonce" })).toBe(1n);
  expect(await client.getTransactionCount({ address: accounts.keeper })).toBe(1);
  const mined = await client.getTransactionReceipt({ hash: proposal.transaction?.hash ?? "0x" });
  expect(mined).toMatchObject({ status: "success", blockNumber: BigInt(next), gasUsed: proposal.measured?.gasUsed });
  const { positions } = await getVault(client, local.deployment);
  expect(positions.map(({ lowerTick, upperTick }) => [lowerTick, upperTick])).toEqual(
    proposal.proposal.ranges.map(({ lowerTick, upperTick }) => [lowerTick, upperTick]),
  );
  return proposal;
}

describe("a challenger that is asked when its worker is killed", () => {
  it("stands in the journal as offered and not answered, and answers the next decision", async () => {
    await rewind();
    // So high a bar that nothing moves: the vault has come to rest, and its decision is not taken again.
    const { path, config } = local.configure({ "models.challengers": ["rules"], "decision.hysteresisBps": 10_000 });
    const env = { ...local.env, RANGEKEEPER_CONFIG: path };
    const launch = (at: string) => startProgram("test/support/crashingWorker.ts", [], { ...env, CRASH_AT: at });
    await local.tick(600);
    expect((await launch("decided").ended).signal).toBe("SIGKILL");
    const journal = openJournal(config.journal.path, () => "reader");
    const said = () => journal.challengers().map(({ modelSet, error }) => [modelSet, error]);
    expect(journal.decisions().map(({ decision }) => decision.plan)).toEqual([null]);
    expect(said()).toEqual([["rules", UNANSWERED]]);

    const worker = launch("");
    try {
      await settled(local, await local.tick(3_600));
      await until(() => (journal.challengers().some(({ decision }) => decision !== null) ? true : null), 60_000);
    } finally {
      await worker.stop();
    }
    expect(said()).toEqual([
      ["rules", UNANSWERED],
      ["rules", ""],
    ]);
    expect(standingsOf(journal, { sinceSeconds: 0 })).toMatchObject([{ decisions: 2, answered: 1 }]);
    journal.close();
  }, 120_000);
});

describe("a worker killed with SIGKILL", () => {
  let undisturbed: ProposalRecord;
  beforeAll(async () => {
    undisturbed = await firstMove(null);
  }, 120_000);

  it.each([
    "evaluating",
    "decided",
    "proposed",
    "execute-queued",
    "simulated",
    "signed",
    "broadcast",
    "sent",
    "mined",
    "confirmed",
  ])(
    "at '%s' resumes and sends the very same transaction once",
    async (milestone) => {
      const resumed = await firstMove(milestone);
      expect(resumed.digest).toBe(undisturbed.digest);
      expect(resumed.signature).toBe(undisturbed.signature);
      expect(resumed.transaction).toEqual(undisturbed.transaction);
      expect(resumed.measured).toEqual(undisturbed.measured);
    },
    120_000,
  );
});
