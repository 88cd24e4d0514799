import type { Decision, Numeraire, PoolMeta } from "../../ml/types.ts";
import { tickToLnPrice, valueInAsset } from "../../ml/units.ts";
import type { DecisionRecord } from "../journal/decisions.ts";
import type { DecisionInputs } from "../journal/inputs.ts";
import type { OutcomeRecord } from "../journal/outcomes.ts";
import type { ProposalRecord } from "../journal/proposals.ts";
import { performanceOf, settledOutcomes } from "../performance.ts";
import type { StopOrder } from "../stops/killSwitch.ts";
import { type ChainLog, type LedgerParties, ledgerEvents, tokenFlows } from "./chainEvents.ts";
import { walkLedger } from "./ledger.ts";
import { type StatedBeside, statedOf } from "./stated.ts";
import type { Refusal, ReportedMove, Result, SeriesPoint, VaultReport } from "./vaultReport.ts";
import { rawPrice, worthOf } from "./worth.ts";

/** A journaled decision with the state that it was taken on: the vault at the end of that block. */
export interface StateAt {
  readonly record: DecisionRecord;
  readonly inputs: DecisionInputs;
}

export interface BuildVaultReportParameters {
  readonly name: string;
  readonly chainId: number;
  readonly pool: PoolMeta;
  readonly shareDecimals: number;
  readonly sinceSeconds: number;
  readonly untilSeconds: number;
  /** How often the vault is looked at, seconds. */
  readonly everySeconds: number;
  /** In the order of time; the first is where the figures begin. At least one. */
  readonly states: readonly [StateAt, ...StateAt[]];
  /** Of the blocks after the first state up to the last one. */
  readonly logs: readonly ChainLog[];
  readonly proposals: readonly ProposalRecord[];
  readonly outcomes: readonly OutcomeRecord[];
  readonly stops: readonly StopOrder[];
  /** What challengers answered on the same states; absent = there are none. */
  readonly beside?: readonly StatedBeside[];
  /** Which of the pool's tokens is the chain's wrapped native one. */
  readonly native: Numeraire | null;
  /** What the reader of the journal found missing. */
  readonly notes: readonly string[];
}

const NONE_MISSING = 1.5;

/** Puts together what events and journal say of a span. */
export function buildVaultReport(parameters: BuildVaultReportParameters): VaultReport {
  const { states, pool, sinceSeconds, untilSeconds, stops } = parameters;
  const [first] = states;
  const last = states.at(-1) ?? first;
  const { numeraire, vault } = first.inputs.state;
  const [asset, other] = numeraire === 0 ? [pool.token0, pool.token1] : [pool.token1, pool.token0];
  const inSpan = states.filter(({ record }) => isInside(record.decision.atSeconds, parameters));
  const series = seriesOf(parameters);
  const decisions = inSpan.map(({ record }) => record.decision);
  const of = (action: Decision["action"]) => decisions.filter((decision) => decision.action === action).length;
  const ids = new Set(inSpan.map(({ record }) => record.id));
  return {
    version: 1,
    vault: {
      name: parameters.name,
      address: vault,
      pool: pool.address,
      chainId: parameters.chainId,
      asset: asset.symbol,
      other: other.symbol,
      numeraire,
    },
    span: {
      sinceSeconds,
      untilSeconds,
      fromSeconds: first.record.decision.atSeconds,
      toSeconds: last.record.decision.atSeconds,
      fromBlock: first.record.block,
      toBlock: last.record.block,
    },
    notes: [...parameters.notes, ...gapsOf(parameters)],
    result: resultOf(parameters, series),
    moves: movesOf(parameters),
    forecasts: performanceOf(
      settledOutcomes(
        parameters.outcomes.filter(({ decisionId }) => ids.has(decisionId)).map(({ outcome }) => outcome),
      ),
    ),
    stated: statedOf(inSpan, parameters.everySeconds, parameters.beside),
    decisions: { total: decisions.length, move: of("move"), hold: of("hold"), standAside: of("stand-aside") },
    refusals: refusalsOf(parameters, decisions),
    stops: stops.filter(({ atMilliseconds }) => isInside(atMilliseconds / 1000, parameters)),
    models: modelsOf(decisions),
    series,
  };
}

const isInside = (
  seconds: number,
  { sinceSeconds, untilSeconds }: Pick<BuildVaultReportParameters, "sinceSeconds" | "untilSeconds">,
): boolean => seconds >= sinceSeconds && seconds < untilSeconds;

