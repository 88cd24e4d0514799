import { ATTEMPTS_SCHEMA, type AttemptStore, attemptStore } from "./journal/attempts.ts";
import { CALIBRATIONS_SCHEMA, type CalibrationStore, calibrationStore } from "./journal/calibrations.ts";
import { CHALLENGERS_SCHEMA, type ChallengerStore, challengerStore } from "./journal/challengers.ts";
import { openDatabase } from "./journal/database.ts";
import { DEAD_LETTERS_SCHEMA, type DeadLetterStore, deadLetterStore } from "./journal/deadLetters.ts";
import { addCandidatesColumn, DECISIONS_SCHEMA, type DecisionStore, decisionStore } from "./journal/decisions.ts";
import { FEED_SCHEMA, type FeedStore, feedStore } from "./journal/feed.ts";
import { HEARTBEATS_SCHEMA, type HeartbeatStore, heartbeatStore } from "./journal/heartbeats.ts";
import { INPUTS_SCHEMA, type InputStore, inputStore } from "./journal/inputs.ts";
import { MODELS_SCHEMA, type ModelsStore, modelsStore } from "./journal/models.ts";
import { OUTCOMES_SCHEMA, type OutcomeStore, outcomeStore } from "./journal/outcomes.ts";
import { PROPOSALS_SCHEMA, type ProposalStore, proposalStore } from "./journal/proposals.ts";
import { RESTS_SCHEMA, type RestStore, restStore } from "./journal/rests.ts";
import { STOPS_SCHEMA, type StopStore, stopStore } from "./journal/stops.ts";
import { type VanishedStore, vanishedStore } from "./journal/vanished.ts";

const META_SCHEMA = "CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;\n";

/**
 * The append-only memory of a worker, in SQLite (WAL). Rows are facts with deterministic ids: inserting one twice is
 * inserting it once, and only a proposal's `status`, derived from its last step, and a challenger's answer, in the
 * place of what it was offered, ever seem to change.
 */
export interface Journal
  extends DecisionStore,
    CalibrationStore,
    InputStore,
    VanishedStore,
    ProposalStore,
    AttemptStore,
    HeartbeatStore,
    DeadLetterStore,
    RestStore,
    OutcomeStore,
    ChallengerStore,
    StopStore,
    ModelsStore,
    FeedStore {
  /** A name for this journal that survives restarts: what a lease is held by. */
  readonly identity: string;
  /** Writes several facts at once: all of them or none, on disk when it returns. */
  together(work: () => void): void;
  /** The same, all of them on disk when the promise is kept; what is written after them is never there without them. */
  togetherSoon(work: () => void): Promise<void>;
  close(): void;
}

/** Opens or creates the journal at `path`; ":memory:" for a throw-away one. `identity` names it when it is new. */
export function openJournal(path: string, identity: () => string): Journal {
  const schema = [
    META_SCHEMA,
    DECISIONS_SCHEMA,
    CALIBRATIONS_SCHEMA,
    INPUTS_SCHEMA,
    PROPOSALS_SCHEMA,
    ATTEMPTS_SCHEMA,
    HEARTBEATS_SCHEMA,
    DEAD_LETTERS_SCHEMA,
    RESTS_SCHEMA,
    OUTCOMES_SCHEMA,
    CHALLENGERS_SCHEMA,
    STOPS_SCHEMA,
    MODELS_SCHEMA,
    FEED_SCHEMA,
  ].join("");
  const db = openDatabase(path, schema);
  addCandidatesColumn(db);
  db.run("INSERT OR IGNORE INTO meta VALUES ('identity', ?)", identity());
  return {
    identity: String(db.one("SELECT value FROM meta WHERE key = 'identity'")?.value),
    together: db.transaction,
    togetherSoon: db.transactionSoonOnDisk,
    ...decisionStore(db),
    ...calibrationStore(db),
    ...inputStore(db),
    ...vanishedStore(db),
    ...proposalStore(db),
    ...attemptStore(db),
    ...heartbeatStore(db),
    ...deadLetterStore(db),
    ...restStore(db),
    ...outcomeStore(db),
    ...challengerStore(db),
    ...stopStore(db),
    ...modelsStore(db),
    ...feedStore(db),
    close: db.close,
  };
}
