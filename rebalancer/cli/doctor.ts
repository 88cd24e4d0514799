import { existsSync } from "node:fs";
import type { Command } from "commander";
import { formatEther } from "viem";
import { loadModelSet } from "../../ml/models/index.ts";
import { checkChain, createChainClient, getBlock, getPoolMeta } from "../chain.ts";
import { resolveVaults } from "../config.ts";
import { readState } from "../decideAt.ts";
import { explain } from "../errors.ts";
import { loadKeys } from "../keys/keys.ts";
import { connectRedis } from "../redis.ts";
import { answer, type CommonOptions, guarded, readConfig, withCommonOptions } from "./options.ts";
import { wrap } from "./wrap.ts";

interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** `doctor`: one line per thing a worker needs, and exit status 1 when one is missing. */
export function registerDoctor(program: Command): void {
  withCommonOptions(program.command("doctor").description("check everything that a worker needs")).action(
    (options: CommonOptions) =>
      guarded(options, async () => {
        const config = readConfig(options);
        const checks: Check[] = [];
        const check = async (name: string, probe: () => Promise<string> | string) => {
          try {
            checks.push({ name, ok: true, detail: await probe() });
          } catch (error) {
            checks.push({ name, ok: false, detail: explain(error) });
          }
        };
        const client = createChainClient(config.rpcUrl);
        await check("rpc", async () => {
          await checkChain(client, config);
          const head = await getBlock(client, "latest");
          return `chain ${config.chainId}, block ${head.number}, ${Math.round(Date.now() / 1000) - head.timestamp} s old`;
        });
        await check("redis", async () => {
          const redis = await connectRedis(config.redis.url, () => undefined);
          const answered = await redis.ping();
          redis.disconnect();
          return `${config.redis.url} ${answered}`;
        });
        await check("models", async () => {
          const set = await loadModelSet(config.models.set);
          return [set.volatility, set.il, set.yield].map(({ id, sha256 }) => `${id} ${sha256.slice(0, 10)}`).join(", ");
        });
        await check("vaults", async () => {
          const vaults = resolveVaults(config);
          for (const vault of vaults) {
            await getPoolMeta(client, config.chainId, vault.pool);
            await readState({ client }, vault, await getBlock(client, "latest"));
          }
          return vaults.map(({ name }) => name).join(", ");
        });
        await check("keys", async () => {
          const keys = await loadKeys({ config, env: process.env });
          const lines = config.vaults.map(async (vault) => {
            const { signer, keeper } = keys.of(vault);
            const balance = keeper ? await client.getBalance({ address: keeper.address }) : 0n;
            return `${vault.name}: signer ${signer?.address ?? "-"}, keeper ${keeper?.address ?? "-"} with ${formatEther(balance)} ether`;
          });
          return (await Promise.all(lines)).join("; ");
        });
        await check(
          "journal",
          () => `${config.journal.path} ${existsSync(config.journal.path) ? "exists" : "will be created"}`,
        );
        answer(options, checks, () =>
          checks.map(({ name, ok, detail }) => `${ok ? "ok  " : "FAIL"} ${wrap(`${name}: ${detail}`, 5)}`).join("\n"),
        );
        if (checks.some(({ ok }) => !ok)) process.exitCode = 1;
      }),
  );
}
