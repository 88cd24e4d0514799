import type { Address } from "../../ml/types.ts";
import type { Config, VaultConfig } from "../config.ts";
import type { Feed } from "../journal/feed.ts";
import type { OutcomeRecord } from "../journal/outcomes.ts";
import type { Measured, ProposalRecord } from "../journal/proposals.ts";
import type { Journal } from "../journal.ts";

const DAY_SECONDS = 86_400;
const CHUNK_ROWS = 1_000;

/** What trips are read from, kept in memory: a block costs the same few queries however many vaults there are. */
export interface TripCounts {
  /** Takes in what the journal has learnt since the last time. */
  follow(): void;
  /** How the newest proposals of a vault failed in simulation, where as many as the limit did; else null. */
  failedSimulations(vault: Address): string | null;
  /** Decisions of a vault in a row, up to the newest, that were outside of what the models know. */
  outOfDomain(vault: Address): number;
  /** Realised less predicted net of the vault's newest settled choices of a range, basis points, oldest first. */
  forecastErrorsBps(vault: Address): readonly number[];
  /** What the vault's moves lost that were decided at or after a time; 1e18 = everything. */
  lossWad(vault: Address, sinceSeconds: number): bigint;
}

export interface OpenTripCountsParameters {
  readonly journal: Pick<Journal, "feedEnd" | "since" | "measuredSince" | "proposals" | "outcomes" | "reasonKeys">;
  readonly trips: Config["trips"];
  readonly vaults: readonly Pick<VaultConfig, "vault">[];
  /** The head's time; losses are counted from a day before it. */
  readonly atSeconds: number;
}

interface Loss {
  readonly atSeconds: number;
  readonly lossWad: bigint;
}

/** Reads what there is of each vault once; from then on only what is new. */
export function openTripCounts({ journal, trips, vaults, atSeconds }: OpenTripCountsParameters): TripCounts {
  let cursor = journal.feedEnd();
  const failures = new Map<Address, string | null>();
  const outside = new Map<Address, number>();
  const errors = new Map<Address, number[]>();
  /** By vault and digest. */
  const losses = new Map<Address, Map<string, Loss>>();

  const readFailures = (vault: Address) =>
    failures.set(
      vault,
      failuresOf(journal.proposals({ vault, limit: trips.failedSimulations }), trips.failedSimulations),
    );
  for (const { vault } of vaults) {
    readFailures(vault);
    const keys = journal.reasonKeys(vault, trips.outOfDomainDecisions);
    const known = keys.findIndex((key) => key !== "out-of-domain");
    outside.set(vault, known < 0 ? keys.length : known);
    if (trips.driftBps === undefined) continue;
    // Outcomes of holds and of standing aside say nothing of the forecasts: some more are read than are needed.
    const settled = journal.outcomes({ vault, limit: 10 * trips.driftOutcomes }).flatMap(forecastError);
    errors.set(vault, settled.slice(-trips.driftOutcomes));
  }
  if (trips.lossBpsPerDay !== undefined) journal.measuredSince(atSeconds - DAY_SECONDS).forEach(lost);

  function lost({ vault, digest, decidedAtSeconds, measured }: Feed["measured"][number]): void {
    const known = losses.get(vault) ?? new Map<string, Loss>();
    // Mined once more after a reorganisation: what it lost there counts instead.
    losses.set(vault, known.set(digest, { atSeconds: decidedAtSeconds, lossWad: lossOf(measured) }));
  }

  function take(feed: Feed): void {
    for (const { vault, reasonKey } of feed.decisions) {
      outside.set(vault, reasonKey === "out-of-domain" ? (outside.get(vault) ?? 0) + 1 : 0);
    }
    for (const vault of new Set(feed.steps.map((step) => step.vault))) readFailures(vault);
    for (const { vault, outcome } of feed.outcomes) {
      if (trips.driftBps === undefined) break;
      const known = [...(errors.get(vault) ?? []), ...forecastError({ outcome })];
      errors.set(vault, known.slice(-trips.driftOutcomes));
    }
    if (trips.lossBpsPerDay !== undefined) feed.measured.forEach(lost);
    cursor = feed.cursor;
  }

  return {
    follow() {
      for (let more = true; more; ) {
        const feed = journal.since(cursor, CHUNK_ROWS);
        take(feed);
        more = feed.more;
      }
    },
    failedSimulations: (vault) => failures.get(vault) ?? null,
    outOfDomain: (vault) => outside.get(vault) ?? 0,
    forecastErrorsBps: (vault) => errors.get(vault) ?? [],
    lossWad(vault, sinceSeconds) {
      let sum = 0n;
      const known = losses.get(vault);
      for (const [digest, loss] of known ?? []) {
        if (loss.atSeconds < sinceSeconds) known?.delete(digest);
        else sum += loss.lossWad;
      }
      return sum;
    },
  };
}

function failuresOf(latest: readonly ProposalRecord[], limit: number): string | null {
  const failed = latest.filter(({ status, detail }) => status === "refused" && detail.startsWith("simulation "));
  return failed.length === limit
    ? `${limit} proposals in a row failed in simulation, the last with: ${failed.at(-1)?.detail}`
    : null;
}

function forecastError({ outcome }: Pick<OutcomeRecord, "outcome">): number[] {
  const { netBps, predicted } = outcome as { netBps?: number; predicted?: { feesBps: number; lvrBps: number } | null };
  if (typeof netBps !== "number" || !predicted || predicted.feesBps === 0) return [];
  return [netBps - (predicted.feesBps - predicted.lvrBps)];
}

/** The worse loss of both reference prices, as the vault measured it. */
function lossOf({ events }: Measured): bigint {
  const report = events.find(({ name }) => name === "Rebalanced")?.args.report as { lossWad?: bigint } | undefined;
  return report?.lossWad ?? 0n;
}
