import type { Logger } from "pino";
import { toBars } from "../ml/data/bars.ts";
import { LOOKBACK_BARS } from "../ml/features/index.ts";
import { pinModelSet } from "../ml/models/index.ts";
import type { Bar, Numeraire, PoolHistory } from "../ml/types.ts";
import { type Challenger, type ChallengerParameters, startChallenger } from "./challengers/challenger.ts";
import { createLearning, type Learning, type LearningStore, wholeHours } from "./challengers/learning.ts";
import { lookupOf } from "./config/modelsSection.ts";
import type { Config } from "./config.ts";
import { UNANSWERED } from "./journal/challengers.ts";
import type { Journal } from "./journal.ts";
import { registryStamp } from "./registryStamp.ts";

const HOUR = 3600;

export interface CreateChallengersParameters {
  readonly config: Pick<Config, "models">;
  readonly journal: Pick<Journal, "inputs" | "recordChallenger"> & LearningStore;
  readonly logger: Pick<Logger, "warn" | "info">;
  /** Told of each decision that a challenger did not answer. */
  readonly onFailure?: (modelSet: string) => void;
  /** How each one's thread is kept, where not as usual. */
  readonly thread?: Pick<
    ChallengerParameters,
    "patienceMilliseconds" | "closingMilliseconds" | "mostWaiting" | "program"
  >;
}

/** The model sets that decide beside the champion: journaled, never executed. */
export interface Challengers {
  /** In the transaction that records a decision: each one is offered it, which stands in the journal until it answers. */
  announce(decisionId: string): void;
  /** Hands over journaled decisions that were made on one history; returns at once, whatever becomes of them. */
  offer(history: PoolHistory, decisionIds: readonly string[], bars?: (numeraire: Numeraire) => readonly Bar[]): void;
  /** Between two blocks: takes over what their aliases and names have come to mean. Never throws. */
  follow(): void;
  close(): Promise<void>;
}

interface Running {
  readonly challenger: Challenger;
  readonly learning: Learning;
}

/** One thread for each configured challenger, called with its versions in full; null when there is none. */
export function createChallengers(parameters: CreateChallengersParameters): Challengers | null {
  const { config, journal, logger } = parameters;
  if (config.models.challengers.length === 0) return null;
  const running = new Map<string, Running>();
  const leaving: Promise<void>[] = [];
  /** What each configured name meant when it was last read. */
  const meant = new Map<string, string>();
  let seen: string | null = null;

  function follow(): void {
    const stamp = registryStamp(config.models.registry);
    if (stamp === seen) return;
    let understood = true;
    for (const asked of config.models.challengers) {
      const before = meant.get(asked);
      const found = meaning(config, asked);
      const now = found ?? before ?? asked;
      understood &&= found !== null;
      meant.set(asked, now);
      if (before !== undefined && before !== now)
        logger.info({ stage: "challenge", modelSet: now, before }, `challenger ${asked} is ${now} from now on`);
    }
    // What could not be read is tried again with the next block.
    if (understood) seen = stamp;
    const wanted = new Set(meant.values());
    for (const [modelSet, { challenger }] of running) {
      if (wanted.has(modelSet)) continue;
      running.delete(modelSet);
      leaving.push(challenger.close());
    }
    for (const modelSet of wanted) if (!running.has(modelSet)) running.set(modelSet, start(parameters, modelSet));
  }
  follow();

  const daysOver = wholeHours();
  return {
    follow,
    announce(decisionId) {
      for (const modelSet of running.keys())
        journal.recordChallenger({ decisionId, modelSet, decision: null, error: UNANSWERED });
    },
    offer(history, decisionIds, bars = (numeraire) => hourlyBars(history, numeraire)) {
      const cases = decisionIds.flatMap((id) => {
        const inputs = journal.inputs(id);
        return inputs === null ? [] : [{ id, inputs }];
      });
      const held = new Set(cases.map(({ inputs }) => inputs.state.numeraire));
      const barsOf = (numeraire: Numeraire): readonly Bar[] => (held.has(numeraire) ? bars(numeraire) : []);
      const batch = { history: { ...history, swaps: [] }, bars: [barsOf(0), barsOf(1)] as const, cases };
      for (const { challenger, learning } of running.values()) {
        const days = (numeraire: Numeraire): readonly Bar[] =>
          held.has(numeraire) && learning.isDue(placeOf(history, numeraire), history.toTimestamp)
            ? daysOver(history, numeraire)
            : [];
        challenger.offer({ ...batch, days: [days(0), days(1)] });
      }
    },
    async close() {
      await Promise.all([...leaving, ...[...running.values()].map(({ challenger }) => challenger.close())]);
    },
  };
}

/** A name with the versions that it means now; null where it means nothing, which its thread will say better. */
function meaning({ models }: Pick<Config, "models">, asked: string): string | null {
  try {
    return pinModelSet(asked, lookupOf(models));
  } catch {
    return null;
  }
}

function start(parameters: CreateChallengersParameters, modelSet: string): Running {
  const { config, journal, logger, onFailure, thread = {} } = parameters;
  const learning = createLearning(journal, modelSet);
  const challenger = startChallenger({
    modelSet,
    lookup: lookupOf(config.models),
    ...thread,
    knownFor({ history, bars }) {
      const known = (numeraire: Numeraire) =>
        bars[numeraire].length === 0 ? null : learning.known(placeOf(history, numeraire), history.toTimestamp);
      return [known(0), known(1)];
    },
    onLearned({ history }, learned) {
      try {
        learning.learn(placeOf(history, learned.numeraire), learned);
      } catch (cause) {
        logger.warn({ stage: "challenge", modelSet, err: cause }, "what a challenger learned is not kept");
      }
    },
    onAnswer({ id, decision, error }) {
      if (error !== null) {
        onFailure?.(modelSet);
        logger.warn(
          { stage: "challenge", modelSet, decisionId: id },
          `challenger ${modelSet} gave no answer: ${error}`,
        );
      }
      try {
        journal.recordChallenger({ decisionId: id, modelSet, decision, error: error ?? "" });
      } catch (cause) {
        // What is only compared must not end the worker.
        logger.warn({ stage: "challenge", modelSet, decisionId: id, err: cause }, "a challenger's answer is lost");
      }
    },
  });
  return { challenger, learning };
}

const placeOf = ({ pool: { chainId, address } }: PoolHistory, numeraire: Numeraire) => ({
  chainId,
  pool: address,
  numeraire,
});

const hourlyBars = (history: PoolHistory, numeraire: Numeraire): readonly Bar[] =>
  toBars(history, numeraire, { barSeconds: HOUR, untilSeconds: history.toTimestamp, atMost: LOOKBACK_BARS });
