import { marginOf } from "../../ml/decide.ts";
import { best } from "../../ml/ranges/rank.ts";
import type { Candidate, Decision, DecisionSettings } from "../../ml/types.ts";
import { formatTable } from "./table.ts";
import { wrap } from "./wrap.ts";

const HOUR = 3600;

/**
 * One decision in words, at most 80 columns wide: what each column costs what was chosen and the best of what was not,
 * what a move had to beat, and what the other lacked.
 */
export function explainDecision(decision: Decision, settings: DecisionSettings): string {
  const { candidates, chosen } = decision;
  const taken = candidates[chosen];
  if (taken === undefined) return wrap(`Nothing was scored, so there is nothing to explain: ${decision.reason}`, 0);
  const stay = candidates.find(({ kind }) => kind === "current") ?? (candidates[0] as Candidate);
  const other = candidates[best(candidates, (c) => c.kind === "range" && c !== taken)];
  const shown = [taken, ...(stay === taken ? [] : [stay]), ...(other === undefined ? [] : [other])];
  const right = { align: "right" as const };
  const line = (title: string, weight: number | null, part: (candidate: Candidate) => number): string[] => [
    title,
    weight === null ? "" : String(weight),
    ...shown.map((candidate) => signed(part(candidate))),
  ];
  const { riskAversion, lvrWeight = 1, deviationWeight = 0, breachWeightBps = 0 } = settings;
  const table = formatTable(
    [
      { title: "basis points of NAV" },
      { title: "weight", ...right },
      ...shown.map((candidate) => ({ title: nameOf(candidate), max: 17, ...right })),
    ],
    [
      line("expected fees", null, ({ feesBps }) => feesBps),
      line("expected LVR", lvrWeight, ({ lvrBps }) => -lvrWeight * lvrBps),
      line("swap, gas and impact", null, ({ costBps }) => -costBps),
      line("loss tail", riskAversion, ({ tailBps }) => -riskAversion * tailBps),
      line("off the reference", deviationWeight, ({ deviationBps }) => -deviationWeight * deviationBps),
      line("breach of the bound", breachWeightBps, ({ breach }) => -breachWeightBps * breach),
      line("net", null, ({ netBps }) => netBps),
      ["chance of a breach", "", ...shown.map(({ breach }) => `${(100 * breach).toFixed(1)}%`)],
      ["part of NAV in the pool", "", ...shown.map(({ share }) => `${(100 * share).toFixed(0)}%`)],
    ],
  );
  const sentences = [
    `${decision.action}: ${decision.reason}`,
    ...(taken.kind === "range" ? [paysBack(taken, stay, settings)] : []),
    ...(other === undefined ? ["No range fits the bounds."] : [lacked(other, taken, stay, settings)]),
  ];
  return [table, "", ...sentences.map((sentence) => wrap(sentence, 2))].join("\n");
}

/** When a move has earned back its cost, by what is expected of it and of staying. */
function paysBack(taken: Candidate, stay: Candidate, { horizonSeconds }: DecisionSettings): string {
  const gross = taken.netBps + taken.costBps - stay.netBps;
  const hours = (taken.costBps / gross) * (horizonSeconds / HOUR);
  const whole = horizonSeconds / HOUR;
  return `The move costs ${taken.costBps.toFixed(2)} bp and is expected to have earned it after ${hours.toFixed(1)} of the ${whole.toFixed(0)} hours that it is given.`;
}

/** What kept the best of the others from being chosen. */
function lacked(other: Candidate, taken: Candidate, stay: Candidate, settings: DecisionSettings): string {
  const name = `The best range not taken, ${nameOf(other)},`;
  if (other.refusal !== null) return `${name} nets ${other.netBps.toFixed(2)} bp but is refused: ${other.refusal}.`;
  const margin = marginOf(other, stay.netBps, settings);
  if (margin <= 0) {
    const bar = Math.max(0, stay.netBps + settings.hysteresisBps + other.waitBps);
    return (
      `${name} nets ${other.netBps.toFixed(2)} bp and would need ${bar.toFixed(2)}: ${stay.netBps.toFixed(2)} of ` +
      `${stay.kind === "idle" ? "standing aside" : "staying"}, ${settings.hysteresisBps.toFixed(2)} of hysteresis and ` +
      `${other.waitBps.toFixed(2)} for the right to decide later. It lacks ${(-margin).toFixed(2)} bp.`
    );
  }
  if (taken.kind !== "range") return `${name} clears every bar by ${margin.toFixed(2)} bp, but moves are closed now.`;
  const behind = taken.netBps - taken.waitBps - (other.netBps - other.waitBps);
  return `${name} nets ${other.netBps.toFixed(2)} bp, ${behind.toFixed(2)} bp less after the right to decide later.`;
}

const signed = (value: number): string => value.toFixed(2).replace(/^-0\.00$/, "0.00");

const nameOf = ({ kind, range }: Candidate): string =>
  kind === "range" && range !== null
    ? `${range.lowerTick}..${range.upperTick}`
    : kind === "idle"
      ? "stand aside"
      : "stay";
