import { setImmediate } from "node:timers/promises";
import type { Address } from "../../ml/types.ts";
import { begun } from "../ahead.ts";
import type { BlockStamp } from "../chain.ts";
import type { Config } from "../config.ts";
import type { Context } from "../context.ts";
import type { StopOrder, StopScope } from "./killSwitch.ts";
import type { TripCounts } from "./tripCounts.ts";

const DAY_SECONDS = 86_400;
const BY = "trip ";

/** What trips the switch by itself. Each gives an order of level 1: nothing new until a person has looked. */
export type TripName =
  | "gas-budget"
  | "keeper-balance"
  | "failing-simulations"
  | "out-of-domain"
  | "drift"
  | "loss-budget"
  | "head-lag";

/** One condition as it stands: `broken` says what is wrong with the value and the limit in words, null = all is well. */
export interface TripReading {
  readonly name: TripName;
  readonly scope: StopScope;
  readonly broken: string | null;
}

/** How old the head may be by this machine's clock; nothing to read where no limit is set. */
export function readHeadLag(config: Config, head: BlockStamp, nowSeconds: number): readonly TripReading[] {
  const limit = config.trips.headLagSeconds;
  if (limit === undefined) return [];
  const lag = nowSeconds - head.timestamp;
  const broken = lag > limit ? `the head is ${lag} s old; at most ${limit} s` : null;
  return [{ name: "head-lag", scope: "all", broken }];
}

/** Reads every other condition that the configuration's [trips] asks for at a head, from journal and chain. */
export async function readTrips(
  context: Pick<Context, "config" | "journal" | "client" | "keys" | "pools">,
  counts: TripCounts,
  head: BlockStamp,
): Promise<readonly TripReading[]> {
  const { config, journal, pools } = context;
  const { trips } = config;
  const readings: TripReading[] = [];
  const read = (name: TripName, scope: StopScope, broken: string | null) => readings.push({ name, scope, broken });
  const poor = config.worker.mode === "live" ? begun(emptyKeeper(context, head)) : null;
  // The question leaves, with all others of this head, before the journal is read.
  if (poor !== null) await setImmediate();
  counts.follow();

  if (trips.gasGweiPerDay !== undefined) {
    const spent = Number(journal.gasSpentWei(head.timestamp - DAY_SECONDS)) / 1e9;
    const over = spent > trips.gasGweiPerDay;
    read("gas-budget", "all", over ? `${Math.round(spent)} gwei in a day; at most ${trips.gasGweiPerDay}` : null);
  }
  if (poor !== null) read("keeper-balance", "all", await poor);
  for (const { vault } of pools.flatMap((group) => group.vaults)) {
    const scope = vault.toLowerCase() as Address;
    read("failing-simulations", scope, counts.failedSimulations(vault));
    read("out-of-domain", scope, outOfDomain(counts.outOfDomain(vault), trips.outOfDomainDecisions));
    if (trips.driftBps !== undefined)
      read("drift", scope, drift(counts.forecastErrorsBps(vault), trips.driftBps, trips.driftOutcomes));
    if (trips.lossBpsPerDay !== undefined)
      read("loss-budget", scope, lossBudget(counts.lossWad(vault, head.timestamp - DAY_SECONDS), trips.lossBpsPerDay));
  }
  return readings;
}

async function emptyKeeper(
  { client, config, keys }: Pick<Context, "client" | "config" | "keys">,
  head: BlockStamp,
): Promise<string | null> {
  const move = BigInt(config.decision.gasPerMove) * head.baseFeePerGas;
  const moves = config.trips.keeperMoves;
  const balances = await Promise.all(
    keys.keepers.map(async ({ address }) => {
      const balance = await client.getBalance({ address, blockNumber: BigInt(head.number) });
      return { address, balance };
    }),
  );
  const poor = balances.find(({ balance }) => balance < move * BigInt(moves));
  return poor ? `keeper ${poor.address} holds ${poor.balance} wei; ${moves} moves cost ${move} each` : null;
}

function outOfDomain(count: number, limit: number): string | null {
  return count >= limit ? `${count} decisions in a row were outside of what the models know` : null;
}

/** Mean of realised less predicted net over the last settled decisions that chose a range. */
function drift(errors: readonly number[], limitBps: number, count: number): string | null {
  if (errors.length < count) return null;
  const mean = errors.reduce((sum, error) => sum + error, 0) / errors.length;
  return mean < -limitBps
    ? `the last ${count} outcomes fell ${(-mean).toFixed(1)} bp short of what was predicted; at most ${limitBps}`
    : null;
}

/** Losses of the moves of a day, each the worse one of both reference prices as the vault measured it. */
function lossBudget(lossWad: bigint, mostBps: number): string | null {
  const lossBps = Number(lossWad / 10n ** 12n) / 100;
  return lossBps > mostBps ? `moves lost ${lossBps} bp of the vault in a day; at most ${mostBps}` : null;
}

/** Conditions that a person resumed from before the last stop of this worker: they stay quiet until they were false. */
export function acknowledgedTrips(history: readonly StopOrder[]): Set<string> {
  const acknowledged = new Set<string>();
  for (const { by, scope, level } of history) {
    if (level === 0) continue;
    const resumed = history.findLast((order) => order.scope === scope)?.level === 0;
    if (resumed && by.startsWith(BY)) acknowledged.add(`${by.slice(BY.length)} ${scope}`);
  }
  return acknowledged;
}

/**
 * Orders for conditions that have become true. One that a person has resumed from stays quiet until it was false once;
 * `tripped` remembers which those are.
 */
export function newTrips(
  readings: readonly TripReading[],
  tripped: Set<string>,
  orders: readonly StopOrder[],
  atMilliseconds: number,
): readonly StopOrder[] {
  const given: StopOrder[] = [];
  for (const { name, scope, broken } of readings) {
    const key = `${name} ${scope}`;
    if (broken === null) {
      tripped.delete(key);
      continue;
    }
    if (tripped.has(key)) continue;
    tripped.add(key);
    // An order for the same scope stands already; it may be stricter.
    if ([...orders, ...given].some((order) => order.scope === scope && order.level > 0)) continue;
    given.push({ scope, level: 1, reason: broken, by: `${BY}${name}`, atMilliseconds });
  }
  return given;
}
