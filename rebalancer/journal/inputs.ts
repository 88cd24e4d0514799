import { createHash } from "node:crypto";
import type { GridSize } from "../../ml/ranges/candidates.ts";
import type { CalibrationState } from "../../ml/risk/uncertainty/calibration.ts";
import type { Address, Bounds, DecisionSettings, Hex, PoolHistory, VaultState } from "../../ml/types.ts";
import { FatalError } from "../errors.ts";
import { decodeJson, encodeJson } from "../json.ts";
import { calibrationDigest, calibrationStore } from "./calibrations.ts";
import type { Database } from "./database.ts";

/** All that a decision was made from beside the models and the swaps: with these and the events it can be made again. */
export interface DecisionInputs {
  /** Exactly the value that the decision's digest covers, with whatever else the chain told beside it. */
  readonly state: VaultState;
  readonly bounds: Bounds;
  readonly settings: DecisionSettings;
  /** Null = the default grid. */
  readonly grid: GridSize | null;
  readonly history: HistoryStamp;
  /** Wei per gas of the block, as features were told; absent before they were. */
  readonly baseFeePerGas?: bigint;
  /** Absent where none is kept. Its own table has it: it changes once a day. */
  readonly calibration?: CalibrationState;
}

/** What a history was, without its swaps: they are on the chain. */
export type HistoryStamp = Pick<PoolHistory, "fromTimestamp" | "sqrtPriceX96" | "tick" | "liquidity"> & {
  /** How many swaps it held. */
  readonly swaps: number;
};

export const INPUTS_SCHEMA = `
CREATE TABLE IF NOT EXISTS conditions (digest TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS inputs (
  decision_id TEXT PRIMARY KEY REFERENCES decisions (id), conditions TEXT NOT NULL REFERENCES conditions (digest),
  state TEXT NOT NULL
) STRICT;
`;

/** What decisions were made from. */
export interface InputStore {
  /** To be called in the transaction that records the decision; the same twice is once. */
  recordInputs(decisionId: string, inputs: DecisionInputs): void;
  /** Null for a decision of before inputs were kept. */
  inputs(decisionId: string): DecisionInputs | null;
  /** Where and when each decision was taken, in the order of time, without what was decided. */
  decisionPlaces(filter?: DecisionPlaceFilter): readonly DecisionPlace[];
}

export interface DecisionPlaceFilter {
  readonly vault?: Address | undefined;
  /** All included. */
  readonly fromBlock?: number | undefined;
  readonly toBlock?: number | undefined;
  readonly sinceSeconds?: number | undefined;
  readonly untilSeconds?: number | undefined;
}

export interface DecisionPlace {
  readonly id: string;
  readonly vault: Address;
  readonly pool: Address;
  readonly block: number;
  readonly blockHash: Hex;
  readonly atSeconds: number;
  readonly modelSet: string;
}

type Conditions = Omit<DecisionInputs, "state" | "calibration"> & { readonly calibration?: string };

/** Conditions that were written lately: vaults of one pool share them, so most need not be written again. */
const REMEMBERED = 256;
const LAST = Number.MAX_SAFE_INTEGER;

/** The stamp of a history. */
export const stampOf = ({ fromTimestamp, swaps, sqrtPriceX96, tick, liquidity }: PoolHistory): HistoryStamp => ({
  fromTimestamp,
  swaps: swaps.length,
  sqrtPriceX96,
  tick,
  liquidity,
});

function known(state: CalibrationState | null, digest: string): CalibrationState {
  if (state === null)
    throw new FatalError(`journal: no calibration ${digest}; rule: what a decision was made from is kept`);
  return state;
}

/** The inputs of an open journal. */
export function inputStore(database: Database): InputStore {
  const { run, all, one } = database;
  const calibrations = calibrationStore(database);
  const written = new Map<string, string>();
  const conditionsOf = (body: string): string => {
    const known = written.get(body);
    if (known !== undefined) return known;
    const digest = createHash("sha256").update(body).digest("hex");
    if (written.size >= REMEMBERED) written.clear();
    written.set(body, digest);
    return digest;
  };
  return {
    recordInputs(decisionId, { state, calibration, ...conditions }) {
      const kept = calibration === undefined ? {} : { calibration: calibrationDigest(calibration) };
      const body = encodeJson({ ...conditions, ...kept });
      const digest = conditionsOf(body);
      // Always written: what is remembered here may have been in a transaction that was rolled back.
      run("INSERT OR IGNORE INTO conditions VALUES (?, ?)", digest, body);
      run("INSERT OR IGNORE INTO inputs VALUES (?, ?, ?)", decisionId, digest, encodeJson(state));
    },
    inputs(decisionId) {
      const row = one(
        "SELECT state, body FROM inputs JOIN conditions ON conditions.digest = inputs.conditions WHERE decision_id = ?",
        decisionId,
      );
      if (row === null) return null;
      const { calibration, ...conditions } = decodeJson<Conditions>(String(row.body));
      const state = decodeJson<VaultState>(String(row.state));
      if (calibration === undefined) return { ...conditions, state };
      return { ...conditions, state, calibration: known(calibrations.calibration(calibration), calibration) };
    },
    decisionPlaces({ vault, fromBlock = 0, toBlock = LAST, sinceSeconds = 0, untilSeconds = LAST } = {}) {
      return all(
        `SELECT id, vault, pool, block, block_hash, at_seconds, model_set FROM decisions
         WHERE (? IS NULL OR vault = ?) AND block BETWEEN ? AND ? AND at_seconds BETWEEN ? AND ?
         ORDER BY at_seconds, block, vault, id`,
        vault ?? null,
        vault ?? null,
        fromBlock,
        toBlock,
        sinceSeconds,
        untilSeconds,
      ).map((row) => ({
        id: String(row.id),
        vault: row.vault as Address,
        pool: row.pool as Address,
        block: Number(row.block),
        blockHash: row.block_hash as Hex,
        atSeconds: Number(row.at_seconds),
        modelSet: String(row.model_set),
      }));
    },
  };
}
