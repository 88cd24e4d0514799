import type { Address, Hex } from "../../ml/types.ts";
import type { Database, Row } from "./database.ts";
import type { DecisionPlaceFilter } from "./inputs.ts";

/** A decision that was taken, by what it left behind, and that the journal has no more. */
export interface VanishedDecision {
  readonly vault: Address;
  readonly pool: Address;
  readonly block: number;
  readonly blockHash: Hex;
  /** Where the vault came to rest with it; null = that is gone as well, and others of its pool have theirs. */
  readonly state: string | null;
}

/** What the journal once held. */
export interface VanishedStore {
  /** Decisions that are gone and can be named, in the order of blocks. */
  vanishedDecisions(filter?: DecisionPlaceFilter): readonly VanishedDecision[];
  /** How many rows were taken out from between those that are there, named or not; of all vaults together. */
  missingRows(filter?: DecisionPlaceFilter): number;
}

const LAST = Number.MAX_SAFE_INTEGER;

/** A vault came to rest as only a decision lets it, and no decision is there. */
const WITHOUT_DECISION = `
  SELECT vault, pool, block, block_hash, state FROM rests
  WHERE state NOT IN ('absent', 'late', 'failed')
  AND NOT EXISTS (SELECT 1 FROM decisions
    WHERE decisions.vault = rests.vault AND decisions.block_hash = rests.block_hash)`;

/** A vault has neither at a block where others of its pool have come to rest, and has something before and after. */
const WITHOUT_EITHER = `
  WITH seen AS (SELECT chain_id, pool, vault, block FROM rests UNION ALL SELECT chain_id, pool, vault, block FROM decisions),
  spans AS (SELECT chain_id, pool, vault, min(block) AS first, max(block) AS last FROM seen GROUP BY 1, 2, 3),
  evaluated AS (SELECT DISTINCT chain_id, pool, block, block_hash FROM rests)
  SELECT vault, pool, block, block_hash, NULL AS state FROM evaluated JOIN spans USING (chain_id, pool)
  WHERE first < block AND block < last
  AND NOT EXISTS (SELECT 1 FROM rests WHERE rests.chain_id = evaluated.chain_id
    AND rests.block_hash = evaluated.block_hash AND rests.vault = spans.vault)
  AND NOT EXISTS (SELECT 1 FROM decisions
    WHERE decisions.vault = spans.vault AND decisions.block_hash = evaluated.block_hash)`;

/** SQLite numbers rows one after the other, and none is ever deleted here: a number that is missing was a row. */
const HOLES = `
  SELECT * FROM (SELECT rowid - lag(rowid) OVER rows - 1 AS missing, lag(block) OVER rows AS fromBlock, block AS toBlock,
    lag(at_seconds) OVER rows AS fromSeconds, at_seconds AS toSeconds FROM decisions WINDOW rows AS (ORDER BY rowid))
  WHERE missing > 0`;

/** What is gone from an open journal. */
export function vanishedStore({ all, one }: Database): VanishedStore {
  const holes = () =>
    all(HOLES).map((row) => ({
      missing: Number(row.missing),
      fromBlock: Number(row.fromBlock),
      toBlock: Number(row.toBlock),
      fromSeconds: Number(row.fromSeconds),
      toSeconds: Number(row.toSeconds),
    }));
  /** Between which times a block lies, by the decisions of its pool around it. */
  const timesOf = ({ pool, block }: Row): readonly [number, number] => {
    const before = one(
      "SELECT at_seconds FROM decisions WHERE pool = ? AND block <= ? ORDER BY at_seconds DESC LIMIT 1",
      pool,
      block,
    );
    const after = one(
      "SELECT at_seconds FROM decisions WHERE pool = ? AND block >= ? ORDER BY at_seconds LIMIT 1",
      pool,
      block,
    );
    return [Number(before?.at_seconds ?? 0), Number(after?.at_seconds ?? LAST)];
  };
  return {
    vanishedDecisions({ vault, fromBlock = 0, toBlock = LAST, sinceSeconds = 0, untilSeconds = LAST } = {}) {
      const found = holes();
      // A vault that was out of the configuration for a while left no hole.
      const wasThere = (row: Row) =>
        found.some((hole) => hole.fromBlock <= Number(row.block) && Number(row.block) <= hole.toBlock);
      const inTime = (row: Row) => {
        const [earliest, latest] = timesOf(row);
        return earliest <= untilSeconds && latest >= sinceSeconds;
      };
      return [...all(WITHOUT_DECISION), ...(found.length === 0 ? [] : all(WITHOUT_EITHER)).filter(wasThere)]
        .filter((row) => vault === undefined || row.vault === vault)
        .filter(({ block }) => fromBlock <= Number(block) && Number(block) <= toBlock)
        .filter(inTime)
        .map((row) => ({
          vault: row.vault as Address,
          pool: row.pool as Address,
          block: Number(row.block),
          blockHash: row.block_hash as Hex,
          state: row.state === null ? null : String(row.state),
        }))
        .sort((a, b) => a.block - b.block || (a.vault < b.vault ? -1 : 1));
    },
    missingRows({ fromBlock = 0, toBlock = LAST, sinceSeconds = 0, untilSeconds = LAST } = {}) {
      const within = holes().filter(
        (hole) =>
          hole.fromBlock <= toBlock &&
          hole.toBlock >= fromBlock &&
          hole.fromSeconds <= untilSeconds &&
          hole.toSeconds >= sinceSeconds,
      );
      return within.reduce((sum, { missing }) => sum + missing, 0);
    },
  };
}
