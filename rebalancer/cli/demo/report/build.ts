import { z } from "zod";
import type { Address, Decision, Hex, Numeraire, PoolMeta } from "../../../../ml/types.ts";
import { toDecimal } from "../../../../ml/units.ts";
import { modelStrategyAbi } from "../../../../sdk/abi/modelStrategy.ts";
import type { DecisionRecord } from "../../../journal/decisions.ts";
import type { OutcomeRecord } from "../../../journal/outcomes.ts";
import type { ProposalRecord } from "../../../journal/proposals.ts";
import { type ChainLog, decode, type LedgerParties, ledgerEvents, tokenFlows } from "../../../report/chainEvents.ts";
import { walkLedger } from "../../../report/ledger.ts";
import { worthOf } from "../../../report/worth.ts";
import type { DepositorLedger, EntryRefusal } from "../depositors.ts";
import { humanPrices, type Snapshot } from "../recorder.ts";
import { conservationOf, runChecks } from "./checks.ts";
import type { ForecastSection, MarketSection, ModelSection, Move, Refusal, ReplaySection, Report } from "./report.ts";

export interface ReportParameters {
  readonly market: MarketSection;
  readonly replay: ReplaySection | null;
  readonly models: readonly ModelSection[];
  readonly pool: PoolMeta;
  readonly numeraire: Numeraire;
  readonly vault: Address;
  readonly strategy: Address;
  /** First block that the vault existed in, and the price at its end. */
  readonly opening: Snapshot;
  readonly snapshots: readonly Snapshot[];
  readonly closing: Snapshot;
  readonly benchmarkNames: readonly string[];
  readonly logs: readonly ChainLog[];
  readonly decisions: readonly DecisionRecord[];
  readonly proposals: readonly ProposalRecord[];
  readonly outcomes: readonly OutcomeRecord[];
  /** Blocks at which an evaluation was due. */
  readonly due: readonly number[];
  readonly depositors: readonly DepositorLedger[];
  readonly entryRefusals: readonly EntryRefusal[];
  readonly balances: readonly [bigint, bigint];
  /** Idle tokens by the vault's own books. */
  readonly idle: readonly [bigint, bigint];
  readonly restarts: number;
  readonly maxLossPerMoveBps: number;
}

