import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { localKeys } from "../../rebalancer/cli/demo/accounts.ts";
import type { RedisHandle } from "../../rebalancer/cli/demo/redis.ts";
import type { Deployment } from "../../rebalancer/cli/demo/stage.ts";
import { type Config, loadConfig } from "../../rebalancer/config.ts";
import { writeConfig } from "./configFile.ts";
import { deployedChain, SWAP_AMOUNT } from "./deployedChain.ts";
import { type LocalMarket, resumeLocalMarket } from "./localMarket.ts";
import { startRedis } from "./redis.ts";

export const DAY = 86_400;

/** A vault with a depositor on a local pool that has traded for a day and a half, and a Redis for its worker. */
export interface LocalDeployment {
  readonly market: LocalMarket;
  readonly redis: RedisHandle;
  readonly deployment: Deployment;
  /** Unix seconds of the newest block. */
  time: number;
  /** Environment with the worker's keys. */
  readonly env: NodeJS.ProcessEnv;
  /** Writes a configuration file; `changes` by path, as in { "worker.mode": "dry-run" }. */
  configure(changes?: Record<string, unknown>): { path: string; config: Config };
  /** Mines a block with one round trip through the pool, `seconds` after the last. */
  tick(seconds: number): Promise<number>;
  /** Tells the clock that the chain was put back. */
  rewind(time: number): void;
  stop(): Promise<void>;
}

/** Starts it all: some seconds for the first file of a test run, a fraction of one for the others. */
export async function startLocalDeployment(): Promise<LocalDeployment> {
  const saved = await deployedChain();
  const folder = mkdtempSync(join(tmpdir(), "deployment-"));
  const started: { stop(): Promise<void> }[] = [];
  const stop = async () => {
    await Promise.all(started.map((one) => one.stop()));
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const market = await resumeLocalMarket({ state: saved.state, deployment: saved.market });
    started.push(market);
    const redis = await startRedis();
    started.push(redis);
    const addresses = join(folder, "addresses.json");
    writeFileSync(addresses, saved.addresses);
    const keys = localKeys();
    let turn = 0;
    let files = 0;
    const local: LocalDeployment = {
      market,
      redis,
      deployment: saved.deployment,
      time: saved.time,
      env: { ...process.env, RANGEKEEPER_SIGNER_KEY: keys.modelSigner, RANGEKEEPER_KEEPER_KEY: keys.keeper },
      configure(changes = {}) {
        const file = files++;
        const path = join(folder, `config-${file}.toml`);
        writeConfig(path, saved.config, {
          rpcUrl: market.anvil.url,
          addresses,
          "redis.url": redis.url,
          "journal.path": join(folder, `journal-${file}.db`),
          "log.level": "silent",
          ...changes,
        });
        return { path, config: loadConfig({ path, env: {} }) };
      },
      async tick(seconds) {
        local.time += seconds;
        turn += 1;
        return market.swap(local.time, [{ zeroForOne: turn % 2 === 0, amountIn: SWAP_AMOUNT }]);
      },
      rewind(to) {
        local.time = to;
        turn = 0;
      },
      stop,
    };
    return local;
  } catch (error) {
    await stop();
    throw error;
  }
}
