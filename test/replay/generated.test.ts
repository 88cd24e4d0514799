import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { resolveMarket } from "../../ml/data/market.ts";
import { planReplay } from "../../ml/sim/exact/plan.ts";
import { type AnvilHandle, startAnvil } from "../../rebalancer/cli/demo/anvil.ts";
import { createReplayMarket } from "../../rebalancer/cli/demo/market/replay.ts";
import { replayAll } from "../../rebalancer/cli/demo/market/replayAll.ts";
import { createRpc } from "../../rebalancer/cli/demo/rpc.ts";
import { localArtifacts } from "../support/localArtifacts.ts";
import { recordPool } from "../support/recordedPool.ts";

const folder = mkdtempSync(join(tmpdir(), "rangekeeper-replay-"));
const running: AnvilHandle[] = [];
afterAll(async () => {
  await Promise.all(running.map((anvil) => anvil.stop()));
  rmSync(folder, { recursive: true, force: true });
});

async function chain(timestamp: number) {
  const anvil = await startAnvil({ timestamp });
  running.push(anvil);
  return createRpc(anvil.url);
}

async function market(name: string, seed: number, withState: boolean) {
  const recorded = await recordPool(await chain(1_700_000_000), join(folder, name), { seed, withState });
  return { recorded, plan: planReplay(resolveMarket(join(folder, name), recorded.name)) };
}

describe("a market recorded from a pool on the chain", () => {
  it.each([1, 2])("is rebuilt from a partial state and replayed exactly, to the last swap (seed %i)", async (seed) => {
    const { recorded, plan } = await market(`state${seed}`, seed, true);
    expect(plan.reconstructed).toBe(false);
    const first = await createReplayMarket(await chain(plan.startTimestamp), { plan, outFolder: localArtifacts() });
    const report = await replayAll(first);
    expect(report.mismatches).toEqual([]);
    expect(report.swaps).toBeGreaterThan(45);
    expect(report.exact).toBe(report.swaps);
    expect(report.exactIn).toBeGreaterThan(20);
    expect(report.exactOut).toBeGreaterThan(5);
    expect(report.atLimit).toBe(2);
    expect(report.moved).toBe(0);
    expect([report.mints, report.burns, report.liquidityExact]).toEqual([1, 5, 6]);
    expect(recorded.rows).toBe(report.swaps + report.mints + report.burns + 1);

    // The orders found give the same market again.
    const again = await createReplayMarket(await chain(plan.startTimestamp), {
      plan,
      orders: first.orders,
      outFolder: localArtifacts(),
    });
    const second = await replayAll(again);
    expect(second).toEqual(report);
  });

  it("is reconstructed where no state exists, and says which swaps cannot be explained", async () => {
    const { plan } = await market("events", 3, false);
    expect(plan.reconstructed).toBe(true);
    expect(plan.notes.join()).toContain("liquidity reconstructed");
    const replayed = await createReplayMarket(await chain(plan.startTimestamp), { plan, outFolder: localArtifacts() });
    const report = await replayAll(replayed);
    // The first swap's starting price is not known, so it never counts as exact.
    expect(report.mismatches[0]?.index).toBe(0);
    expect(report.exact).toBeLessThan(report.swaps);
    expect(report.exact / report.swaps).toBeGreaterThan(0.8);
    expect(report.exact + report.mismatches.length).toBe(report.swaps);
    expect(report.mismatches.every(({ field }) => field.startsWith("amount"))).toBe(true);
  });
});
