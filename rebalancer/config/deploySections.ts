import { z } from "zod";
import {
  address,
  amount,
  digest,
  movesPerDay,
  positiveSeconds,
  positiveTicks,
  ratioBps,
  seconds,
  text,
  ticks,
  wideBps,
} from "./fields.ts";

/** What a deploy script sets on chain; the worker reads the bounds back from the chain and ignores these. */
export const oracleSection = z.strictObject({
  longWindowSeconds: positiveSeconds.describe("Length of the mean price against which spot is held").optional(),
  bandTicks: positiveTicks.describe("How far spot, pre-block tick, mean and feed may differ").optional(),
  maxObservationAgeSeconds: positiveSeconds.describe("A pool that nobody traded for so long prices nothing").optional(),
  feed: address.describe("AggregatorV3 price feed; the zero address = none").optional(),
  blockIntervalSeconds: positiveSeconds
    .describe("With the window: how many observations the pool must keep")
    .optional(),
  feedMaxAgeSeconds: positiveSeconds.describe("An older answer of the feed is not believed").optional(),
  feedDeviationBps: ratioBps
    .describe("How far the feed may be from the market before it answers anew; entries pay at least that")
    .optional(),
  feedInverted: z.boolean().describe("True: the feed gives token1 in units of token0").optional(),
  sequencerFeed: address.describe("Uptime feed of a rollup's sequencer; the zero address = none").optional(),
  sequencerGraceSeconds: positiveSeconds.describe("How long after its restart nothing is priced").optional(),
});

export const limitsSection = z.strictObject({
  entryMarginBps: ratioBps.describe("What an entry pays above the high price; at least the pool's fee").optional(),
  inflowCapBps: z.int().min(0).max(65_535).describe("Most deposits per window, of NAV").optional(),
  inflowWindowSeconds: positiveSeconds.describe("The window of inflowCapBps").optional(),
  maxLossPerMoveBps: ratioBps.describe("Most that one move may lose, at the worse reference price").optional(),
  lossBudgetBps: ratioBps.describe("Size of the leaky bucket that all moves' losses must fit").optional(),
  lossBudgetRefillSeconds: positiveSeconds.describe("Time in which the bucket refills").optional(),
  minWidthTicks: positiveTicks.describe("Least width of a range, enforced by the vault").optional(),
  maxWidthTicks: positiveTicks.describe("Greatest width of a range, enforced by the vault").optional(),
  cooldownSeconds: seconds.describe("Least time between two moves, enforced by the vault").optional(),
  maxMovesPerDay: movesPerDay.describe("Most moves in a day, enforced by the vault").optional(),
  maxPoolShareBps: ratioBps.describe("Most of the pool's liquidity in range that may be ours").optional(),
  drawdownBps: ratioBps.describe("Fall against holding the tokens that stops further moves").optional(),
  managementFeeBps: ratioBps.describe("Management fee a year").optional(),
  performanceFeeBps: ratioBps
    .describe("Performance fee, on what was earned above holding and the high-water mark")
    .optional(),
  reservedBudgetBps: ratioBps.describe("A second bucket, only for moves that make ranges wider").optional(),
  noticeSeconds: seconds.describe("Time before a setting that raises risk is in force").optional(),
  depositCap: amount.describe("Most assets in the vault, in token units").optional(),
});

export const strategySection = z.strictObject({
  minWidthTicks: positiveTicks.describe("Least width that a proposal may have").optional(),
  maxWidthTicks: positiveTicks.describe("Greatest width that a proposal may have").optional(),
  maxCentreDistanceTicks: ticks.describe("How far a range's centre may be from the reference").optional(),
  cooldownSeconds: seconds.describe("Least time between two moves").optional(),
  maxMovesPerDay: movesPerDay.describe("Most moves in a day").optional(),
  gainMarginBps: wideBps.describe("Declared gain must be at least declared cost times this; 10000 = 1x").optional(),
  maxSwapShareBps: ratioBps.describe("Most of NAV that one move may swap").optional(),
  widthFloorBaseTicks: ticks.describe("Width floor at no uncertainty").optional(),
  widthFloorPerSpreadTicks: ticks.describe("Added to the floor per 100 % of spread").optional(),
  fullShareSpreadBps: wideBps.describe("Up to this spread everything may be deployed").optional(),
  minShareBps: ratioBps.describe("Share that may be deployed at the spread ceiling").optional(),
  spreadCeilingBps: wideBps.describe("Above this spread only de-risking is accepted").optional(),
  volatilityWindowSeconds: seconds.describe("The pool's own volatility over this time counts too; 0 = not").optional(),
  maxSilenceSeconds: seconds
    .describe("A model silent for so long may be sent to idle by anybody; 0 = never")
    .optional(),
});

/** A rule that anybody may carry out; deploy/AddStrategy.s.sol reads it. */
export const fixedWidthSection = z.strictObject({
  halfWidthTicks: positiveTicks.describe("Half of the range's width"),
  triggerTicks: positiveTicks.describe("How far from the centre the price must be before it moves"),
  refreshSeconds: seconds.describe("Least time between two moves"),
  shareBps: ratioBps.describe("Share of NAV that is deployed"),
  maxCostBps: ratioBps.describe("Most that a move may cost"),
});

export const modelPackage = z.strictObject({
  id: text.describe("Name of the package"),
  sha256: digest.describe("sha256 of its ONNX file"),
  manifestHash: digest.describe("keccak256 of its manifest").optional(),
});
