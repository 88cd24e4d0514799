import { z } from "zod";
import type { Address } from "../../ml/types.ts";
import type { Config } from "../config.ts";
import { FEED_START, type Feed } from "../journal/feed.ts";
import type { Journal } from "../journal.ts";
import type { VaultFacts } from "./facts.ts";
import type { Metrics } from "./metrics.ts";

const CHUNK_ROWS = 2_000;
const DAY_SECONDS = 86_400;
const HOUR_SECONDS = 3_600;
/** Transactions that are remembered, so that one mined again after a reorganisation counts once. */
const REMEMBERED = 10_000;
const TALLY = "metrics@2";

const count = z.number().nonnegative();
const totalsSchema = z.object({
  cursor: z.object({ decisions: count, steps: count, measured: count, spent: count, outcomes: count }),
  /** By "action reason". */
  decisions: z.record(z.string(), count),
  rebalances: z.record(z.string(), count),
  /** By token, whole tokens. */
  fees: z.record(z.string(), count),
  gasWei: count,
  /** By hour since the epoch. */
  gasByHour: z.record(z.string(), count),
  /** What of each vault only its past tells. */
  vaults: z.record(
    z.string(),
    z.object({
      failedSimulations: count,
      lastFailure: z.string().optional(),
      outOfDomain: count,
      forecastErrorsBps: z.array(z.number()),
      realisedNetBps: z.number().optional(),
      nav: z.number().optional(),
      sharePrice: z.number().optional(),
      assetDecimals: z.number().optional(),
    }),
  ),
});
type Totals = z.output<typeof totalsSchema>;

/** Keeps the counters and facts that follow from the journal up with it. */
export interface Tallies {
  /** Reads what was written since the last time, a chunk at a time so that nothing else waits long. */
  follow(): Promise<void>;
  /** Writes the totals down, so that the next start need not read the whole journal again. */
  save(): void;
  /** False while a journal is read for the first time, from its beginning. */
  resumed(): boolean;
}

export interface OpenTalliesParameters {
  readonly journal: Pick<Journal, "since" | "tally" | "saveTally" | "highestSharePrices" | "proposals" | "deadLetters">;
  readonly metrics: Metrics;
  readonly config: Pick<Config, "trips">;
  /** Told of each new piece, for what else follows from the journal. */
  readonly onFeed?: (feed: Feed) => void;
}

