import { formatTable } from "../../rebalancer/cli/table.ts";
import { FAULTS, type FaultName } from "./faults.ts";
import type { Outcome } from "./play.ts";

export interface Summary {
  readonly scenarios: number;
  readonly seed: number;
  readonly seconds: number;
  /** Scenarios by how many vaults their worker keeps. */
  readonly scenariosByVaults: Readonly<Record<number, number>>;
  readonly blocks: number;
  /** Transactions of the worker that reorganisations took out of the chain. */
  readonly takenBack: number;
  readonly decisions: number;
  readonly proposals: number;
  readonly executed: number;
  readonly faults: number;
  readonly faultsByKind: Readonly<Partial<Record<FaultName, number>>>;
  /** Exits of a worker that nobody ordered. */
  readonly deaths: number;
  readonly violations: number;
  readonly failed: readonly { readonly index: number; readonly violations: readonly string[] }[];
  /** From the end of the last fault until the worker was at rest with a new block. */
  readonly resumedMilliseconds: { readonly p50: number; readonly p99: number; readonly most: number };
  readonly resumedInOneBlock: number;
}

export function summarise(outcomes: readonly Outcome[], run: { seed: number; seconds: number }): Summary {
  const sum = (of: (outcome: Outcome) => number) => outcomes.reduce((total, outcome) => total + of(outcome), 0);
  const faultsByKind: Partial<Record<FaultName, number>> = {};
  for (const { name, took } of outcomes.flatMap(({ faults }) => faults)) {
    if (took) faultsByKind[name] = (faultsByKind[name] ?? 0) + 1;
  }
  const scenariosByVaults: Record<number, number> = {};
  for (const { scenario } of outcomes)
    scenariosByVaults[scenario.vaults] = (scenariosByVaults[scenario.vaults] ?? 0) + 1;
  const resumed = outcomes.map(({ resumedMilliseconds }) => resumedMilliseconds).sort((a, b) => a - b);
  const at = (share: number) => resumed[Math.min(resumed.length - 1, Math.floor(share * resumed.length))] ?? 0;
  return {
    scenarios: outcomes.length,
    seed: run.seed,
    seconds: Math.round(run.seconds),
    scenariosByVaults,
    blocks: sum(({ blocks }) => blocks),
    takenBack: sum(({ takenBack }) => takenBack),
    decisions: sum(({ decisions }) => decisions),
    proposals: sum(({ proposals }) => proposals),
    executed: sum(({ executed }) => executed),
    faults: Object.values(faultsByKind).reduce((total, count) => total + count, 0),
    faultsByKind,
    deaths: sum(({ deaths }) => deaths),
    violations: sum(({ violations }) => violations.length),
    failed: outcomes
      .filter(({ violations }) => violations.length > 0)
      .map(({ scenario, violations }) => ({ index: scenario.index, violations })),
    resumedMilliseconds: { p50: at(0.5), p99: at(0.99), most: at(1) },
    resumedInOneBlock: outcomes.filter(({ resumedBlocks }) => resumedBlocks === 1).length,
  };
}

/** The table for people. */
export function summaryText(summary: Summary): string {
  const kinds = (Object.keys(FAULTS) as FaultName[])
    .filter((name) => summary.faultsByKind[name] !== undefined)
    .map((name) => [FAULTS[name].title, String(summary.faultsByKind[name])]);
  const vaults = Object.entries(summary.scenariosByVaults)
    .map(([count, times]) => `${count} in ${times}`)
    .join(", ");
  const { p50, p99, most } = summary.resumedMilliseconds;
  return `${formatTable([{ title: "fault" }, { title: "injected", align: "right" }], kinds)}
scenarios   ${summary.scenarios} (seed ${summary.seed}), in ${summary.seconds} s
vaults      ${vaults}
faults      ${summary.faults} injected; reorganisations took back ${summary.takenBack} transactions of the worker
chain       ${summary.blocks} blocks, ${summary.decisions} decisions, ${summary.proposals} proposals, ${summary.executed} executed
processes   ${summary.deaths} ended by themselves under a fault and were started again
resumed     p50 ${p50} ms, p99 ${p99} ms, most ${most} ms; ${summary.resumedInOneBlock} of ${summary.scenarios} with the first block
violations  ${summary.violations}
`;
}

/** One scenario in one line. */
export const line = ({ scenario, faults, violations, seconds }: Outcome): string =>
  `${scenario.index}  ${seconds.toFixed(1)} s  ${faults.map(({ name }) => name).join(", ")}; ${scenario.vaults} vaults  ${violations.length} violations`;

/** A failing scenario: what was done, what broke, and the command that plays it again. */
export function failureText(
  outcome: Outcome,
  options: { only?: string; vaults?: number; sabotage?: string; log?: boolean },
): string {
  const { scenario, violations, log } = outcome;
  const told = log
    .filter(({ worker }) => options.log || worker === "*")
    .map(({ at, worker, text }) => `  ${at} ms  ${worker}  ${text}`);
  const flags = [
    options.only && `--only ${options.only}`,
    options.vaults && `--vaults ${options.vaults}`,
    options.sabotage && `--sabotage ${options.sabotage}`,
  ];
  return `
scenario ${scenario.index}: ${violations.length} violations
${violations.map((violation) => `  ! ${violation}`).join("\n")}
${told.join("\n")}
  play it again: npm run test:chaos -- --seed ${scenario.seed} --from ${scenario.index} --scenarios 1 ${flags.filter(Boolean).join(" ")}
`;
}