/** What a state is worth at its own spot, raw asset units. */
function worthAt({ inputs }: StateAt): { readonly total: number; readonly deployed: number } {
  const { state, history } = inputs;
  const worth = (amount0: bigint, amount1: bigint) =>
    worthOf(Number(amount0), Number(amount1), history.sqrtPriceX96, state.numeraire);
  const deployed = state.positions.reduce((sum, p) => sum + worth(p.amount0 + p.fees0, p.amount1 + p.fees1), 0);
  return { total: deployed + worth(state.idle0, state.idle1), deployed };
}

/** Everything held, both tokens. */
function tokensOf({ inputs: { state } }: StateAt): readonly [number, number] {
  const sum = (idle: bigint, of: (position: (typeof state.positions)[number]) => bigint) =>
    Number(state.positions.reduce((total, position) => total + of(position), idle));
  return [sum(state.idle0, (p) => p.amount0 + p.fees0), sum(state.idle1, (p) => p.amount1 + p.fees1)];
}

function seriesOf({ states, pool, shareDecimals, logs }: BuildVaultReportParameters): SeriesPoint[] {
  const { numeraire } = states[0].inputs.state;
  const [asset, other] = numeraire === 0 ? [pool.token0, pool.token1] : [pool.token1, pool.token0];
  const unit = 10 ** asset.decimals;
  const scale = 10 ** (other.decimals - asset.decimals);
  const priceOfTick = (tick: number) => Math.exp(tickToLnPrice(tick, numeraire)) * scale;
  const start = states.find((state) => worthAt(state).total > 0) ?? states[0];
  const held = tokensOf(start);
  const heldWorth = worthOf(held[0], held[1], start.inputs.history.sqrtPriceX96, numeraire);
  const points: SeriesPoint[] = [];
  let before: { total: number; block: number } | null = null;
  let [vault, next] = [100, 0];
  for (const at of states) {
    const { record, inputs } = at;
    const { state, history } = inputs;
    const { total, deployed } = worthAt(at);
    let end = next;
    while ((logs[end]?.block ?? Number.POSITIVE_INFINITY) <= record.block) end++;
    const flow = flowOf(logs.slice(next, end), partiesOf(state.vault, pool), history.sqrtPriceX96, numeraire);
    next = end;
    if (before !== null && before.total > 0) vault *= (total - flow) / before.total;
    before = { total, block: record.block };
    const prices = state.positions.flatMap(({ lowerTick, upperTick }) => [
      priceOfTick(lowerTick),
      priceOfTick(upperTick),
    ]);
    const hodl = heldWorth > 0 ? (100 * worthOf(held[0], held[1], history.sqrtPriceX96, numeraire)) / heldWorth : 100;
    points.push({
      atSeconds: record.decision.atSeconds,
      block: record.block,
      price: rawPrice(history.sqrtPriceX96, numeraire) * scale,
      nav: total / unit,
      sharePrice: (Number(state.sharePrice) / unit) * 10 ** (shareDecimals - 18),
      lowerPrice: prices.length > 0 ? Math.min(...prices) : null,
      upperPrice: prices.length > 0 ? Math.max(...prices) : null,
      inRange: state.positions.some((p) => p.lowerTick <= history.tick && history.tick < p.upperTick),
      deployed: total > 0 ? deployed / total : 0,
      vault,
      hodl: record.decision.atSeconds < start.record.decision.atSeconds ? 100 : hodl,
      action: record.decision.action,
    });
  }
  return points;
}

export const partiesOf = (vault: LedgerParties["vault"], pool: PoolMeta): LedgerParties => ({
  vault,
  pool: pool.address,
  token0: pool.token0.address,
  token1: pool.token1.address,
});

/** What people put in less what they took out, at a price; raw asset units. */
function flowOf(logs: readonly ChainLog[], parties: LedgerParties, sqrtPriceX96: bigint, numeraire: Numeraire): number {
  if (logs.length === 0) return 0;
  const of = (token: LedgerParties["token0"]) => {
    const { peopleIn, peopleOut } = tokenFlows(logs, parties, token);
    return Number(peopleIn - peopleOut);
  };
  return worthOf(of(parties.token0), of(parties.token1), sqrtPriceX96, numeraire);
}