/** Puts together what the chain, the journal and the snapshots say, and checks them against one another. */
export function buildReport(parameters: ReportParameters): Report {
  const { pool, numeraire, snapshots, opening, closing, logs } = parameters;
  const [asset, other] = numeraire === 0 ? [pool.token0, pool.token1] : [pool.token1, pool.token0];
  const prices = humanPrices({ numeraire, decimals0: pool.token0.decimals, decimals1: pool.token1.decimals });
  const parties = {
    vault: parameters.vault,
    pool: pool.address,
    token0: pool.token0.address,
    token1: pool.token1.address,
  };
  const human = (raw: number) => raw / 10 ** asset.decimals;

  const accruals = new Map([...snapshots, closing].map((snapshot) => [snapshot.block, snapshot.fees]));
  const totals = walkLedger(ledgerEvents(logs, parties, accruals), numeraire, opening.sqrtPriceX96);
  const left =
    totals.deposits - totals.exits + totals.market + totals.fees - totals.lvr - totals.swapCost + totals.rounding;
  const residual = totals.deposits > 0 ? Math.abs(left - closing.value) / totals.deposits : 0;

  const moves = movesOf(parameters, prices);
  const gas = gasInAsset(parameters, closing);
  const fees = human(totals.fees);
  const lvr = human(totals.lvr);
  const swapCost = human(totals.swapCost);
  const shares = snapshots.filter(({ supply }) => supply > 0n);
  const first = shares[0];
  const grown = growthWithoutFlows(shares, flowsByBlock(logs, parties, shares, numeraire));
  const priceOfShare = ({ value, supply }: Snapshot) => value / Number(supply);
  const index = (of: (snapshot: Snapshot) => number) =>
    shares.map((snapshot) => (first ? (100 * of(snapshot)) / of(first) : 100));
  const series = {
    at: shares.map(({ at }) => at),
    price: shares.map(({ price }) => price),
    lower: shares.map(({ lower }) => lower),
    upper: shares.map(({ upper }) => upper),
    nav: shares.map(({ value }) => human(value)),
    vault: grown,
    benchmarks: {
      "hold half and half": index(({ price }) => 0.5 + (0.5 * price) / (first?.price ?? price)),
      [`hold ${asset.symbol} only`]: index(() => 1),
      ...Object.fromEntries(
        parameters.benchmarkNames.map((name, position) => [
          name,
          index(({ benchmarks }) => benchmarks[position] ?? Number.NaN),
        ]),
      ),
    },
  };
  const lastOf = (values: readonly number[]) => (values.at(-1) ?? 100) / 100 - 1;

  const tokens = ([0, 1] as const).map((side) => booksOf(parameters, parties, side));
  const report = {
    version: 1 as const,
    market: parameters.market,
    replay: parameters.replay,
    models: parameters.models,
    asset: { symbol: asset.symbol, decimals: asset.decimals },
    other: { symbol: other.symbol, decimals: other.decimals },
    series,
    decisions: decisionsOf(parameters.decisions),
    forecasts: forecastsOf(parameters.outcomes),
    moves,
    refusals: refusalsOf(parameters),
    result: {
      deposits: human(totals.deposits),
      exits: human(totals.exits),
      market: human(totals.market),
      fees,
      lvr,
      swapCost,
      rounding: human(totals.rounding),
      end: human(closing.value),
      residual,
      gas,
      net: fees - lvr - swapCost - gas,
      vaultReturn: lastOf(series.vault),
      sharePriceReturn: lastOf(index(priceOfShare)),
      benchmarks: Object.entries(series.benchmarks).map(([name, values]) => ({ name, return: lastOf(values) })),
      timeInRange: meanOverTime(shares, ({ inRange }) => (inRange ? 1 : 0)),
      timeDeployed: meanOverTime(shares, ({ deployedShare }) => (deployedShare > 0 ? 1 : 0)),
      feesCollected: { token0: totals.fees0.toString(), token1: totals.fees1.toString() },
    },
    depositors: parameters.depositors.map((ledger) => {
      const [paidOutAsset, paidOutOther] =
        numeraire === 0 ? [ledger.paidOut0, ledger.paidOut1] : [ledger.paidOut1, ledger.paidOut0];
      return {
        name: ledger.name,
        paidIn: toDecimal(ledger.paidIn, asset.decimals),
        paidOutAsset: toDecimal(paidOutAsset, asset.decimals),
        paidOutOther: toDecimal(paidOutOther, other.decimals),
        paidOutValue: human(ledger.paidOutValue),
        story: ledger.story,
      };
    }),
    conservation: tokens.map(conservationOf),
  };
  const checks = runChecks({
    tokens,
    residual,
    depositors: report.depositors,
    sharesLeft: closing.supply,
    due: parameters.due,
    decided: new Set(parameters.decisions.map(({ decision }) => decision.block)),
    executed: executedOf(parameters),
    confirmed: parameters.proposals.filter(({ status }) => status === "confirmed").map(({ digest }) => digest),
    open: parameters.proposals.filter(({ status }) => !["confirmed", "refused", "expired"].includes(status)).length,
    worstLossBps: moves.reduce((most, move) => Math.max(most, move.measuredLossBps), 0),
    maxLossPerMoveBps: parameters.maxLossPerMoveBps,
    replay: parameters.replay,
    restarts: parameters.restarts,
  });
  return { ...report, checks };
}

/** Digests of the proposals that the strategy says it executed, in chain order. */
function executedOf({ logs, strategy }: ReportParameters): Hex[] {
  return logs
    .filter(({ address }) => address.toLowerCase() === strategy.toLowerCase())
    .flatMap((log) => {
      const event = decode(modelStrategyAbi, log);
      return event?.eventName === "ProposalExecuted" ? [event.args.proposalDigest] : [];
    });
}

