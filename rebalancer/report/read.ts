import type { Address, Numeraire, PoolMeta } from "../../ml/types.ts";
import { FatalError } from "../errors.ts";
import type { DecisionPlace } from "../journal/inputs.ts";
import type { Journal } from "../journal.ts";
import { buildVaultReport, partiesOf, type StateAt } from "./build.ts";
import type { LogRpc } from "./chainEvents.ts";
import { vaultLogs } from "./vaultLogs.ts";
import type { VaultReport } from "./vaultReport.ts";

export interface ReadVaultReportParameters {
  readonly journal: Pick<
    Journal,
    "decisionPlaces" | "decision" | "inputs" | "proposals" | "outcomes" | "stops" | "challengers"
  >;
  readonly rpc: LogRpc;
  readonly name: string;
  readonly vault: Address;
  readonly chainId: number;
  readonly pool: PoolMeta;
  readonly shareDecimals: number;
  readonly nativeToken: Address | null;
  /** `until` is not part of the span; absent = all that the journal has. */
  readonly sinceSeconds: number | null;
  readonly untilSeconds: number | null;
  readonly everySeconds: number;
  readonly chunkBlocks: number;
  /** Hash of a block of the chain; decisions at other blocks were orphaned and are left out. */
  readonly hashOf: (block: number) => Promise<string | null>;
  readonly onProgress?: (done: number, total: number, what: string) => void;
}

/** Reads what a report needs from journal and chain. Throws FatalError when the journal has no state in the span. */
export async function readVaultReport(parameters: ReadVaultReportParameters): Promise<VaultReport> {
  const { journal, rpc, vault, chainId, pool, everySeconds, hashOf, onProgress } = parameters;
  const all = journal.decisionPlaces({ vault });
  const sinceSeconds = parameters.sinceSeconds ?? all[0]?.atSeconds ?? 0;
  const untilSeconds = parameters.untilSeconds ?? (all.at(-1)?.atSeconds ?? 0) + 1;
  const { states, notes } = await statesOf(parameters, spanOf(all, sinceSeconds, untilSeconds, everySeconds));
  const [first, ...more] = states;
  if (first === undefined) {
    throw new FatalError(
      `report ${parameters.name}: the journal has no state of the vault from ${iso(sinceSeconds)} to ${iso(untilSeconds)}; rule: a worker must have decided for it then`,
    );
  }
  const last = more.at(-1) ?? first;
  const fromBlock = first.record.block + 1;
  const toBlock = last.record.block;
  // The events end where the states do: their block must still be the chain's.
  const logs =
    fromBlock > toBlock
      ? []
      : await vaultLogs(rpc, {
          parties: partiesOf(vault, pool),
          fromBlock,
          toBlock,
          chunkBlocks: parameters.chunkBlocks,
          onProgress: (done, total) => onProgress?.(done, total, "blocks read"),
        });
  if ((await hashOf(toBlock)) !== last.record.blockHash) {
    throw new FatalError(`report ${parameters.name}: block ${toBlock} was reorganised meanwhile; rule: ask again`);
  }
  return buildVaultReport({
    name: parameters.name,
    chainId,
    pool,
    shareDecimals: parameters.shareDecimals,
    sinceSeconds,
    untilSeconds,
    everySeconds,
    states: [first, ...more],
    logs,
    proposals: journal.proposals({ vault }),
    outcomes: journal.outcomes({ vault }),
    stops: journal.stops(chainId).filter(({ scope }) => scope === "all" || scope.toLowerCase() === vault.toLowerCase()),
    beside: journal.challengers({ vault, sinceSeconds }),
    native: nativeOf(pool, parameters.nativeToken),
    notes,
  });
}

/**
 * The decisions of a span, with the last one before it when that is near: so one month begins with the state that the
 * month before ended with.
 */
function spanOf(all: readonly DecisionPlace[], since: number, until: number, everySeconds: number): DecisionPlace[] {
  const inside = all.filter(({ atSeconds }) => atSeconds >= since && atSeconds < until);
  const before = all.findLast(({ atSeconds }) => atSeconds < since);
  const starts = inside[0]?.atSeconds === since;
  return before && !starts && since - before.atSeconds <= 1.5 * everySeconds ? [before, ...inside] : inside;
}

async function statesOf(
  { journal, hashOf, onProgress }: ReadVaultReportParameters,
  places: readonly DecisionPlace[],
): Promise<{ states: StateAt[]; notes: string[] }> {
  const states: StateAt[] = [];
  let [orphaned, blind] = [0, 0];
  for (const [index, { id, block, blockHash }] of places.entries()) {
    onProgress?.(index, places.length, "decisions read");
    if ((await hashOf(block)) !== blockHash) {
      orphaned++;
      continue;
    }
    const [record, inputs] = [journal.decision(id), journal.inputs(id)];
    if (record === null || inputs === null) blind++;
    else states.push({ record, inputs });
  }
  const notes: string[] = [];
  if (orphaned > 0) notes.push(`${orphaned} decisions left out: their blocks are no longer in the chain`);
  if (blind > 0) notes.push(`${blind} decisions left out: what they were made from was not journaled`);
  return { states, notes };
}

function nativeOf(pool: PoolMeta, native: Address | null): Numeraire | null {
  if (native === null) return null;
  if (pool.token0.address.toLowerCase() === native.toLowerCase()) return 0;
  return pool.token1.address.toLowerCase() === native.toLowerCase() ? 1 : null;
}

const iso = (seconds: number): string => new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ");
