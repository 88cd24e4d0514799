import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import type { Command } from "commander";
import { openChain } from "../chain/open.ts";
import { getBlock } from "../chain.ts";
import { resolveVaults, type VaultConfig } from "../config.ts";
import { readState } from "../decideAt.ts";
import { openJournal } from "../journal.ts";
import { createKillSwitch, describeStop } from "../killSwitch.ts";
import { readMarker, settledKey } from "../marker.ts";
import { connectRedis } from "../redis.ts";
import { answer, type CommonOptions, guarded, readConfig, withCommonOptions } from "./options.ts";
import { wrap } from "./wrap.ts";

/** `status`: the chain's head, how far the worker is, and what each vault holds. */
export function registerStatus(program: Command): void {
  withCommonOptions(program.command("status").description("where worker and vaults stand")).action(
    (options: CommonOptions) =>
      guarded(options, async () => {
        const config = readConfig(options);
        const vaults = resolveVaults(config);
        const { client } = await openChain(config);
        const head = await getBlock(client, "latest");
        const redis = await connectRedis(config.redis.url, () => undefined);
        const journal = existsSync(config.journal.path) ? openJournal(config.journal.path, randomUUID) : null;
        try {
          const standing = async (vault: VaultConfig) => {
            const state = await readState({ client }, vault, head);
            const marker = await readMarker(redis, settledKey(config.chainId, vault.pool, config.redis.prefix));
            const last = journal?.decisions({ vault: vault.vault, limit: 1 })[0]?.decision ?? null;
            return { name: vault.name, vault: vault.vault, state, marker, last };
          };
          const rows = await Promise.all(vaults.map(standing));
          const { chainId } = config;
          const given = await createKillSwitch({ redis, journal, prefix: config.redis.prefix, chainId }).orders();
          const stops = given.filter(({ level }) => level > 0);
          answer(options, { head: head.number, mode: config.worker.mode, stops, vaults: rows }, () =>
            [
              `chain ${config.chainId}, block ${head.number}, mode ${config.worker.mode}`,
              ...stops.map((stop) => wrap(`KILL SWITCH ${describeStop(stop)}`, 2)),
              ...rows.flatMap(({ name, vault, state, marker, last }) => [
                `${name} ${vault}`,
                `  ${wrap(`settled up to block ${marker ? `${marker.block} (${marker.state})` : "-"}; calm ${state.calm}; paused ${state.paused}`, 4)}`,
                `  ${wrap(`nav ${state.nav}, share price ${state.sharePrice} per 1e18, moves today ${state.movesToday}`, 4)}`,
                ...state.positions.map(({ lowerTick, upperTick }) => `  position ${lowerTick}..${upperTick}`),
                `  ${wrap(`last decision: ${last ? `${last.action} at block ${last.block}: ${last.reason}` : "-"}`, 4)}`,
              ]),
            ].join("\n"),
          );
        } finally {
          journal?.close();
          redis.disconnect();
        }
      }),
  );
}
