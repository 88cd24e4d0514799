import type { Logger } from "pino";
import { toBars } from "../ml/data/bars.ts";
import { LOOKBACK_BARS } from "../ml/features/index.ts";
import type { Bar, Numeraire, PoolHistory } from "../ml/types.ts";
import { type ChallengerParameters, startChallenger } from "./challengers/challenger.ts";
import { lookupOf } from "./config/modelsSection.ts";
import type { Config } from "./config.ts";
import type { Journal } from "./journal.ts";

const HOUR = 3600;

export interface CreateChallengersParameters {
  readonly config: Pick<Config, "models">;
  readonly journal: Pick<Journal, "inputs" | "recordChallenger">;
  readonly logger: Pick<Logger, "warn">;
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
  /** Hands over journaled decisions that were made on one history; returns at once, whatever becomes of them. */
  offer(history: PoolHistory, decisionIds: readonly string[], bars?: (numeraire: Numeraire) => readonly Bar[]): void;
  close(): Promise<void>;
}

/** One thread for each configured challenger; null when there is none. */
export function createChallengers({
  config,
  journal,
  logger,
  onFailure,
  thread = {},
}: CreateChallengersParameters): Challengers | null {
  const sets = [...new Set(config.models.challengers)];
  if (sets.length === 0) return null;
  const started = sets.map((modelSet) =>
    startChallenger({
      modelSet,
      lookup: lookupOf(config.models),
      ...thread,
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
    }),
  );
  return {
    offer(history, decisionIds, bars = (numeraire) => hourlyBars(history, numeraire)) {
      const cases = decisionIds.flatMap((id) => {
        const inputs = journal.inputs(id);
        return inputs === null ? [] : [{ id, inputs }];
      });
      const held = new Set(cases.map(({ inputs }) => inputs.state.numeraire));
      const barsOf = (numeraire: Numeraire): readonly Bar[] => (held.has(numeraire) ? bars(numeraire) : []);
      const batch = { history: { ...history, swaps: [] }, bars: [barsOf(0), barsOf(1)] as const, cases };
      for (const challenger of started) challenger.offer(batch);
    },
    async close() {
      await Promise.all(started.map((challenger) => challenger.close()));
    },
  };
}

const hourlyBars = (history: PoolHistory, numeraire: Numeraire): readonly Bar[] =>
  toBars(history, numeraire, { barSeconds: HOUR, untilSeconds: history.toTimestamp, atMost: LOOKBACK_BARS });
