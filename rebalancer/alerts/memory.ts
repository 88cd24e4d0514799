import { z } from "zod";
import type { Context } from "../context.ts";
import { within } from "../metrics/sampler.ts";
import { ALERT_NAMES, type Alert, type AlertEvent } from "./alert.ts";

const PATIENCE_MILLISECONDS = 1_000;
/** A message that is being sent is not sent by anybody else for so long; a worker that dies meanwhile delays it. */
const CLAIM_MILLISECONDS = 15 * 60_000;

/** An alert that fires, as every process sees it. */
export interface FiringAlert extends Alert {
  readonly sinceMilliseconds: number;
  /** When it was last found true. */
  seenAtMilliseconds: number;
  /** The worker that found it. */
  by: string;
}

/** Something that happened, kept until everybody was told. */
export interface KeptEvent extends AlertEvent {
  readonly atMilliseconds: number;
  /** Set when it tells that an alert is over. */
  readonly resolves?: boolean;
  readonly sinceMilliseconds?: number;
}

const alertFields = {
  name: z.enum(ALERT_NAMES),
  scope: z.string(),
  severity: z.enum(["page", "ticket"]),
  summary: z.string(),
};
const firingSchema = z.object({
  ...alertFields,
  sinceMilliseconds: z.number(),
  seenAtMilliseconds: z.number(),
  by: z.string(),
});
const eventSchema = z.object({
  ...alertFields,
  id: z.string(),
  atMilliseconds: z.number(),
  resolves: z.boolean().optional(),
  sinceMilliseconds: z.number().optional(),
});

type Redis = Pick<Context["redis"], "set" | "del" | "hset" | "hdel" | "hgetall" | "get" | "status">;

export const alertsKey = (prefix: string, chainId: number): string => `${prefix}:${chainId}:alerts`;

/**
 * What was said about which alert, in Redis so that a restart or a second worker does not say it again. While Redis is
 * away the worker goes on with what it remembers itself: an alert twice is better than none.
 */
export function createAlertMemory(redis: Redis, key: string) {
  const claims = new Map<string, number>();
  const firing = new Map<string, FiringAlert>();
  const events = new Map<string, KeptEvent>();

  async function shared<T>(work: () => Promise<T>): Promise<T | null> {
    if (redis.status !== "ready") return null;
    try {
      return await within(PATIENCE_MILLISECONDS, work());
    } catch {
      // Redis went away just now: the worker's own memory counts
      return null;
    }
  }

  return {
    /** Alerts that fire, everybody's. */
    async firing(): Promise<ReadonlyMap<string, FiringAlert>> {
      for (const [field, value] of await entries(`${key}:firing`, firingSchema)) {
        const own = firing.get(field);
        if (!own || own.seenAtMilliseconds <= value.seenAtMilliseconds) firing.set(field, value);
      }
      return firing;
    },
    async setFiring(field: string, alert: FiringAlert): Promise<void> {
      firing.set(field, alert);
      await shared(() => redis.hset(`${key}:firing`, field, JSON.stringify(alert)));
    },
    async endFiring(field: string): Promise<void> {
      firing.delete(field);
      await shared(() => redis.hdel(`${key}:firing`, field));
    },
    /** What happened and is still to be told, or was told lately. */
    async events(): Promise<ReadonlyMap<string, KeptEvent>> {
      for (const [field, value] of await entries(`${key}:events`, eventSchema)) events.set(field, value as KeptEvent);
      return events;
    },
    async addEvent(event: KeptEvent): Promise<void> {
      events.set(event.id, event);
      await shared(() => redis.hset(`${key}:events`, event.id, JSON.stringify(event)));
    },
    async dropEvent(id: string): Promise<void> {
      events.delete(id);
      await shared(() => redis.hdel(`${key}:events`, id));
    },
    /** True for one caller until the claim ends; whoever gets it sends the message. */
    async claim(what: string, atMilliseconds: number): Promise<boolean> {
      if ((claims.get(what) ?? 0) > atMilliseconds) return false;
      const answer = await shared(() => redis.set(`${key}:sent:${what}`, "sending", "PX", CLAIM_MILLISECONDS, "NX"));
      if (answer === null && redis.status === "ready") return false;
      claims.set(what, atMilliseconds + CLAIM_MILLISECONDS);
      return true;
    },
    /** The message is out: nobody sends it again for so long. */
    async keep(what: string, atMilliseconds: number, milliseconds: number): Promise<void> {
      claims.set(what, atMilliseconds + milliseconds);
      await shared(() => redis.set(`${key}:sent:${what}`, "sent", "PX", milliseconds));
    },
    /** The message could not be sent, or its alert is over: whoever comes next may send it. */
    async release(what: string): Promise<void> {
      claims.delete(what);
      await shared(() => redis.del(`${key}:sent:${what}`));
    },
    /** Up to which block a worker has looked for events; null = it never did. */
    async scanned(worker: string): Promise<number | null> {
      const text = await shared(() => redis.get(`${key}:scanned:${worker}`));
      return text === null ? null : Number(text);
    },
    async setScanned(worker: string, block: number): Promise<void> {
      await shared(() => redis.set(`${key}:scanned:${worker}`, String(block)));
    },
    /** Forgets claims that have ended, so that this stays small. */
    prune(atMilliseconds: number): void {
      for (const [what, until] of claims) if (until <= atMilliseconds) claims.delete(what);
    },
  };

  async function entries<T>(hash: string, schema: z.ZodType<T>): Promise<[string, T][]> {
    const found = (await shared(() => redis.hgetall(hash))) ?? {};
    return Object.entries(found).flatMap(([field, text]) => {
      try {
        return [[field, schema.parse(JSON.parse(text))] as [string, T]];
      } catch {
        // written by another version: it will be found true again by whoever wrote it
        return [];
      }
    });
  }
}

export type AlertMemory = ReturnType<typeof createAlertMemory>;
