import { getCode } from "viem/actions";
import type { Address, PoolHistory } from "../../ml/types.ts";
import { begun } from "../ahead.ts";
import { atBlock } from "../chain/atBlock.ts";
import type { BlockStamp } from "../chain.ts";
import type { VaultConfig } from "../config.ts";
import type { Context, PoolGroup } from "../context.ts";
import { readInputs, type VaultInputs } from "../decideAt.ts";
import type { DecisionRecord } from "../journal/decisions.ts";
import type { StopOrder } from "../stops/killSwitch.ts";

/** Vaults that are read in one go and written in one transaction: enough to share, few enough to leave others a turn. */
export const TOGETHER = 50;

/** A pool at one block, as it is being read: its history, and the first of its vaults. */
export interface Reading {
  readonly block: BlockStamp;
  readonly history: Promise<PoolHistory>;
  readonly first: Promise<readonly ReadVault[]>;
  /** The kill switch's orders, once it is known whether the block trips it; null or absent = to be asked for. */
  readonly stops?: Promise<readonly StopOrder[] | null>;
}

/** A vault with its journaled decision, or else what it is decided on; null for both when it is not deployed yet. */
export interface ReadVault {
  readonly vault: VaultConfig;
  readonly id: string;
  readonly known: DecisionRecord | null;
  readonly inputs: VaultInputs | null;
}

type ReadingContext = Pick<Context, "client" | "config" | "journal">;

/** A vault's decision at a block has one id, however often it is taken. */
export const decisionIdOf = (chainId: number, vault: Address, block: Pick<BlockStamp, "number" | "hash">): string =>
  `${chainId}-${vault.toLowerCase()}-${block.number}-${block.hash}`;

/** By which an evaluation finds what was begun for it. */
export const readingKey = ({ meta }: Pick<PoolGroup, "meta">, block: number): string => `${meta.address} ${block}`;

/** Begins to read a pool and the first of these vaults, which are read while the history still grows. */
export function beginReading(
  context: ReadingContext,
  { group, vaults, block }: { group: PoolGroup; vaults: readonly VaultConfig[]; block: BlockStamp },
): Reading {
  const history = begun(group.history.at(block));
  const first = begun(readAll(context, { group, vaults: vaults.slice(0, TOGETHER), block, history }));
  return { block, history, first };
}

export interface ReadAllParameters {
  readonly group: PoolGroup;
  readonly vaults: readonly VaultConfig[];
  readonly block: BlockStamp;
  readonly history: PoolHistory | Promise<PoolHistory>;
}

/** What these vaults are decided on at a block, in one go. */
export function readAll(
  context: ReadingContext,
  { group, vaults, block, history }: ReadAllParameters,
): Promise<readonly ReadVault[]> {
  const { config, journal } = context;
  const client = atBlock(context.client, block);
  return Promise.all(
    vaults.map(async (vault) => {
      const id = decisionIdOf(config.chainId, vault.vault, block);
      const known = journal.decision(id);
      if (known) return { vault, id, known, inputs: null };
      try {
        return { vault, id, known, inputs: await readInputs({ client, config, group, vault, block, history }) };
      } catch (error) {
        // Only a vault that cannot be read is asked whether it is there at all.
        const code = await getCode(client, { address: vault.vault, blockNumber: BigInt(block.number) });
        if (code === undefined || code === "0x") return { vault, id, known, inputs: null };
        throw error;
      }
    }),
  );
}
