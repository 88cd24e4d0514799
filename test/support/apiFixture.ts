import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RunningApi, type StartApiParameters, startApi } from "../../rebalancer/api/server.ts";
import { freePort } from "../../rebalancer/cli/demo/redis.ts";
import { parseConfig } from "../../rebalancer/config.ts";
import { createLogger } from "../../rebalancer/log/log.ts";
import { GENERATED_CHAIN, generatedVault } from "./generatedJournal.ts";

export const TOKEN = "correct-horse-battery-staple";

export interface ApiFixture {
  readonly folder: string;
  readonly journalPath: string;
  readonly api: RunningApi;
  stop(): Promise<void>;
}

/** An API over the journal of a folder of its own, with a node that does not answer. */
export async function startApiFixture(
  parameters: Partial<StartApiParameters> & {
    readonly redisUrl: string;
    readonly vaults: number;
    /** Writes what there is to read before the API starts. */
    readonly prepare?: (folder: string) => void;
    readonly journals?: readonly string[];
  },
): Promise<ApiFixture> {
  const { redisUrl, vaults, prepare, journals = [], ...rest } = parameters;
  const folder = mkdtempSync(join(tmpdir(), "api-"));
  prepare?.(folder);
  const journalPath = join(folder, "journal.db");
  const config = parseConfig({
    chainId: GENERATED_CHAIN,
    rpcUrl: `http://127.0.0.1:${await freePort()}`,
    redis: { url: redisUrl, prefix: "api-test" },
    journal: { path: journalPath },
    api: { journals: journals.map((name) => join(folder, name)) },
    models: { set: "rules" },
    vaults: Array.from({ length: vaults }, (_, index) => {
      const address = generatedVault(index);
      const pool = generatedVault(1_000_000 + Math.floor(index / 10));
      return { name: `vault ${index}`, vault: address, pool, lens: address, strategyContract: address };
    }),
  });
  const api = await startApi({
    config,
    listen: "127.0.0.1:0",
    env: { RANGEKEEPER_API_TOKEN: TOKEN },
    logger: createLogger({ level: "silent" }),
    ...rest,
  });
  return {
    folder,
    journalPath,
    api,
    async stop() {
      await api.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