/** Counters that outlive a restart: totals saved in the journal beside how far they go, and the rows after that. */
export function openTallies(parameters: OpenTalliesParameters): Tallies {
  const { journal, metrics, config, onFeed } = parameters;
  const { instruments, facts } = metrics;
  const saved = totalsSchema.safeParse(journal.tally(TALLY));
  const totals: Totals = saved.success
    ? saved.data
    : { cursor: FEED_START, decisions: {}, rebalances: {}, fees: {}, gasWei: 0, gasByHour: {}, vaults: {} };
  const [isKnownNonce, isKnownMove] = [memory(REMEMBERED), memory(REMEMBERED)];
  /** Blocks that sent and not yet ended moves were decided at, by vault and digest. */
  const sent = new Map<Address, Map<string, number>>();
  for (const { vault, digest, block } of journal.proposals({ status: ["sent"] })) isSent(vault, digest, block);
  let changed = false;
  let resumed = saved.success;

  const decided = (key: string, by: number) => {
    const [action = "", reason = ""] = key.split(" ");
    instruments.decisions.inc({ action, reason }, by);
    if (reason === "out-of-domain") instruments.outOfDomain.inc(by);
  };
  for (const [key, by] of Object.entries(totals.decisions)) decided(key, by);
  for (const [status, by] of Object.entries(totals.rebalances)) instruments.rebalances.inc({ status }, by);
  for (const [token, by] of Object.entries(totals.fees)) instruments.fees.inc({ token }, by);
  instruments.gasSpent.inc(totals.gasWei);
  for (const [hour, wei] of Object.entries(totals.gasByHour)) facts.gasByHour.set(Number(hour), wei);
  for (const [vault, past] of Object.entries(totals.vaults)) {
    const known = facts.vaults.get(vault as Address);
    if (known) Object.assign(known, past);
  }
  for (const { vault, hour, highest } of journal.highestSharePrices(DAY_SECONDS)) {
    const known = facts.vaults.get(vault);
    if (known) raiseHighest(known, hour * HOUR_SECONDS, highest);
  }

  function isSent(vault: Address, digest: string, block: number): void {
    const ofVault = sent.get(vault);
    if (ofVault) ofVault.set(digest, block);
    else sent.set(vault, new Map([[digest, block]]));
  }

  function take(feed: Feed): void {
    for (const { vault, action, reasonKey, nav, sharePrice, atSeconds } of feed.decisions) {
      const key = `${action} ${reasonKey}`;
      totals.decisions[key] = (totals.decisions[key] ?? 0) + 1;
      decided(key, 1);
      const known = facts.vaults.get(vault);
      if (!known) continue;
      known.action = action;
      known.reasonKey = reasonKey;
      known.nav = Number(nav);
      known.sharePrice = Number(sharePrice);
      known.outOfDomain = reasonKey === "out-of-domain" ? known.outOfDomain + 1 : 0;
      raiseHighest(known, atSeconds, Number(sharePrice));
    }
    for (const { vault, digest, block, status, detail } of feed.steps) {
      totals.rebalances[status] = (totals.rebalances[status] ?? 0) + 1;
      instruments.rebalances.inc({ status });
      if (isRefusedByChain({ status, detail })) instruments.refusedByChain.inc();
      if (status === "sent") isSent(vault, digest, block);
      else sent.get(vault)?.delete(digest);
      const known = facts.vaults.get(vault);
      if (!known) continue;
      if (status === "refused" && detail.startsWith("simulation ")) {
        known.failedSimulations += 1;
        known.lastFailure = detail;
      } else if (status === "simulated" || status === "confirmed") known.failedSimulations = 0;
    }
    for (const { sender, nonce, atSeconds, gasUsed, effectiveGasPrice } of feed.spent) {
      // Mined once more after a reorganisation: the chain charges for a nonce once.
      if (isKnownNonce(`${sender} ${nonce}`)) continue;
      const wei = Number(gasUsed * effectiveGasPrice);
      totals.gasWei += wei;
      instruments.gasSpent.inc(wei);
      const hour = Math.floor(atSeconds / HOUR_SECONDS);
      facts.gasByHour.set(hour, (facts.gasByHour.get(hour) ?? 0) + wei);
    }
    for (const { pool, digest, measured } of feed.measured) {
      // The same move, mined once more: its fees were collected once.
      if (isKnownMove(digest)) continue;
      const where = facts.pools.get(pool);
      for (const { name, args } of measured.events) {
        if (name !== "Rebalanced" || !where) continue;
        const { fees0, fees1 } = args.report as { fees0?: bigint; fees1?: bigint };
        [fees0, fees1].forEach((fees, side) => {
          const token = where.tokens[side as 0 | 1];
          const whole = Number(fees ?? 0) / 10 ** where.decimals[side as 0 | 1];
          totals.fees[token] = (totals.fees[token] ?? 0) + whole;
          instruments.fees.inc({ token }, whole);
        });
      }
    }
    for (const { vault, outcome } of feed.outcomes) {
      const known = facts.vaults.get(vault);
      if (known) settled(known, outcome, config.trips.driftOutcomes);
    }
    totals.cursor = feed.cursor;
    changed ||=
      feed.decisions.length + feed.steps.length + feed.measured.length + feed.spent.length + feed.outcomes.length > 0;
    onFeed?.(feed);
  }

  return {
    async follow() {
      for (;;) {
        const feed = journal.since(totals.cursor, CHUNK_ROWS);
        take(feed);
        if (!feed.more) {
          resumed = true;
          break;
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
      for (const [vault, blocks] of sent) {
        const known = facts.vaults.get(vault);
        const first = Math.min(...blocks.values());
        if (known) known.pendingBlocks = blocks.size > 0 && facts.head ? facts.head.number - first : undefined;
      }
      const waiting = new Map<string, number>();
      for (const { queue } of journal.deadLetters()) waiting.set(queue, (waiting.get(queue) ?? 0) + 1);
      facts.deadLetters = waiting;
      const oldest = ((facts.head?.timestamp ?? 0) - DAY_SECONDS) / HOUR_SECONDS;
      for (const byHour of [facts.gasByHour, ...[...facts.vaults.values()].map(({ highestByHour }) => highestByHour)]) {
        for (const hour of byHour.keys()) if (hour < oldest) byHour.delete(hour);
      }
    },
    resumed: () => resumed,
    save() {
      if (!changed) return;
      changed = false;
      const vaults = [...facts.vaults].map(([vault, known]) => {
        const { failedSimulations, lastFailure, outOfDomain, forecastErrorsBps } = known;
        const { realisedNetBps, nav, sharePrice, assetDecimals } = known;
        const streaks = { failedSimulations, lastFailure, outOfDomain, forecastErrorsBps };
        return [vault, { ...streaks, realisedNetBps, nav, sharePrice, assetDecimals }] as const;
      });
      const gasByHour = Object.fromEntries(facts.gasByHour);
      journal.saveTally(TALLY, { ...totals, gasByHour, vaults: Object.fromEntries(vaults) });
    },
  };
}

/** Whether a step says that the chain itself said no. */
export const isRefusedByChain = ({ status, detail }: Pick<Feed["steps"][number], "status" | "detail">): boolean =>
  status === "refused" && detail.startsWith("on chain ");

function raiseHighest({ highestByHour }: VaultFacts, atSeconds: number, price: number): void {
  const hour = Math.floor(atSeconds / HOUR_SECONDS);
  highestByHour.set(hour, Math.max(highestByHour.get(hour) ?? 0, price));
}

/** Takes in what became of a decision, where it had chosen a range. */
function settled(vault: VaultFacts, outcome: unknown, remembered: number): void {
  const { netBps, predicted } = outcome as {
    netBps?: unknown;
    predicted?: { feesBps: number; lvrBps: number } | null;
  };
  if (typeof netBps !== "number") return;
  vault.realisedNetBps = netBps;
  if (!predicted || predicted.feesBps === 0) return;
  vault.forecastErrorsBps.push(Math.round(10 * (netBps - (predicted.feesBps - predicted.lvrBps))) / 10);
  if (vault.forecastErrorsBps.length > remembered) vault.forecastErrorsBps.shift();
}

/** Says of each key whether it came before, of so many. */
function memory(most: number): (key: string) => boolean {
  const keys = new Set<string>();
  return (key) => {
    if (keys.has(key)) return true;
    keys.add(key);
    if (keys.size > most) keys.delete(keys.values().next().value as string);
    return false;
  };
}