/** What transfers, the vault and the depositors' receipts each say about one token. */
function booksOf(
  { pool, logs, numeraire, depositors, balances, idle }: ReportParameters,
  parties: LedgerParties,
  side: 0 | 1,
) {
  const token = side === 0 ? pool.token0 : pool.token1;
  const sum = (of: (ledger: DepositorLedger) => bigint) => depositors.reduce((total, ledger) => total + of(ledger), 0n);
  return {
    symbol: token.symbol,
    ...tokenFlows(logs, parties, token.address),
    balance: balances[side],
    idle: idle[side],
    receiptsIn: side === numeraire ? sum(({ paidIn }) => paidIn) : 0n,
    receiptsOut: sum(({ paidOut0, paidOut1 }) => (side === 0 ? paidOut0 : paidOut1)),
  };
}

function movesOf(parameters: ReportParameters, prices: ReturnType<typeof humanPrices>): Move[] {
  const decisions = new Map(parameters.decisions.map((record) => [record.id, record.decision]));
  const at = new Map([...parameters.snapshots, parameters.closing].map((snapshot) => [snapshot.block, snapshot]));
  return parameters.proposals
    .filter(({ status }) => status === "confirmed")
    .flatMap((record): Move[] => {
      const decision = decisions.get(record.decisionId);
      const { measured } = record;
      if (!decision || !measured) return [];
      const snapshot = at.get(measured.block);
      const ticks = record.proposal.ranges.flatMap(({ lowerTick, upperTick }) => [
        prices.ofTick(lowerTick),
        prices.ofTick(upperTick),
      ]);
      const executed = measured.events.find(({ name }) => name === "ProposalExecuted");
      return [
        {
          at: snapshot?.at ?? decision.atSeconds,
          block: measured.block,
          nonce: Number(record.nonce),
          kind: ticks.length > 0 ? "move" : "stand-aside",
          price: snapshot?.price ?? Number.NaN,
          lower: ticks.length > 0 ? Math.min(...ticks) : null,
          upper: ticks.length > 0 ? Math.max(...ticks) : null,
          reason: decision.reason,
          predictedEdgeBps: edgeOf(decision),
          measuredLossBps: Number(executed?.args.lossWad ?? 0n) / 1e14,
          gasUsed: Number(measured.gasUsed),
          transaction: measured.transactionHash,
          events: measured.events.map(describeEvent),
        },
      ];
    })
    .sort((a, b) => a.block - b.block);
}

/** By how much the chosen candidate beats leaving everything as it is, basis points over the horizon. */
function edgeOf({ candidates, chosen }: Decision): number {
  const stay = candidates.find(({ kind }) => kind === "current") ?? candidates.find(({ kind }) => kind === "idle");
  return (candidates[chosen]?.netBps ?? 0) - (stay?.netBps ?? 0);
}

/** Value at spot of what people put in minus what they took out, by block. */
function flowsByBlock(
  logs: readonly ChainLog[],
  parties: LedgerParties,
  snapshots: readonly Snapshot[],
  numeraire: Numeraire,
): Map<number, number> {
  const flows = new Map<number, number>();
  for (const { block, sqrtPriceX96 } of snapshots) {
    const inBlock = logs.filter((log) => log.block === block);
    if (inBlock.length === 0) continue;
    const of = (token: Address) => {
      const { peopleIn, peopleOut } = tokenFlows(inBlock, parties, token);
      return Number(peopleIn - peopleOut);
    };
    const flow = worthOf(of(parties.token0), of(parties.token1), sqrtPriceX96, numeraire);
    if (flow !== 0) flows.set(block, flow);
  }
  return flows;
}

/**
 * The vault's time-weighted return, 100 at the start: flows count at face value, so that what later depositors paid as
 * entry margin is not taken for skill.
 */
function growthWithoutFlows(snapshots: readonly Snapshot[], flows: ReadonlyMap<number, number>): number[] {
  const grown: number[] = [];
  for (const [index, snapshot] of snapshots.entries()) {
    const before = snapshots[index - 1];
    const level = grown.at(-1) ?? 100;
    const kept = snapshot.value - (flows.get(snapshot.block) ?? 0);
    grown.push(before && before.value > 0 ? level * (kept / before.value) : 100);
  }
  return grown;
}

