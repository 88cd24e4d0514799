import { createHash } from "node:crypto";
import { type CalibrationState, parseCalibration } from "../../ml/risk/uncertainty/calibration.ts";
import type { Address, Numeraire } from "../../ml/types.ts";
import type { Database } from "./database.ts";

/** Whose errors a calibration is of: a model set's, of one pool in one unit. */
export interface CalibrationKey {
  readonly chainId: number;
  readonly pool: Address;
  readonly numeraire: Numeraire;
  readonly modelSet: string;
}

export const CALIBRATIONS_SCHEMA = `
CREATE TABLE IF NOT EXISTS calibrations (
  digest TEXT PRIMARY KEY, chain_id INTEGER NOT NULL, pool TEXT NOT NULL, numeraire INTEGER NOT NULL,
  model_set TEXT NOT NULL, last_seconds INTEGER NOT NULL, days INTEGER NOT NULL, body TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS calibrations_latest ON calibrations (chain_id, pool, numeraire, model_set, days);
`;

/** What past days taught, one row a day. */
export interface CalibrationStore {
  /** The same twice is once. */
  recordCalibration(key: CalibrationKey, state: CalibrationState): void;
  /** The one that has learned most from days that were over at a time; null where there is none. */
  latestCalibration(key: CalibrationKey, atSeconds: number): CalibrationState | null;
  /** By its digest; null where there is none. */
  calibration(digest: string): CalibrationState | null;
}

/** States that were read lately: the blocks of a day share one. */
const REMEMBERED = 256;

/** By what decisions refer to a calibration. */
export function calibrationDigest(state: CalibrationState): string {
  const known = digests.get(state);
  if (known !== undefined) return known;
  const digest = createHash("sha256").update(JSON.stringify(state)).digest("hex");
  digests.set(state, digest);
  return digest;
}

/** A state is never changed, and learns once a day: the same one stands behind many decisions. */
const digests = new WeakMap<CalibrationState, string>();

/** The calibrations of an open journal. */
export function calibrationStore({ run, one }: Database): CalibrationStore {
  const parsed = new Map<string, CalibrationState>();
  /** Came out of the journal, so they are in it. */
  const kept = new WeakSet<CalibrationState>();
  const read = (row: { readonly body?: unknown } | null): CalibrationState | null => {
    if (row === null) return null;
    const body = String(row.body);
    const state = parsed.get(body) ?? parseCalibration(JSON.parse(body));
    if (parsed.size >= REMEMBERED) parsed.clear();
    parsed.set(body, state);
    kept.add(state);
    return state;
  };
  return {
    recordCalibration({ chainId, pool, numeraire, modelSet }, state) {
      if (kept.has(state)) return;
      const place = [chainId, pool.toLowerCase(), numeraire, modelSet] as const;
      const { lastSeconds, days } = state;
      run(
        "INSERT OR IGNORE INTO calibrations VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        calibrationDigest(state),
        ...place,
        lastSeconds,
        days,
        JSON.stringify(state),
      );
    },
    latestCalibration({ chainId, pool, numeraire, modelSet }, atSeconds) {
      return read(
        one(
          `SELECT body FROM calibrations WHERE chain_id = ? AND pool = ? AND numeraire = ? AND model_set = ?
           AND last_seconds + 86400 <= ? ORDER BY days DESC, last_seconds DESC LIMIT 1`,
          chainId,
          pool.toLowerCase(),
          numeraire,
          modelSet,
          atSeconds,
        ),
      );
    },
    calibration: (digest) => read(one("SELECT body FROM calibrations WHERE digest = ?", digest)),
  };
}
