import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { z } from "zod";
import { type BacktestReport, parseReport } from "../../../ml/backtest/reportSchema.ts";
import { InvalidInputError } from "../../../ml/errors.ts";
import type { Evidence } from "../../../ml/registry/gate.ts";
import { type Manifest, overlapsTraining } from "../../../ml/runtime/manifest.ts";
import { standingsOf } from "../../challengers/standings.ts";
import type { Journal } from "../../journal.ts";

const DAY = 86_400;

/** The version that is to be promoted. */
type Candidate = Pick<Manifest, "id" | "version" | "sha256" | "trainedOn">;

/** Two packages may share a graph and part in their domains: name, version and bytes make the model. */
export const isSame = (
  one: { readonly id: string; readonly version: string; readonly sha256: string },
  other: Pick<Manifest, "id" | "version" | "sha256">,
): boolean => one.id === other.id && one.version === other.version && one.sha256 === other.sha256;

/**
 * What a journal says of a candidate: of the challengers' decisions, those that were made with it. The days are those from its first answer to its last, in one set of models.
 */
export function shadowEvidence(
  journal: Pick<Journal, "challengers" | "challengerOutcomes" | "decision" | "outcomes">,
  candidate: Candidate,
): Evidence["shadow"] {
  const all = journal.challengers({});
  const made = all.filter(({ decision }) => decision?.models.some((model) => isSame(model, candidate)));
  const set = made.at(-1)?.modelSet;
  const ours = made.filter(({ modelSet }) => modelSet === set);
  if (set === undefined || ours.length === 0) return null;
  const ids = new Set(ours.map(({ decisionId }) => decisionId));
  const [standing] = standingsOf(
    {
      decision: (id) => journal.decision(id),
      outcomes: (filter) => journal.outcomes(filter),
      challengers: () => ours,
      challengerOutcomes: (filter) =>
        journal.challengerOutcomes(filter).filter((one) => one.modelSet === set && ids.has(one.decisionId)),
    },
    { sinceSeconds: 0 },
  );
  const times = ours.map(({ decision }) => decision?.atSeconds ?? 0);
  const outside = ours.filter(({ decision }) => decision?.reasonKey === "out-of-domain").length;
  return {
    days: (Math.max(...times) - Math.min(...times)) / DAY,
    answered: ours.length,
    // Fewer horizons than a verdict needs are no evidence, whatever the interval says.
    difference: standing === undefined || standing.verdict === "too-little" ? null : standing.difference,
    outOfDomain: outside / ours.length,
    inSample: overlapsTraining(candidate, { fromSeconds: Math.min(...times), toSeconds: Math.max(...times) }),
  };
}

/**
 * What a backtest says of a candidate: its report must be about the candidate, and hold the champion's run beside it.
 */
export function backtestEvidence(
  report: BacktestReport,
  candidate: Candidate,
  isChampion: (set: string) => boolean,
  file: string,
): NonNullable<Evidence["backtest"]> {
  const model = report.header.models.find((one) => isSame(one, candidate));
  const subject = report.runs.find(({ id }) => id === report.subject);
  if (model === undefined || subject === undefined || subject.family !== "model" || isChampion(setOf(subject.id))) {
    throw new InvalidInputError(`${file} must be a backtest of the candidate: name it first, -m CANDIDATE CHAMPION`);
  }
  const champion = report.runs.find(
    ({ id, family }) => family === "model" && id !== subject.id && isChampion(setOf(id)),
  );
  const row =
    champion === undefined
      ? undefined
      : report.comparisons.rows.find(({ against, measure }) => against === champion.label && measure === "headline");
  return {
    inSample: model.inSample || overlapsTraining(candidate, report.header),
    difference: row === undefined ? null : { low: row.low, high: row.high },
    drawdown: subject.metrics.drawdown?.depth ?? 0,
    championDrawdown: champion === undefined ? null : (champion.metrics.drawdown?.depth ?? 0),
  };
}

const setOf = (runId: string): string => runId.replace(/^model-/, "");

const paritySchema = z.looseObject({ different: z.int().nonnegative(), replayed: z.int().nonnegative() });

/** Reads the answer of `rangekeeper parity --json`. */
export function parityEvidence(file: string): NonNullable<Evidence["parity"]> {
  try {
    return paritySchema.parse(JSON.parse(readText("--parity", file)));
  } catch (cause) {
    if (cause instanceof InvalidInputError) throw cause;
    throw new InvalidInputError(`--parity: ${file}; rule: the JSON that rangekeeper parity --json answers`, { cause });
  }
}

/** Reads the answer of `rangekeeper backtest --json`. */
export const readBacktest = (file: string): BacktestReport => parseReport(readText("--report", file), file);

function readText(flag: string, file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new InvalidInputError(`${flag}: ${file}; rule: a file that can be read`, { cause });
  }
}

/** Names the evidence that a promotion rested on. */
export const evidenceHash = (evidence: Evidence): string =>
  `0x${createHash("sha256").update(JSON.stringify(evidence)).digest("hex")}`;
