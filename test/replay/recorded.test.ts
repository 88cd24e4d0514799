import { afterAll, describe, expect, it } from "vitest";
import { resolveMarket } from "../../ml/data/market.ts";
import { planReplay } from "../../ml/sim/exact/plan.ts";
import { type AnvilHandle, startAnvil } from "../../rebalancer/cli/demo/anvil.ts";
import { createReplayMarket } from "../../rebalancer/cli/demo/market/replay.ts";
import { replayAll } from "../../rebalancer/cli/demo/market/replayAll.ts";
import { createRpc } from "../../rebalancer/cli/demo/rpc.ts";
import { localArtifacts } from "../support/localArtifacts.ts";

const data = process.env.RANGEKEEPER_DATA;
const running: AnvilHandle[] = [];
afterAll(async () => {
  await Promise.all(running.map((anvil) => anvil.stop()));
});

async function replay(name: string) {
  const plan = planReplay(resolveMarket(data ?? "", name));
  const anvil = await startAnvil({ timestamp: plan.startTimestamp });
  running.push(anvil);
  const market = await createReplayMarket(createRpc(anvil.url), { plan, outFolder: localArtifacts() });
  return { market, report: await replayAll(market) };
}

describe.skipIf(!data)("recorded markets", () => {
  it("replays all 725 swaps of WBTC/WETH exactly, and every mint and burn", async () => {
    const { market, report } = await replay("ethereum_wbtc_weth_03_events_2023-03-01");
    expect(report.mismatches).toEqual([]);
    expect([report.swaps, report.exact]).toEqual([725, 725]);
    expect([report.exactIn, report.exactOut, report.atLimit, report.moved]).toEqual([639, 85, 1, 0]);
    expect(report.liquidityExact).toBe(report.mints + report.burns);
    expect(market.nextTimestamp()).toBeNull();
    expect(await market.next()).toBeNull();
  }, 180_000);

  it("reconstructs a pool without a state file and replays all swaps but the first exactly", async () => {
    const { market, report } = await replay("polygon_usdc_weth_005_events_2021-12-22");
    expect(market.notes.join()).toContain("no starting state");
    expect([report.swaps, report.exact, report.moved]).toEqual([199, 198, 1]);
  }, 120_000);
});
