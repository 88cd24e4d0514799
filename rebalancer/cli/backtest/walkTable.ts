import { ASIDE } from "../../../ml/backtest/decisionChoice.ts";
import type { VerdictKey } from "../../../ml/backtest/decisionWalk.ts";
import { formatTable } from "../table.ts";
import { wrap } from "../wrap.ts";
import type { WalkReport } from "./walk.ts";

const right = { align: "right" as const };

export const dayOf = (seconds: number): string => new Date(seconds * 1000).toISOString().slice(0, 10);

const VERDICTS: Readonly<Record<VerdictKey, string>> = {
  better: "better",
  "stood-aside": "aside: none paid",
  ahead: "ahead, unproven",
  "within-costs": "within its costs",
  worse: "worse",
};

/** Windows on which the decision followed its own settings, a rule, and nothing. */
function followed(chosen: readonly string[]): string {
  const own = chosen.filter((id) => id.startsWith("decision-")).length;
  const aside = chosen.filter((id) => id === ASIDE).length;
  return `${own}/${chosen.length - own - aside}/${aside}`;
}

/** The report as tables of at most 80 columns. */
export function formatWalk({ pools, refused, protocol, exploratory, models, variants }: WalkReport): string {
  const bps = (value: number | null): string => (value === null ? "-" : value.toFixed(1));
  const percent = (value: number): string => `${(100 * value).toFixed(0)}%`;
  const results = formatTable(
    [
      { title: "" },
      { title: "days", ...right },
      { title: "ours", ...right },
      { title: "baseline", ...right },
      { title: "differ", ...right },
      { title: "low", ...right },
      { title: "high", ...right },
      { title: "short", ...right },
      { title: "verdict", max: 18 },
    ],
    pools.map(({ testFromSeconds, toSeconds, ours, baseline, difference, verdict }, i) => [
      `[${i + 1}]`,
      ((toSeconds - testFromSeconds) / 86_400).toFixed(1),
      ...[ours.headlineBps, baseline.headlineBps, difference.totalBps, difference.lowBps, difference.highBps].map(bps),
      bps(Math.max(0, -difference.totalBps - ours.costsBps)),
      VERDICTS[verdict],
    ]),
  );
  const moves = formatTable(
    [
      { title: "" },
      { title: "moves", ...right },
      { title: "greedy", ...right },
      { title: "ratio", ...right },
      { title: "aside", ...right },
      { title: "fees", ...right },
      { title: "LVR", ...right },
      { title: "costs", ...right },
      { title: "followed" },
      { title: "baseline", max: 17 },
    ],
    pools.map(({ ours, greedyMoves, windows }, i) => [
      `[${i + 1}]`,
      String(ours.moves),
      String(greedyMoves),
      greedyMoves === 0 ? "-" : (ours.moves / greedyMoves).toFixed(2),
      percent(ours.aside),
      ...[ours.feesBps, ours.lvrBps, ours.costsBps].map(bps),
      followed(windows.map(({ decision }) => decision)),
      windows.at(-1)?.baseline ?? "",
    ]),
  );
  const names = pools.map(({ market, fromSeconds, toSeconds, feeModel, inSample, notes }, i) =>
    wrap(
      `[${i + 1}] ${market}, ${dayOf(fromSeconds)} to ${dayOf(toSeconds)}, ${feeModel} fees${inSample ? ", IN-SAMPLE: a model was trained on these days" : ""}${notes.length > 0 ? `; ${notes.join("; ")}` : ""}`,
      4,
    ),
  );
  const budget = pools.flatMap(({ baseline, calm }, i) =>
    calm.baseline.headlineBps === baseline.headlineBps && calm.baseline.moves === baseline.moves
      ? []
      : [
          wrap(
            `[${i + 1}] Of the rules that keep to the budget of moves the best came to ${bps(calm.baseline.headlineBps)}: ` +
              `ours differs by ${bps(calm.difference.totalBps)} (${bps(calm.difference.lowBps)} to ${bps(calm.difference.highBps)}).`,
            4,
          ),
        ],
  );
  const count = (key: VerdictKey): number => pools.filter(({ verdict }) => verdict === key).length;
  const how =
    `Models: ${models}. Headline = fees − LVR − swap cost − gas over the test windows, basis points of ` +
    `${protocol.capitalUsd} dollars. After the first ${percent(protocol.rule.firstShare)} of its span each pool is walked in ` +
    `windows of ${percent(protocol.rule.windowShare)}. On each, ours follows the rule that earned most on everything before, if ` +
    `that is more than a standard error above nothing, and the best of ${variants.length} settings where they are more than one ` +
    `ahead of that; else it stands aside (followed: windows on settings/a rule/nothing). Nobody is followed who moved more ` +
    `than a third as often as the greedy reset (±1 %, whenever it is left). The baseline is the best of all rules, of ` +
    `which the last chosen is named. Short: how far it is behind beyond its own costs. Intervals: ` +
    `${percent(protocol.level)}, stationary bootstrap of hours, blocks of ${protocol.blockHours} h, at most a quarter of the span.`;
  const seconds = pools.reduce((sum, pool) => sum + pool.seconds, 0);
  const time = `Played in ${seconds < 90 ? `${seconds.toFixed(0)} s` : `${(seconds / 60).toFixed(1)} min`} of one processor.`;
  const verdict = `${pools.length} ${pools.length === 1 ? "pool" : "pools"}: ${(Object.keys(VERDICTS) as VerdictKey[])
    .filter((key) => count(key) > 0)
    .map((key) => `${count(key)} ${VERDICTS[key]}`)
    .join(", ")}.`;
  return [
    ...(pools.length === 0
      ? ["No pool of the folder could be walked."]
      : [
          results,
          "",
          moves,
          "",
          ...names,
          ...budget,
          "",
          wrap(how, 0),
          wrap(`Exploratory: ${exploratory}.`, 0),
          wrap(time, 0),
          wrap(verdict, 0),
        ]),
    ...refused.map(({ market, reason }) => wrap(`not walked: ${market}: ${reason}`, 2)),
  ].join("\n");
}
