import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { localKeys } from "../../rebalancer/cli/demo/accounts.ts";
import type { RedisHandle } from "../../rebalancer/cli/demo/redis.ts";
import { loadConfig } from "../../rebalancer/config.ts";
import { openJournal } from "../../rebalancer/journal.ts";
import { run } from "../../rebalancer/main.ts";
import { readMarker, settledKey } from "../../rebalancer/observe/marker.ts";
import { createKillSwitch, type StopLevel } from "../../rebalancer/stops/killSwitch.ts";
import { writeConfig } from "../support/configFile.ts";
import { type ManyVault, type ManyVaults, startManyVaults } from "../support/manyVaults.ts";
import { startRedis } from "../support/redis.ts";

const CHAIN = 31_337;
const SLOT_SECONDS = 12;
const PATIENCE_MILLISECONDS = 120_000;
let many: ManyVaults;
let server: RedisHandle;
let redis: Redis;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "two-workers-"));
  server = await startRedis();
  redis = new Redis(server.url);
  many = await startManyVaults({ pools: 2, vaults: 2 });
}, 400_000);
afterAll(async () => {
  redis?.disconnect();
  await many?.stop();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A worker with one vault, a journal and a key of its own. */
function start({ pool, vault, strategy }: ManyVault, index: number, signal: AbortSignal) {
  const path = join(folder, `config-${index}.toml`);
  writeConfig(path, many.config, {
    rpcUrl: many.anvil.url,
    addresses: undefined,
    "redis.url": server.url,
    "journal.path": join(folder, `journal-${index}.db`),
    "log.level": "silent",
    // A vault moves after it got more, and only then.
    "decision.gasPerMove": 6_000_000,
    vaults: [{ name: `vault ${index}`, pool, vault, strategyContract: strategy, lens: many.lens }],
  });
  const { modelSigner, keeper, secondKeeper } = localKeys();
  const env = { RANGEKEEPER_SIGNER_KEY: modelSigner, RANGEKEEPER_KEEPER_KEY: index === 0 ? keeper : secondKeeper };
  const config = loadConfig({ path, env: {} });
  return { config, running: run({ config, signal, live: true, env: { ...process.env, ...env } }) };
}

/** What each pool's worker came to in a block, in which these vaults get so much that moving pays. */
async function statesOfABlock(enriched: readonly ManyVault[] = []): Promise<string[]> {
  const block = await many.tick(SLOT_SECONDS, enriched);
  return Promise.all(many.vaults.map(({ pool }) => stateAt(pool, block)));
}

async function stateAt(pool: ManyVault["pool"], block: number): Promise<string> {
  const end = Date.now() + PATIENCE_MILLISECONDS;
  for (;;) {
    const marker = await readMarker(redis, settledKey(CHAIN, pool));
    if (marker !== null && marker.block >= block) return marker.state;
    if (Date.now() > end) throw new Error(`block ${block} of ${pool} did not come to rest: ${JSON.stringify(marker)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe("two workers on one Redis", () => {
  it("obey one order of the kill switch in the block after it, each with its own vault, and go on after it", async () => {
    const stop = new AbortController();
    const workers = many.vaults.map((vault, index) => start(vault, index, stop.signal));
    const all = Promise.all(workers.map(({ running }) => running));
    const killSwitch = createKillSwitch({ redis, journal: null, prefix: "rangekeeper", chainId: CHAIN });
    const give = (level: StopLevel) =>
      killSwitch.give({ scope: "all", level, reason: "a test", by: "operator", atMilliseconds: level });
    const play = async () => {
      const states: Record<string, string[]> = {};
      await give(1);
      states["nothing new"] = await statesOfABlock(many.vaults);
      await give(2);
      states["nothing sent"] = await statesOfABlock();
      await give(0);
      states.resumed = await statesOfABlock();
      return states;
    };
    try {
      expect(await Promise.race([play(), all.then(() => Promise.reject(new Error("a worker ended")))])).toEqual({
        "nothing new": ["stopped", "stopped"],
        "nothing sent": ["stopped", "stopped"],
        resumed: ["sent", "sent"],
      });
    } finally {
      stop.abort();
      await all;
    }
    // Redis told both; each wrote the orders down for itself.
    for (const { config } of workers) {
      const journal = openJournal(config.journal.path, () => "reader");
      expect(journal.stops(CHAIN).map(({ level }) => level)).toEqual([1, 2, 0]);
      expect(journal.decisions().map(({ decision }) => decision.action)).toEqual(["move", "move", "move"]);
      expect(journal.proposals()).toHaveLength(1);
      journal.close();
    }
  }, 300_000);
});