const describeEvent = ({ name, args }: { name: string; args: Record<string, unknown> }) =>
  `${name}(${Object.entries(args)
    .map(
      ([key, value]) =>
        `${key}: ${typeof value === "object" ? JSON.stringify(value, (_, v) => (typeof v === "bigint" ? v.toString() : v)) : String(value)}`,
    )
    .join(", ")})`;

/** Gas of all moves in asset units, through the price of the native token where it is one of the pair; else 0. */
function gasInAsset({ proposals, pool, numeraire }: ReportParameters, closing: Snapshot): number {
  const [asset, other] = numeraire === 0 ? [pool.token0, pool.token1] : [pool.token1, pool.token0];
  const paid = proposals.reduce(
    (sum, { measured }) => sum + (measured ? measured.gasUsed * measured.effectiveGasPrice : 0n),
    0n,
  );
  const native = toDecimal(paid, 18);
  if (asset.symbol === "WETH") return native;
  return other.symbol === "WETH" ? native * closing.price : 0;
}

function decisionsOf(records: readonly DecisionRecord[]) {
  const byReason: Record<string, number> = {};
  for (const { decision } of records) byReason[decision.reasonKey] = (byReason[decision.reasonKey] ?? 0) + 1;
  const of = (action: string) => records.filter(({ decision }) => decision.action === action).length;
  return { total: records.length, move: of("move"), hold: of("hold"), standAside: of("stand-aside"), byReason };
}

const outcomeSchema = z.object({
  feesBps: z.number(),
  lvrBps: z.number(),
  predicted: z.object({ feesBps: z.number(), lvrBps: z.number() }),
});

/** Forecasts for ranges that were held or chosen; standing aside forecasts nothing. */
function forecastsOf(outcomes: readonly OutcomeRecord[]): ForecastSection {
  const settled = outcomes.flatMap(({ outcome }) => {
    const parsed = outcomeSchema.safeParse(outcome);
    return parsed.success && parsed.data.predicted.feesBps > 0 ? [parsed.data] : [];
  });
  const mean = (of: (one: z.output<typeof outcomeSchema>) => number) =>
    settled.length === 0 ? 0 : settled.reduce((sum, one) => sum + of(one), 0) / settled.length;
  return {
    settled: settled.length,
    fees: { predicted: mean((one) => one.predicted.feesBps), realised: mean((one) => one.feesBps) },
    lvr: { predicted: mean((one) => one.predicted.lvrBps), realised: mean((one) => one.lvrBps) },
  };
}

function refusalsOf({ decisions, proposals, entryRefusals }: ReportParameters): Refusal[] {
  const grouped = new Map<string, Refusal & { count: number }>();
  const add = (where: Refusal["where"], reason: string, example: string) => {
    const key = `${where} ${reason}`;
    const known = grouped.get(key);
    grouped.set(key, { where, reason, example, count: (known?.count ?? 0) + 1 });
  };
  for (const { decision } of decisions) if (!decision.plan) add("decision", decision.reasonKey, decision.reason);
  for (const { status, detail } of proposals)
    if (status === "refused" || status === "expired")
      add(detail.startsWith("chain") ? "chain" : "preflight", status, detail);
  for (const { name, reason } of entryRefusals) add("entry", "refused", `${name}, ${reason}`);
  return [...grouped.values()].sort((a, b) => b.count - a.count);
}

/** Time-weighted mean over snapshots that are in order. */
function meanOverTime(snapshots: readonly Snapshot[], of: (snapshot: Snapshot) => number): number {
  let sum = 0;
  let time = 0;
  for (const [index, snapshot] of snapshots.entries()) {
    const next = snapshots[index + 1];
    if (!next) break;
    sum += of(snapshot) * (next.at - snapshot.at);
    time += next.at - snapshot.at;
  }
  return time > 0 ? sum / time : 0;
}
