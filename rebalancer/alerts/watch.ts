import { readContract } from "viem/actions";
import { rangeVaultAbi } from "../../sdk/abi/rangeVault.ts";
import type { Context } from "../context.ts";
import type { Feed } from "../journal/feed.ts";
import { isRefusedByChain } from "../metrics/tallies.ts";
import { type Alert, type AlertEvent, alertKey } from "./alert.ts";
import { readChainEvents } from "./chainEvents.ts";
import { alertsKey, createAlertMemory } from "./memory.ts";
import type { AlertMessage } from "./message.ts";
import { alertsOf, MANY } from "./rules.ts";
import { type OpenSink, startCourier } from "./sinks.ts";

/** An alert is over when it was not true for so long; what flickers is one alert. */
const OVER_AFTER_MILLISECONDS = 60_000;
/** Events are told once; for so long nobody tells them again, and `alerts ls` shows them. */
const EVENT_MILLISECONDS = 7 * 86_400_000;
const REORGANISED_BLOCKS = 12;
/** A firing alert is written down again so often, so that others see that it still does. */
const REFRESH_MILLISECONDS = 15_000;
/** What a worker that is gone has left behind. */
const FORGOTTEN_MILLISECONDS = 86_400_000;
const SHOWN_MILLISECONDS = 86_400_000;

export interface AlertWatch {
  /** Takes in new facts of the journal: what the chain has refused. */
  feed(feed: Feed): void;
  /** Looks at the facts once, and queues what is to be told. */
  look(): Promise<void>;
  /** Reads what was changed on the contracts since the last time. */
  lookAtChain(): Promise<void>;
  /** Resolves when no message waits. */
  idle(): Promise<void>;
  stop(): Promise<void>;
}

export interface StartAlertsParameters {
  readonly context: Pick<
    Context,
    "config" | "redis" | "journal" | "metrics" | "logger" | "client" | "pools" | "secrets"
  >;
  readonly sinks: readonly OpenSink[];
  readonly now?: () => number;
  readonly overAfterMilliseconds?: number;
}