function resultOf(parameters: BuildVaultReportParameters, series: readonly SeriesPoint[]): Result {
  const { states, pool, logs, native } = parameters;
  const [first] = states;
  const last = states.at(-1) ?? first;
  const { state, history } = first.inputs;
  const { numeraire } = state;
  const unit = 10 ** (numeraire === 0 ? pool.token0 : pool.token1).decimals;
  const accruals = new Map(states.slice(1).map(({ record, inputs }) => [record.block, inputs.state.positions]));
  const events = ledgerEvents(logs, partiesOf(state.vault, pool), accruals);
  // What the last state says, where no event of that block or a later one asks for it.
  events.push({ kind: "accrual", fees: last.inputs.state.positions });
  const totals = walkLedger(events, numeraire, history.sqrtPriceX96, {
    idle0: state.idle0,
    idle1: state.idle1,
    positions: state.positions,
  });
  const opening = worthAt(first).total;
  const closing = worthAt(last).total;
  const { deposits, exits, market, fees, lvr, swapCost, rounding } = totals;
  const explained = opening + deposits - exits + market + fees - lvr - swapCost + rounding;
  const size = Math.max(opening, deposits);
  const gasWei = confirmedIn(parameters).reduce(
    (sum, { measured }) => sum + (measured ? measured.gasUsed * measured.effectiveGasPrice : 0n),
    0n,
  );
  const gas =
    native === null
      ? null
      : Number(
          valueInAsset(
            native === 0 ? { amount0: gasWei, amount1: 0n } : { amount0: 0n, amount1: gasWei },
            last.inputs.history.sqrtPriceX96,
            numeraire,
          ),
        ) / unit;
  const [start, end] = [series[0], series.at(-1)];
  const funded = opening > 0 || series.some(({ nav }) => nav > 0);
  const vaultReturn = funded && end ? end.vault / 100 - 1 : null;
  const hodlReturn = funded && end ? end.hodl / 100 - 1 : null;
  const [opened, closed] = [start?.sharePrice ?? 0, end?.sharePrice ?? 0];
  return {
    opening: opening / unit,
    deposits: deposits / unit,
    exits: exits / unit,
    market: market / unit,
    fees: fees / unit,
    lvr: lvr / unit,
    swapCost: swapCost / unit,
    rounding: rounding / unit,
    closing: closing / unit,
    residual: size > 0 ? Math.abs(explained - closing) / size : 0,
    gasWei: gasWei.toString(),
    gas,
    net: (fees - lvr - swapCost) / unit - (gas ?? 0),
    sharePrice: { opening: opened, closing: closed, return: opened > 0 ? closed / opened - 1 : null },
    vaultReturn,
    hodlReturn,
    againstHodl: vaultReturn === null || hodlReturn === null ? null : vaultReturn - hodlReturn,
    timeInRange: timeMean(series, ({ inRange }) => (inRange ? 1 : 0)),
    timeDeployed: timeMean(series, ({ deployed }) => (deployed > 0 ? 1 : 0)),
  };
}

/** Each point holds until the next one. */
function timeMean(points: readonly SeriesPoint[], of: (point: SeriesPoint) => number): number {
  let [sum, seconds] = [0, 0];
  for (const [index, point] of points.entries()) {
    const next = points[index + 1];
    if (next === undefined) break;
    sum += of(point) * (next.atSeconds - point.atSeconds);
    seconds += next.atSeconds - point.atSeconds;
  }
  return seconds > 0 ? sum / seconds : 0;
}

/** Proposals that were mined in the blocks of the figures. */
function confirmedIn({ proposals, states }: BuildVaultReportParameters): ProposalRecord[] {
  const [from, to] = [states[0].record.block, (states.at(-1) ?? states[0]).record.block];
  return proposals
    .filter(
      ({ status, measured }) => status === "confirmed" && measured && measured.block > from && measured.block <= to,
    )
    .sort((a, b) => (a.measured?.block ?? 0) - (b.measured?.block ?? 0));
}

