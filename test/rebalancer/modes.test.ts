import { createPublicClient, http } from "viem";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { accounts } from "../../rebalancer/cli/demo/accounts.ts";
import { ConfigError } from "../../rebalancer/errors.ts";
import { openJournal } from "../../rebalancer/journal.ts";
import { run } from "../../rebalancer/main.ts";
import { getVault } from "../../sdk/index.ts";
import { type LocalDeployment, startLocalDeployment } from "../support/deployment.ts";
import { settled } from "../support/lockstep.ts";
import { type RpcProxy, startRpcProxy } from "../support/rpcProxy.ts";

let local: LocalDeployment;
let proxy: RpcProxy;
beforeAll(async () => {
  local = await startLocalDeployment();
}, 400_000);
afterAll(() => local?.stop());
beforeEach(async () => {
  proxy = await startRpcProxy(local.market.anvil.url, () => null);
  return () => proxy.stop();
});

/** Runs the first hour that calls for a move in a mode; what was journaled, asked of the node and left on the chain. */
async function firstMove(mode: string, env: NodeJS.ProcessEnv, live = false) {
  const { config } = local.configure({ rpcUrl: proxy.url, "worker.mode": mode });
  const stop = new AbortController();
  const running = run({ config, signal: stop.signal, live, env });
  const rest = (block: number) =>
    Promise.race([settled(local, block), running.then(() => Promise.reject(new Error("ended")))]);
  const block = await local.tick(3_600 - (local.time % 3_600));
  const marker = await rest(block);
  await rest(await local.tick(12));
  stop.abort();
  await running;
  const journal = openJournal(config.journal.path, () => "reader");
  const decisions = journal.decisions();
  const proposals = journal.proposals();
  const rests = decisions.map((decision) => journal.rests(decision).get(decision.vault));
  journal.close();
  const client = createPublicClient({ transport: http(local.market.anvil.url) });
  const { positions } = await getVault(client, local.deployment);
  const nonce = await client.getTransactionCount({ address: accounts.keeper });
  return {
    marker: marker.state,
    actions: decisions.map(({ decision }) => decision.action),
    rests,
    proposals: proposals.map(({ status, transaction, attempts }) => ({
      status,
      transaction,
      attempts: attempts.length,
    })),
    methods: new Set(proxy.calls.map(({ method }) => method)),
    positions: positions.length,
    nonce,
  };
}

const SENDING = /^eth_send|^eth_sign|^personal_/;

describe("modes", () => {
  it("shadow scores and journals: it needs no key, proposes nothing, sends nothing", async () => {
    const { RANGEKEEPER_SIGNER_KEY: _signer, RANGEKEEPER_KEEPER_KEY: _keeper, ...keyless } = local.env;
    const seen = await firstMove("shadow", keyless);
    expect(seen).toMatchObject({ marker: "shadow", actions: ["move"], rests: ["shadow"], proposals: [] });
    expect([...seen.methods].filter((method) => SENDING.test(method))).toEqual([]);
    expect(seen).toMatchObject({ positions: 0, nonce: 0 });
  });

  it("dry-run simulates and signs no transaction: it needs no keeper, sends nothing", async () => {
    const { RANGEKEEPER_KEEPER_KEY: _keeper, ...signerOnly } = local.env;
    const seen = await firstMove("dry-run", signerOnly);
    expect(seen).toMatchObject({ marker: "simulated", actions: ["move"], rests: ["simulated"] });
    expect(seen.proposals).toEqual([{ status: "simulated", transaction: null, attempts: 0 }]);
    expect(seen.methods).toContain("eth_call");
    expect([...seen.methods].filter((method) => SENDING.test(method))).toEqual([]);
    expect(seen).toMatchObject({ positions: 0, nonce: 0 });
  });

  it("live needs the configuration and the flag: either alone starts nothing", async () => {
    const start = (mode: string, live: boolean) => {
      const { config } = local.configure({ rpcUrl: proxy.url, "worker.mode": mode });
      return run({ config, signal: new AbortController().signal, live, env: local.env });
    };
    await expect(start("live", false)).rejects.toThrow(/worker\.mode: live; rule: needs the flag --yes-live/);
    await expect(start("shadow", true)).rejects.toThrow(ConfigError);
    await expect(start("dry-run", true)).rejects.toThrow(/--yes-live: given; rule: needs worker\.mode = "live"/);
    expect(proxy.calls).toEqual([]);
  });

  it("live with both sends, once, and the vault moves", async () => {
    const seen = await firstMove("live", local.env, true);
    expect(seen).toMatchObject({ marker: "sent", actions: ["move"] });
    expect(seen.proposals).toMatchObject([{ status: "confirmed", attempts: 1 }]);
    expect(seen.methods).toContain("eth_sendRawTransaction");
    expect(seen).toMatchObject({ positions: 1, nonce: 1 });
  });
});
