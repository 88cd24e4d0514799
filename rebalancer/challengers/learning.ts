import { toBars } from "../../ml/data/bars.ts";
import { lastWholeDay } from "../../ml/risk/uncertainty/advance.ts";
import type { CalibrationState } from "../../ml/risk/uncertainty/calibration.ts";
import type { Bar, Numeraire, PoolHistory } from "../../ml/types.ts";
import type { CalibrationKey, CalibrationStore } from "../journal/calibrations.ts";
import type { Learned } from "./messages.ts";

const HOUR = 3600;
const DAY = 86_400;

export type LearningStore = Pick<CalibrationStore, "latestCalibration" | "recordCalibration">;

type Place = Omit<CalibrationKey, "modelSet">;

/** What a challenger has learned of its own errors, pool by pool: kept at hand, and in the journal for the next start. */
export interface Learning {
  /** What it knew of a pool in a unit at a time; null = nothing. */
  known(place: Place, atSeconds: number): CalibrationState | null;
  /** Whether a day is over that it has not been through. */
  isDue(place: Place, atSeconds: number): boolean;
  /** It has been through all days that are over. */
  learn(place: Place, learned: Pick<Learned, "state" | "throughSeconds">): void;
}

/** The learning of one model set. */
export function createLearning(journal: LearningStore, modelSet: string): Learning {
  const states = new Map<string, CalibrationState | null>();
  const through = new Map<string, number>();
  const known = (place: Place, atSeconds: number): CalibrationState | null => {
    const key = keyOf(place);
    const newest = states.get(key);
    if (newest === null || (newest && newest.lastSeconds + DAY <= atSeconds)) return newest;
    const found = journal.latestCalibration({ ...place, modelSet }, atSeconds);
    // An older block may be looked at again: what was learned since is no part of that.
    if (newest === undefined) states.set(key, found);
    return found;
  };
  return {
    known,
    isDue(place, atSeconds) {
      const last = lastWholeDay(atSeconds);
      if ((through.get(keyOf(place)) ?? Number.NEGATIVE_INFINITY) >= last) return false;
      const state = known(place, atSeconds);
      return state === null || state.days === 0 || state.lastSeconds < last;
    },
    learn(place, { state, throughSeconds }) {
      const key = keyOf(place);
      through.set(key, Math.max(throughSeconds, through.get(key) ?? throughSeconds));
      if (state === null) return;
      const newest = states.get(key);
      if (!newest || newest.lastSeconds < state.lastSeconds) states.set(key, state);
      journal.recordCalibration({ ...place, modelSet }, state);
    },
  };
}

const keyOf = ({ pool, numeraire }: Pick<Place, "pool" | "numeraire">) => `${pool.toLowerCase()} ${numeraire}`;

/** Hourly bars that begin on the hour, made once for each day that is over: they do not change any more. */
export function wholeHours(): (history: PoolHistory, numeraire: Numeraire) => readonly Bar[] {
  const made = new Map<string, { readonly last: number; readonly bars: readonly Bar[] }>();
  return (history, numeraire) => {
    const key = keyOf({ pool: history.pool.address, numeraire });
    const last = lastWholeDay(history.toTimestamp);
    const found = made.get(key);
    if (found?.last === last) return found.bars;
    const untilSeconds = Math.floor(history.toTimestamp / HOUR) * HOUR;
    const bars = toBars(history, numeraire, { barSeconds: HOUR, untilSeconds });
    made.set(key, { last, bars });
    return bars;
  };
}
