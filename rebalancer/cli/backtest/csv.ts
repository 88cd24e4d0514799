import { bandOf } from "../../../ml/backtest/report.ts";
import type { BacktestReport } from "../../../ml/backtest/reportSchema.ts";
import type { RunResult } from "../../../ml/backtest/types.ts";

/** One field: quoted when it holds what would end it. */
const field = (value: string | number | null): string => {
  if (value === null || (typeof value === "number" && !Number.isFinite(value))) return "";
  const text = String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

const file = (head: readonly string[], rows: Iterable<readonly (string | number | null)[]>): string =>
  `${[head, ...rows].map((row) => row.map(field).join(",")).join("\n")}\n`;

/** Name → text of every CSV of a report: trades.csv, equity.csv, decisions.csv and sweep.csv. */
export const csvFiles = (
  results: readonly RunResult[],
  report: Pick<BacktestReport, "sweep">,
): Readonly<Record<string, string>> => ({
  "trades.csv": tradesCsv(results),
  "equity.csv": equityCsv(results),
  "decisions.csv": decisionsCsv(results),
  "sweep.csv": sweepCsv(report),
});

/** Every move of every policy, one row for each range that it opened (one for a move to idle). */
function tradesCsv(results: readonly RunResult[]): string {
  const head = [
    ...["policy", "decided_at", "acted_at", "block", "kind", "reason", "lower_tick", "upper_tick"],
    ...["lower_price", "upper_price", "price", "nav", "swapped", "swap_fee", "swap_impact", "mev", "gas", "pool_share"],
  ];
  const rows = results.flatMap(({ policy, moves, market, settings }) =>
    moves.flatMap((move) =>
      (move.ranges.length > 0 ? move.ranges : [null]).map((range, index) => {
        const band = range && bandOf(range, market.pool, settings.numeraire);
        // Costs are of the whole move: on its first row only, so that a column can be summed.
        const once = (value: number) => (index === 0 ? value : 0);
        return [
          ...[policy.id, move.decidedAt, move.actedAt, move.block, move.kind, move.reason],
          ...[range?.lowerTick ?? null, range?.upperTick ?? null, band?.lower ?? null, band?.upper ?? null],
          ...[move.price, move.nav, once(move.swapped), once(move.swapFee), once(move.swapImpact)],
          ...[once(move.mev), once(move.gas), move.poolShare],
        ];
      }),
    ),
  );
  return file(head, rows);
}

/** Every point of every policy. */
function equityCsv(results: readonly RunResult[]): string {
  const head = [
    ...["policy", "at", "block", "price", "nav", "hodl", "fifty_fifty", "asset_only", "full_range"],
    ...["fees", "lvr", "swap_cost", "mev", "gas", "exposure", "in_range", "deployed"],
  ];
  const rows = results.flatMap(({ policy, points }) =>
    points.map((p) => [
      ...[policy.id, p.atSeconds, p.block, p.price, p.nav, p.hodl, p.fiftyFifty, p.assetOnly, p.fullRange],
      ...[p.fees, p.lvr, p.swapCost, p.mev, p.gas, p.exposure, p.inRange, p.deployed],
    ]),
  );
  return file(head, rows);
}

/** Every decision of the model policies; rules keep none. */
function decisionsCsv(results: readonly RunResult[]): string {
  const head = [
    ...["policy", "at", "block", "action", "reason_key", "reason", "lower_tick", "upper_tick", "share"],
    ...["fees_bps", "lvr_bps", "il_bps", "cost_bps", "tail_bps", "deviation_bps"],
    ...["breach", "net_bps", "wait_bps", "volatility_mean", "inputs_digest"],
  ];
  const rows = results.flatMap(({ policy, journal }) =>
    journal.map((decision) => {
      const chosen = decision.candidates[decision.chosen];
      return [
        ...[policy.id, decision.atSeconds, decision.block, decision.action, decision.reasonKey, decision.reason],
        ...[chosen?.range?.lowerTick ?? null, chosen?.range?.upperTick ?? null, chosen?.share ?? null],
        ...[chosen?.feesBps ?? null, chosen?.lvrBps ?? null, chosen?.ilBps ?? null, chosen?.costBps ?? null],
        ...[chosen?.tailBps ?? null, chosen?.deviationBps ?? null, chosen?.breach ?? null],
        ...[chosen?.netBps ?? null, chosen?.waitBps ?? null, decision.volatility?.mean ?? null, decision.inputsDigest],
      ];
    }),
  );
  return file(head, rows);
}

/** Every cell of the sweep; fractions of capital. */
function sweepCsv({ sweep }: Pick<BacktestReport, "sweep">): string {
  const head = [
    ...["policy", "capital", "latency_blocks", "gas_scale", "fee_haircut_bps", "mev_bps", "seed", "headline", "net"],
  ];
  const rows = sweep.map((one) => [
    ...[one.policy, one.capital, one.latencyBlocks, one.gasScale, one.feeHaircutBps, one.mevBps, one.seed],
    ...[one.headline, one.net],
  ]);
  return file(head, rows);
}
