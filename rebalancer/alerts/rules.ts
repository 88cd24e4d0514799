import type { Config } from "../config.ts";
import { type Facts, gasOfDayWei, highestOfDay } from "../metrics/facts.ts";
import { describeStop } from "../stops/killSwitch.ts";
import type { Alert, AlertName, Severity } from "./alert.ts";

/** A write to the journal that takes longer keeps everything waiting. */
const SLOWEST_WRITE_SECONDS = 1;
/** Scope of an alert that stands for more vaults than anybody would read one by one. */
export const MANY = "many";
const MOST_OF_A_NAME = 20;
/** Redis restarts in less. */
const REDIS_PATIENCE_SECONDS = 15;

export type AlertLimits = Pick<Config, "alerts" | "trips" | "evaluate">;

/** Everything that is wrong now, from what the worker knows; the same facts give the same alerts. */
export function alertsOf(facts: Facts, { alerts, trips, evaluate }: AlertLimits, nowMilliseconds: number): Alert[] {
  const { limits } = alerts;
  const found: Alert[] = [];
  const tell = (name: AlertName, scope: string, severity: Severity, summary: string) =>
    found.push({ name, scope, severity, summary });
  const nowSeconds = nowMilliseconds / 1_000;
  const { head } = facts;

  for (const [pool, { name, tickedAtMilliseconds, drift }] of facts.pools) {
    const age = Math.round((nowMilliseconds - tickedAtMilliseconds) / 1_000);
    const most = limits.tickIntervals * evaluate.everySeconds;
    if (age > most) tell("TickLate", pool, "page", `pool ${name} did not come to rest for ${age} s; at most ${most} s`);
    if (drift && drift.psi > limits.featurePsi) {
      const psi = drift.psi.toFixed(2);
      tell(
        "FeatureDrift",
        pool,
        "ticket",
        `pool ${name}: PSI of ${drift.feature} ${psi}; at most ${limits.featurePsi}`,
      );
    }
  }

  for (const [vault, known] of facts.vaults) {
    const about = `vault ${known.name}`;
    const outside = known.outOfRangeSince == null || head === null ? 0 : head.timestamp - known.outOfRangeSince;
    if (outside > limits.outOfRangeSeconds) {
      tell(
        "OutOfRange",
        vault,
        "ticket",
        `${about} is out of range for ${outside} s; at most ${limits.outOfRangeSeconds} s`,
      );
    }
    if (known.failedSimulations >= limits.failedSimulations) {
      const count = known.failedSimulations;
      tell(
        "SimulationsFailing",
        vault,
        "page",
        `${about}: ${count} proposals in a row failed, the last: ${known.lastFailure}`,
      );
    }
    const highest = highestOfDay(known);
    if (highest !== undefined && highest > 0 && known.sharePrice !== undefined) {
      const drop = ((highest - known.sharePrice) * 10_000) / highest;
      if (drop > limits.sharePriceDropBps) {
        const most = limits.sharePriceDropBps;
        tell(
          "SharePriceDrop",
          vault,
          "page",
          `${about}: share price ${drop.toFixed(1)} bp below the day's highest; at most ${most} bp`,
        );
      }
    }
    if (known.outOfDomain >= trips.outOfDomainDecisions) {
      const count = known.outOfDomain;
      tell(
        "OutOfDomain",
        vault,
        "ticket",
        `${about}: ${count} decisions in a row were outside of what the models know`,
      );
    }
    const errors = known.forecastErrorsBps;
    if (errors.length >= trips.driftOutcomes) {
      const mean = errors.reduce((sum, error) => sum + error, 0) / errors.length;
      if (Math.abs(mean) > limits.forecastErrorBps) {
        const most = limits.forecastErrorBps;
        tell(
          "ForecastDrift",
          vault,
          "ticket",
          `${about}: realised less predicted net ${mean.toFixed(1)} bp over ${errors.length} outcomes; at most ${most} bp`,
        );
      }
    }
    if (known.paused) tell("VaultPaused", vault, "page", `${about} is paused on the chain, or its moves are held`);
    if (known.pendingBlocks !== undefined && known.pendingBlocks > limits.pendingBlocks) {
      const most = limits.pendingBlocks;
      tell(
        "TransactionPending",
        vault,
        "page",
        `${about}: a sent transaction is not mined for ${known.pendingBlocks} blocks; at most ${most}`,
      );
    }
  }

  if (trips.gasGweiPerDay !== undefined) {
    const spent = gasOfDayWei(facts) / 1e9;
    const most = (trips.gasGweiPerDay * limits.gasBudgetBps) / 10_000;
    if (spent > most) {
      tell(
        "GasBudgetNearlySpent",
        "all",
        "ticket",
        `${Math.round(spent)} of ${trips.gasGweiPerDay} gwei spent in a day`,
      );
    }
  }
  for (const [keeper, { address, movesLeft }] of facts.keepers) {
    if (movesLeft !== undefined && movesLeft < limits.keeperMoves) {
      tell(
        "KeeperLow",
        keeper,
        "page",
        `keeper ${keeper} ${address} can pay for ${movesLeft} moves; at least ${limits.keeperMoves}`,
      );
    }
  }
  if (head !== null) {
    const lag = Math.round(nowSeconds - head.timestamp);
    const silence = Math.round((nowMilliseconds - head.seenAtMilliseconds) / 1_000);
    if (lag > limits.headLagSeconds || silence > limits.headLagSeconds) {
      tell(
        "HeadLag",
        facts.worker,
        "page",
        `block ${head.number} is ${lag} s old and was read ${silence} s ago; at most ${limits.headLagSeconds} s`,
      );
    }
  }
  for (const { name, up } of facts.endpoints) {
    if (!up) tell("EndpointDown", name, "ticket", `RPC endpoint ${name} does not answer, lags or is on another fork`);
  }
  for (const order of facts.stops) {
    tell("KillSwitchOn", order.scope, "page", `kill switch on: ${describeStop(order)}`);
  }
  for (const [queue, count] of facts.deadLetters) {
    const summary = `${count} jobs of ${queue} were given up and wait for a person`;
    tell("DeadLetter", `${facts.worker}/${queue}`, "ticket", summary);
  }
  if (facts.leases.held < facts.leases.configured) {
    const { held, configured } = facts.leases;
    tell("LeaseLost", facts.worker, "page", `this worker holds ${held} of its ${configured} vaults`);
  }
  if (facts.redis.failingSinceMilliseconds !== null) {
    const since = (nowMilliseconds - facts.redis.failingSinceMilliseconds) / 1_000;
    if (since >= REDIS_PATIENCE_SECONDS)
      tell("RedisDown", facts.worker, "page", `Redis does not answer for ${Math.round(since)} s`);
  }
  if (facts.slowestWriteSeconds > SLOWEST_WRITE_SECONDS) {
    const took = facts.slowestWriteSeconds.toFixed(1);
    tell(
      "JournalSlow",
      facts.worker,
      "ticket",
      `a write to the journal took ${took} s; at most ${SLOWEST_WRITE_SECONDS} s`,
    );
  }
  return gathered(found);
}

/** Where an alert fires for more scopes than anybody reads one by one, one alert that says for how many. */
function gathered(alerts: readonly Alert[]): Alert[] {
  const byName = new Map<AlertName, Alert[]>();
  for (const alert of alerts) {
    const same = byName.get(alert.name);
    if (same) same.push(alert);
    else byName.set(alert.name, [alert]);
  }
  return [...byName.values()].flatMap((same) => {
    const [first] = same;
    if (first === undefined || same.length <= MOST_OF_A_NAME) return same;
    return [{ ...first, scope: MANY, summary: `${same.length} times, the first: ${first.summary}` }];
  });
}