function movesOf(parameters: BuildVaultReportParameters): ReportedMove[] {
  const { states, outcomes, pool } = parameters;
  const decisions = new Map(states.map(({ record }) => [record.id, record.decision]));
  const settled = new Map(outcomes.map(({ decisionId, outcome }) => [decisionId, settledOutcomes([outcome])[0]]));
  const { numeraire } = states[0].inputs.state;
  const [asset, other] = numeraire === 0 ? [pool.token0, pool.token1] : [pool.token1, pool.token0];
  const scale = 10 ** (other.decimals - asset.decimals);
  return confirmedIn(parameters).flatMap((record): ReportedMove[] => {
    const decision = decisions.get(record.decisionId);
    const { measured, proposal } = record;
    if (decision === undefined || measured === null) return [];
    const prices = proposal.ranges.flatMap(({ lowerTick, upperTick }) =>
      [lowerTick, upperTick].map((tick) => Math.exp(tickToLnPrice(tick, numeraire)) * scale),
    );
    const outcome = settled.get(record.decisionId);
    const predicted = outcome?.predicted ?? decision.candidates[decision.chosen] ?? null;
    const executed = measured.events.find(({ name }) => name === "ProposalExecuted");
    return [
      {
        atSeconds: decision.atSeconds,
        block: measured.block,
        nonce: record.nonce.toString(),
        kind: prices.length > 0 ? "move" : "stand-aside",
        lowerPrice: prices.length > 0 ? Math.min(...prices) : null,
        upperPrice: prices.length > 0 ? Math.max(...prices) : null,
        reason: decision.reason,
        predictedEdgeBps: edgeOf(decision),
        predictedNetBps: predicted === null ? null : predicted.feesBps - predicted.lvrBps,
        realisedNetBps: outcome?.netBps ?? null,
        lossBps: Number(executed?.args.lossWad ?? 0n) / 1e14,
        gasWei: (measured.gasUsed * measured.effectiveGasPrice).toString(),
        transaction: measured.transactionHash,
      },
    ];
  });
}

/** By how much the chosen candidate beats leaving everything as it is, basis points over the horizon. */
function edgeOf({ candidates, chosen }: Decision): number {
  const stay = candidates.find(({ kind }) => kind === "current") ?? candidates.find(({ kind }) => kind === "idle");
  return (candidates[chosen]?.netBps ?? 0) - (stay?.netBps ?? 0);
}

function refusalsOf(parameters: BuildVaultReportParameters, decisions: readonly Decision[]): Refusal[] {
  const grouped = new Map<string, Refusal>();
  const add = (where: Refusal["where"], reason: string, example: string) => {
    const key = `${where} ${reason}`;
    grouped.set(key, { where, reason, example, count: (grouped.get(key)?.count ?? 0) + 1 });
  };
  const ids = new Set(
    parameters.states
      .filter(({ record }) => isInside(record.decision.atSeconds, parameters))
      .map(({ record }) => record.id),
  );
  for (const { plan, reasonKey, reason } of decisions) if (plan === null) add("decision", reasonKey, reason);
  for (const { decisionId, status, detail } of parameters.proposals) {
    if ((status !== "refused" && status !== "expired") || !ids.has(decisionId)) continue;
    add(/^(on )?chain/.test(detail) ? "chain" : "preflight", status, detail);
  }
  return [...grouped.values()].sort(
    (a, b) => b.count - a.count || (`${a.where} ${a.reason}` < `${b.where} ${b.reason}` ? -1 : 1),
  );
}

function modelsOf(decisions: readonly Decision[]): VaultReport["models"] {
  const found = new Map<string, VaultReport["models"][number]>();
  for (const { models } of decisions) {
    for (const { id, version, task, sha256 } of models) {
      const key = `${task} ${id} ${version} ${sha256}`;
      found.set(key, { id, version, task, sha256, decisions: (found.get(key)?.decisions ?? 0) + 1 });
    }
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, model]) => model);
}

/** Times for which the journal has no state although one was due. */
function gapsOf({ states, everySeconds, sinceSeconds, untilSeconds }: BuildVaultReportParameters): string[] {
  const times = states.map(({ record }) => record.decision.atSeconds);
  const notes: string[] = [];
  const longest = NONE_MISSING * everySeconds;
  const [first = 0, last = 0] = [times[0], times.at(-1)];
  if (first - sinceSeconds > longest) notes.push(`nothing is known from ${iso(sinceSeconds)} to ${iso(first)}`);
  for (const [index, at] of times.entries()) {
    const before = times[index - 1];
    if (before !== undefined && at - before > longest) {
      notes.push(
        `no decision from ${iso(before)} to ${iso(at)}: ${Math.round((at - before) / everySeconds) - 1} missing`,
      );
    }
  }
  if (untilSeconds - last > longest) notes.push(`nothing is known from ${iso(last)} to ${iso(untilSeconds)}`);
  return notes;
}

const iso = (seconds: number): string => new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ");
