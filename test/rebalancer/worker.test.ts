import { createPublicClient, http } from "viem";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openJournal } from "../../rebalancer/journal.ts";
import { run } from "../../rebalancer/main.ts";
import { getVault } from "../../sdk/index.ts";
import { type LocalDeployment, startLocalDeployment } from "../support/deployment.ts";
import { settled } from "../support/lockstep.ts";

let local: LocalDeployment;
beforeAll(async () => {
  local = await startLocalDeployment();
}, 400_000);
afterAll(() => local?.stop());

describe("run", () => {
  it("takes a vault from idle to a range: decided, sent once, confirmed, journaled", async () => {
    const { config } = local.configure();
    const stop = new AbortController();
    const running = run({ config, signal: stop.signal, live: true, env: local.env });
    const block = await local.tick(600);
    const sent = await Promise.race([
      settled(local, block),
      running.then(() => {
        throw new Error("the worker ended");
      }),
    ]);
    expect(sent).toEqual({ block, state: "sent" });
    const next = await local.tick(12);
    expect(await settled(local, next)).toEqual({ block: next, state: "skipped" });
    stop.abort();
    await running;

    const journal = openJournal(config.journal.path, () => "reader");
    const [proposal, ...others] = journal.proposals();
    expect(others).toEqual([]);
    expect(proposal).toMatchObject({ status: "confirmed", nonce: 0n, block });
    expect(journal.decisions().map(({ decision }) => decision.action)).toEqual(["move"]);
    const client = createPublicClient({ transport: http(local.market.anvil.url) });
    const vault = await getVault(client, local.deployment);
    expect(vault.positions.map(({ lowerTick, upperTick }) => ({ lowerTick, upperTick }))).toEqual(
      proposal?.proposal.ranges.map(({ lowerTick, upperTick }) => ({ lowerTick, upperTick })),
    );
    const names = proposal?.measured?.events.map(({ name }) => name);
    expect(names).toContain("ProposalExecuted");
    expect(names).toContain("Rebalanced");
    journal.close();
  });

  it("writes what became of a decision beside it once its horizon has passed", async () => {
    const { config } = local.configure({ "evaluate.horizonSeconds": 3_600, "worker.mode": "shadow" });
    const stop = new AbortController();
    const running = run({ config, signal: stop.signal, env: local.env });
    const nextHour = () => local.tick(3_600 - (local.time % 3_600));
    for (let hour = 0; hour < 3; hour++) await settled(local, await nextHour());
    stop.abort();
    await running;
    const journal = openJournal(config.journal.path, () => "reader");
    const decisions = journal.decisions();
    const outcomes = journal.outcomes();
    journal.close();
    expect(outcomes.map(({ decisionId }) => decisionId)).toEqual(decisions.slice(0, -1).map(({ id }) => id));
    for (const { outcome } of outcomes) {
      expect(outcome).toMatchObject({ toSeconds: expect.any(Number), netBps: expect.any(Number) });
    }
  });
});
