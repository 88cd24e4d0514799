import { countedSpreadWad } from "../../ml/ranges/confidence.ts";
import type { Bounds } from "../../ml/types.ts";
import type { RebalanceProposal } from "../../sdk/proposal.ts";

const WAD = 10n ** 18n;

export interface PreflightParameters {
  readonly proposal: RebalanceProposal;
  readonly bounds: Bounds;
  readonly state: {
    readonly nextNonce: bigint;
    readonly calm: boolean;
    readonly paused: boolean;
    readonly rebalanceHeld: boolean;
    readonly lastMoveAt: number;
    readonly movesToday: number;
    readonly referenceTick: number;
  };
  /** Unix seconds of the newest block. */
  readonly nowSeconds: number;
}

/**
 * The strategy's bounds that need no simulation, checked before gas is spent: the first broken one as "rule: found,
 * wanted", or null. De-risking (no ranges, no swap) is held to nonce and deadline only, as on chain.
 */
export function preflight({ proposal, bounds, state, nowSeconds }: PreflightParameters): string | null {
  if (proposal.nonce !== state.nextNonce) return `nonce: ${proposal.nonce}, wanted ${state.nextNonce}`;
  if (proposal.deadline < BigInt(nowSeconds)) return `deadline: ${proposal.deadline} is before now, ${nowSeconds}`;
  const toIdle = proposal.ranges.length === 0 && proposal.swap.amountIn === 0n;
  if (toIdle) return null;
  if (!state.calm) return "calm: the reference prices disagree, wanted agreement within the band";
  if (state.rebalanceHeld) return "rebalancing held: true, wanted false (the curator lifts it)";
  if (state.paused) return "paused: true, wanted false";
  const sinceMove = nowSeconds - state.lastMoveAt;
  if (state.lastMoveAt > 0 && sinceMove < bounds.cooldownSeconds) {
    return `cooldown: ${sinceMove} s since the last move, wanted ${bounds.cooldownSeconds}`;
  }
  if (state.movesToday >= bounds.maxMovesPerDay) {
    return `moves today: ${state.movesToday}, wanted fewer than ${bounds.maxMovesPerDay}`;
  }
  const spreadWad = countedSpreadWad(bounds, proposal.declaredSpreadWad);
  if (spreadWad > bounds.spreadCeilingWad && proposal.ranges.length > 0) {
    return `spread: ${spreadWad}, wanted at most ${bounds.spreadCeilingWad}`;
  }
  const floor = Math.max(
    bounds.minWidthTicks,
    bounds.widthFloorBaseTicks + Number((BigInt(bounds.widthFloorPerSpreadTicks) * spreadWad) / WAD),
  );
  let weights = 0n;
  for (const { lowerTick, upperTick, weightWad } of proposal.ranges) {
    const width = upperTick - lowerTick;
    const name = `range ${lowerTick}..${upperTick}`;
    if (width < floor) return `${name} width: ${width} ticks, wanted at least ${floor}`;
    if (width > bounds.maxWidthTicks) return `${name} width: ${width} ticks, wanted at most ${bounds.maxWidthTicks}`;
    const distance = Math.abs((lowerTick + upperTick) / 2 - state.referenceTick);
    if (distance > bounds.maxCentreDistanceTicks) {
      return `${name} centre: ${distance} ticks from the reference, wanted at most ${bounds.maxCentreDistanceTicks}`;
    }
    weights += weightWad;
  }
  const deployable = deployableShareWad(bounds, spreadWad);
  if (weights > deployable) return `weights: ${weights} in all, wanted at most ${deployable}`;
  if (proposal.declaredGain * WAD < proposal.declaredCost * bounds.gainMarginWad) {
    return `declared gain: ${proposal.declaredGain}, wanted at least cost ${proposal.declaredCost} x margin ${bounds.gainMarginWad}`;
  }
  return null;
}

/** Largest sum of weights at a spread: everything up to the full-share spread, then falling to the ceiling. */
function deployableShareWad(bounds: Bounds, spreadWad: bigint): bigint {
  if (spreadWad <= bounds.fullShareSpreadWad) return WAD;
  if (spreadWad > bounds.spreadCeilingWad) return 0n;
  const span = bounds.spreadCeilingWad - bounds.fullShareSpreadWad;
  return WAD - ((WAD - bounds.minShareWad) * (spreadWad - bounds.fullShareSpreadWad)) / span;
}
