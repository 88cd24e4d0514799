import type { Decision } from "../types.ts";
import { openAlternatives } from "./benchmarks.ts";
import { openBooks } from "./books.ts";
import { type Dealing, execute, poolShareOf } from "./execute.ts";
import { gasMeter } from "./gas.ts";
import { countMove, refusedAfter, refusedBefore } from "./limits.ts";
import type { ArbitrageTotals, BacktestMarket } from "./market.ts";
import { orientationOf, wholeAmounts } from "./price.ts";
import type { Policy, PolicyContext, RunMove, RunPoint, RunSettings, Waterfall } from "./types.ts";
import { openVault, vaultState } from "./vault.ts";

const HOUR = 3600;
/** As realised variance is measured elsewhere: fine enough for LVR, too coarse for the lag inside the fee band. */
const MARK_SECONDS = 300;
/** Most bars that a policy sees: 28 days. */
const BARS = 28 * 24;
/** As far back as the live worker looks by default. */
const LOOKBACK_SECONDS = 1_209_600;

export interface PlayRunParameters {
  readonly market: BacktestMarket;
  readonly policy: Policy;
  readonly settings: RunSettings;
  readonly onProgress?: (done: number) => void;
}

/** A run without what other runs tell beside it. */
export interface PlayedRun {
  readonly waterfall: Waterfall;
  readonly points: readonly Omit<RunPoint, "fullRange">[];
  readonly moves: readonly RunMove[];
  readonly decisions: { readonly taken: number; readonly byReason: Readonly<Record<string, number>> };
  readonly journal: readonly Decision[];
  readonly arbitrage: ArbitrageTotals;
}

/** A dealing on its way into a block. */
interface Pending {
  readonly dealing: Dealing;
  readonly decidedAt: number;
  readonly actsAt: number;
}