/** Decides what needs a person, and tells it to every sink once per `alerts.repeatSeconds`. */
export function startAlerts(parameters: StartAlertsParameters): AlertWatch {
  const { context, sinks, now = Date.now, overAfterMilliseconds = OVER_AFTER_MILLISECONDS } = parameters;
  const { config, metrics, logger, client, journal, secrets } = context;
  const repeatMilliseconds = config.alerts.repeatSeconds * 1_000;
  const memory = createAlertMemory(context.redis, alertsKey(config.redis.prefix, config.chainId));
  const me = journal.identity;
  let happened: AlertEvent[] = [];
  let contracts: ReadonlyMap<string, string> | null = null;
  let lastScanned: number | null = null;
  /** No block before this one is looked at: what was before the first start is known. */
  let firstScanned = 0;

  /** When each alert that fires was last found true, by this worker. */
  const lastTrue = new Map<string, number>();

  const couriers = sinks.map((open) =>
    startCourier({
      ...open,
      onDelivery(message, result, detail) {
        metrics.instruments.alertsSent.inc({ sink: open.sink.name, result });
        const fields = { stage: "alert", sink: open.sink.name, alert: message.name, scope: message.scope, result };
        if (result === "sent") logger.debug(fields, detail);
        else logger.warn(fields, `not told: ${detail}`);
        const what = claimOf(open.sink.name, message);
        const lasting = message.status === "firing" ? repeatMilliseconds : EVENT_MILLISECONDS;
        // a sink that refuses a message will refuse it again; one that could not be reached is tried after a while
        void (result === "sent" || result === "refused" ? memory.keep(what, now(), lasting) : memory.release(what));
      },
    }),
  );
  const claimOf = (sink: string, message: Pick<AlertMessage, "name" | "scope" | "status" | "id">) =>
    `${sink}:${message.status === "firing" ? alertKey(message) : message.id}`;

  async function tell(message: Omit<AlertMessage, "chainId">): Promise<void> {
    for (const courier of couriers) {
      const what = claimOf(courier.name, message);
      if (await memory.claim(what, now())) courier.send({ ...message, chainId: config.chainId });
    }
  }

  return {
    feed({ steps }) {
      for (const { vault, digest, status, detail } of steps) {
        if (!isRefusedByChain({ status, detail })) continue;
        const about = metrics.facts.vaults.get(vault)?.name ?? vault;
        const summary = `vault ${about}: the chain refused a move: ${detail}`;
        happened.push({ name: "RefusedByChain", scope: vault, severity: "page", id: `refused-${digest}`, summary });
      }
    },
    async look() {
      const at = now();
      const alerts = alertsOf(metrics.facts, config, at).map((alert) => ({
        ...alert,
        summary: secrets.redact(alert.summary),
      }));
      metrics.facts.slowestWriteSeconds = 0;
      metrics.instruments.alertsFiring.reset();
      for (const { name } of alerts) metrics.instruments.alertsFiring.inc({ alert: name });
      await lookAt(alerts, at);
      memory.prune(at);
    },
    async lookAtChain() {
      const { head } = metrics.facts;
      if (head === null) return;
      const scanned = (await memory.scanned(me)) ?? lastScanned;
      if (scanned === null) firstScanned = head.number + 1;
      contracts ??= await contractsOf(context);
      // some blocks are read again: a reorganisation may have put something into them
      const fromBlock = Math.max(firstScanned, (scanned ?? head.number) + 1 - REORGANISED_BLOCKS);
      const toBlock = Math.min(head.number, fromBlock + config.worker.logChunkBlocks);
      if (fromBlock <= toBlock) {
        for (const event of await readChainEvents(client, { contracts, fromBlock, toBlock })) await note(event, now());
      }
      // only now: whoever dies before reads them again, and nobody is told twice
      lastScanned = Math.max(toBlock, scanned ?? head.number);
      await memory.setScanned(me, lastScanned);
    },
    async idle() {
      await Promise.all(couriers.map((courier) => courier.idle()));
    },
    async stop() {
      await Promise.all(couriers.map((courier) => courier.stop()));
    },
  };

  async function note(event: AlertEvent, atMilliseconds: number): Promise<void> {
    const known = await memory.events();
    if (known.has(event.id)) return;
    if (event.name !== "RefusedByChain") metrics.instruments.chainChanges.inc({ alert: event.name });
    logger.warn({ stage: "alert", alert: event.name, scope: event.scope }, secrets.redact(event.summary));
    await memory.addEvent({ ...event, summary: secrets.redact(event.summary), atMilliseconds });
  }

  async function lookAt(alerts: readonly Alert[], at: number): Promise<void> {
    const known = await memory.firing();
    const current = new Set(alerts.map(alertKey));
    for (const alert of alerts) {
      const before = known.get(alertKey(alert));
      const sinceMilliseconds = before?.sinceMilliseconds ?? at;
      if (before === undefined) {
        logger.warn({ stage: "alert", alert: alert.name, scope: alert.scope, severity: alert.severity }, alert.summary);
      }
      if (before === undefined || before.by !== me || at - before.seenAtMilliseconds >= REFRESH_MILLISECONDS) {
        await memory.setFiring(alertKey(alert), { ...alert, sinceMilliseconds, seenAtMilliseconds: at, by: me });
      }
      await tell({ ...alert, status: "firing", id: alertKey(alert), atMilliseconds: at, sinceMilliseconds });
    }
    for (const [key, alert] of known) {
      if (current.has(key)) {
        lastTrue.set(key, at);
        continue;
      }
      if (at - alert.seenAtMilliseconds > FORGOTTEN_MILLISECONDS) await memory.endFiring(key);
      const over = at - (lastTrue.get(key) ?? alert.seenAtMilliseconds) >= overAfterMilliseconds;
      if (alert.by !== me || !over) continue;
      lastTrue.delete(key);
      if (current.has(`${alert.name} ${MANY}`)) {
        await memory.endFiring(key);
        continue;
      }
      logger.info({ stage: "alert", alert: alert.name, scope: alert.scope }, `over: ${alert.summary}`);
      const { name, scope, severity, summary, sinceMilliseconds } = alert;
      await memory.addEvent({
        name,
        scope,
        severity,
        summary,
        id: `over-${key}-${sinceMilliseconds}`,
        atMilliseconds: at,
        resolves: true,
        sinceMilliseconds,
      });
      await memory.endFiring(key);
      for (const courier of couriers) await memory.release(`${courier.name}:${key}`);
    }
    const fresh = happened;
    happened = [];
    for (const event of fresh) await note(event, at);
    for (const [id, event] of await memory.events()) {
      if (at - event.atMilliseconds > SHOWN_MILLISECONDS) {
        await memory.dropEvent(id);
        continue;
      }
      const status = event.resolves ? "resolved" : "happened";
      const { name, scope, severity, summary, atMilliseconds } = event;
      const sinceMilliseconds = event.sinceMilliseconds ?? atMilliseconds;
      await tell({ name, scope, severity, summary, id, status, atMilliseconds, sinceMilliseconds });
    }
  }
}

/** Vaults, strategies and the managers of their roles, by address in lower case. */
async function contractsOf({ client, pools }: Pick<Context, "client" | "pools">): Promise<ReadonlyMap<string, string>> {
  const contracts = new Map<string, string>();
  for (const { name, vault, strategy } of pools.flatMap((group) => group.vaults)) {
    contracts.set(vault.toLowerCase(), `vault ${name}`);
    contracts.set(strategy.toLowerCase(), `strategy of ${name}`);
    for (const [address, what] of [
      [vault, `roles of vault ${name}`],
      [strategy, `roles of strategy of ${name}`],
    ] as const) {
      const authority = await readContract(client, { address, abi: rangeVaultAbi, functionName: "authority" });
      const known = contracts.get(authority.toLowerCase());
      if (known === undefined) contracts.set(authority.toLowerCase(), what);
    }
  }
  return contracts;
}