/** Plays one policy through one market. Settings must have been checked. */
export async function playRun({ market, policy, settings, onProgress }: PlayRunParameters): Promise<PlayedRun> {
  const { numeraire, costs, latencyBlocks, decisionSeconds, fromSeconds, limits = null } = settings;
  const { pool } = market.description;
  const toSeconds = Math.min(settings.toSeconds, market.description.toSeconds);
  const orientation = orientationOf(pool, numeraire);
  const session = market.open({ fromSeconds, numeraire });
  const capital = BigInt(Math.round(settings.capital * orientation.assetUnit));
  const vault = openVault(capital, numeraire);
  const books = openBooks({ session, vault, orientation, feesKept: 1 - costs.feeHaircutBps / 10_000 });
  const alternatives = openAlternatives(settings.capital, session.price, pool.feePips, fromSeconds);
  const gasNow = gasMeter(costs, pool, orientation);
  const executing = {
    vault,
    session,
    numeraire,
    feePips: pool.feePips,
    mevBps: costs.mevBps,
    feeHaircutBps: costs.feeHaircutBps,
  };
  const points: Omit<RunPoint, "fullRange">[] = [];
  const moves: RunMove[] = [];
  const journal: Decision[] = [];
  const byReason: Record<string, number> = {};
  let taken = 0;
  let pending: Pending | null = null;
  const count = (reason: string) => {
    byReason[reason] = (byReason[reason] ?? 0) + 1;
  };

  function addPoint(): void {
    const { atSeconds, block, price } = session;
    points.push({
      atSeconds,
      block,
      price,
      nav: books.nav,
      ...alternatives(atSeconds, price),
      ...books.sums,
      inRange: books.inRange ? 1 : 0,
      deployed: books.deployed,
      ranges: session.positions().map(({ lowerTick, upperTick }) => ({ lowerTick, upperTick })),
    });
  }

  async function decide(): Promise<void> {
    const state = vaultState({ ...executing, capital, limits });
    const context: PolicyContext = {
      pool,
      numeraire,
      atSeconds: session.atSeconds,
      block: session.block,
      bars: session.bars(BARS),
      history: session.history(LOOKBACK_SECONDS),
      state,
      price: session.price,
      nav: books.nav,
      moveGas: costs.gasGwei === "recorded" && session.gasPriceWei === null ? 0 : gasNow(session, 1),
    };
    const { action, decision } = await policy.decide(context);
    taken++;
    if (decision !== null) journal.push(decision);
    if (action.kind === "hold") count(action.reason);
    else if (pending !== null) count("still-pending");
    else pending = { dealing: action, decidedAt: session.atSeconds, actsAt: session.actsAt(latencyBlocks) };
  }

  function act({ dealing, decidedAt }: Pending): void {
    const ranges = dealing.kind === "move" ? dealing.ranges : [];
    const guarded = dealing.kind === "move" ? limits : null;
    const early = guarded && refusedBefore(guarded, vault, session, ranges);
    if (early !== null) {
      count(`refused: ${early}`);
      return;
    }
    const nav = books.held;
    const undo = session.checkpoint();
    const before = { ...vault };
    const swap = execute(executing, dealing);
    const poolShare = poolShareOf(session);
    const gas = gasNow(session, ranges.length);
    const { price } = session;
    const whole = (zeroForOne: boolean, amount: bigint) => {
      const { asset, other } = zeroForOne
        ? wholeAmounts(Number(amount), 0, orientation)
        : wholeAmounts(0, Number(amount), orientation);
      return asset + other * price;
    };
    const mev = swap === null ? 0 : whole(!swap.zeroForOne, swap.haircut);
    const held = books.heldNow();
    const late = guarded && refusedAfter(guarded, vault, session, { loss: (nav - held) / nav, poolShare });
    if (late !== null) {
      undo();
      Object.assign(vault, before);
      count(`refused: ${late}`);
      return;
    }
    const { swapCost } = books.dealt({ mev, gas });
    countMove(limits, vault, session.atSeconds, (nav - held) / nav);
    const swapped = swap === null ? 0 : whole(swap.zeroForOne, swap.amountIn);
    const swapFee = (swapped * pool.feePips) / 1e6;
    count(dealing.reason);
    moves.push({
      decidedAt,
      actedAt: session.atSeconds,
      block: session.block,
      kind: dealing.kind,
      reason: dealing.reason,
      ranges: session.positions().map(({ lowerTick, upperTick }) => ({ lowerTick, upperTick })),
      price,
      nav: books.nav,
      swapped,
      swapFee,
      swapImpact: swapCost - swapFee,
      mev,
      gas,
      poolShare,
    });
  }

  const markSeconds = markEvery(settings, market);
  const onStep = markSeconds === 0 ? books.step : () => {};
  let nextMark = markSeconds === 0 ? toSeconds : fromSeconds;
  let nextPoint = fromSeconds;
  let nextDecision = fromSeconds;
  for (;;) {
    const due: Pending | null = pending;
    const until = Math.min(nextMark, nextPoint, nextDecision, (due as Pending | null)?.actsAt ?? toSeconds, toSeconds);
    session.advance(until, onStep);
    books.step();
    if (until >= nextMark) nextMark += markSeconds;
    if (due !== null && (due as Pending).actsAt <= until) {
      pending = null;
      act(due);
    }
    if (until >= nextPoint || until >= toSeconds) {
      addPoint();
      nextPoint += HOUR;
      onProgress?.((until - fromSeconds) / (toSeconds - fromSeconds));
    }
    if (until >= toSeconds) break;
    if (until >= nextDecision) {
      nextDecision += decisionSeconds;
      await decide();
    }
  }

  return {
    waterfall: books.waterfall(),
    points,
    moves,
    decisions: { taken, byReason },
    journal,
    arbitrage: session.arbitrage,
  };
}

/**
 * Seconds between marks: whole bars where the market has bars only. The path inside a bar is filled in and smooth: marks
 * along it would find the less LVR, the closer they are.
 */
function markEvery({ markSeconds = MARK_SECONDS }: RunSettings, { stepSeconds }: BacktestMarket): number {
  return stepSeconds === 0 || markSeconds === 0 ? markSeconds : Math.ceil(markSeconds / stepSeconds) * stepSeconds;
}
