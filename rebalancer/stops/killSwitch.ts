import type { Redis } from "ioredis";
import { z } from "zod";
import type { Address } from "../../ml/types.ts";
import { explain, FatalError } from "../errors.ts";
import type { Journal } from "../journal.ts";

/**
 * 0 = runs. 1 = stop new: decisions are still taken and journaled, nothing new is proposed. 2 = drain: what is on the
 * chain is confirmed, nothing more is signed or sent. 3 = as 2, and the vault is to be paused on the chain.
 */
export const STOP_LEVELS = [0, 1, 2, 3] as const;
export type StopLevel = (typeof STOP_LEVELS)[number];

/** Whom an order stops: every vault of the chain, or one. */
export type StopScope = "all" | Address;

/** One order to stop or to resume. Orders are never edited: the newest of a scope counts. */
export interface StopOrder {
  readonly scope: StopScope;
  readonly level: StopLevel;
  readonly reason: string;
  /** Who gave it: "operator", or the name of an automatic trip. */
  readonly by: string;
  readonly atMilliseconds: number;
}

const orderSchema = z.object({
  scope: z.union([z.literal("all"), z.string().regex(/^0x[0-9a-f]{40}$/)]).transform((scope) => scope as StopScope),
  level: z.union([z.literal(0), z.literal(1), z.literal(2), z.literal(3)]),
  reason: z.string(),
  by: z.string(),
  atMilliseconds: z.int().min(0),
});

/** Redis hash that holds the newest order of each scope. */
export const stopsKey = (prefix: string, chainId: number): string => `${prefix}:${chainId}:stops`;

export interface KillSwitch {
  /** The strictest order in force for a vault; null when it runs. Reads Redis and the journal, so every process's. */
  of(vault: Address): Promise<StopOrder | null>;
  /** The newest order of every scope, those to resume among them. */
  orders(): Promise<readonly StopOrder[]>;
  /**
   * Writes an order down: first in the journal, then for everybody. Returns it as it counts: it follows every order of
   * its scope that is known here, however far the clocks of those who gave them are apart.
   */
  give(order: StopOrder): Promise<StopOrder>;
}

export interface KillSwitchParameters {
  /** Null where it does not answer: the journal alone remembers, and its worker tells the others. */
  readonly redis: Redis | null;
  readonly journal: Pick<Journal, "recordStop" | "stops"> | null;
  readonly prefix: string;
  readonly chainId: number;
}

/**
 * The kill switch of a chain's workers. Redis tells every process; each journal remembers, so that an order outlives a
 * Redis that lost its data and a worker that was down when it was given.
 */
export function createKillSwitch({ redis, journal, prefix, chainId }: KillSwitchParameters): KillSwitch {
  const key = stopsKey(prefix, chainId);

  async function orders(): Promise<readonly StopOrder[]> {
    const shared = redis === null ? [] : Object.values(await redis.hgetall(key)).map(parseOrder);
    const remembered = journal?.stops(chainId) ?? [];
    const newest = new Map<StopScope, StopOrder>();
    for (const order of [...shared, ...remembered]) {
      const known = newest.get(order.scope);
      if (known === undefined || isNewer(order, known)) newest.set(order.scope, order);
    }
    // Whoever knows less learns it: a Redis that was emptied, a journal whose worker was down.
    for (const order of newest.values()) {
      if (!shared.some((known) => isSame(known, order))) await redis?.hset(key, order.scope, JSON.stringify(order));
      if (!remembered.some((known) => isSame(known, order))) journal?.recordStop(chainId, order);
    }
    return [...newest.values()];
  }

  /** When the newest order of a scope was given; one that cannot be read is replaced, whenever that was. */
  async function newestAt(scope: StopScope): Promise<number> {
    const shared = (await redis?.hget(key, scope)) ?? null;
    const remembered = journal?.stops(chainId).filter((order) => order.scope === scope) ?? [];
    return Math.max(-1, atOf(shared), ...remembered.map(({ atMilliseconds }) => atMilliseconds));
  }

  return {
    orders,
    of: async (vault) => stopFor(await orders(), vault),
    async give(asked) {
      const order = { ...asked, atMilliseconds: Math.max(asked.atMilliseconds, (await newestAt(asked.scope)) + 1) };
      journal?.recordStop(chainId, order);
      await redis?.hset(key, order.scope, JSON.stringify(order));
      return order;
    },
  };
}

/** The strictest of these orders that is in force for a vault; null when it runs. */
export function stopFor(orders: readonly StopOrder[], vault: Address): StopOrder | null {
  const scope = vault.toLowerCase();
  const active = orders.filter((order) => order.level > 0 && (order.scope === scope || order.scope === "all"));
  return active.sort((a, b) => b.level - a.level)[0] ?? null;
}

const isSame = (a: StopOrder, b: StopOrder): boolean =>
  a.scope === b.scope && a.atMilliseconds === b.atMilliseconds && a.level === b.level;

/** Of two orders of one instant the stricter one counts. */
const isNewer = (a: StopOrder, b: StopOrder): boolean =>
  a.atMilliseconds > b.atMilliseconds || (a.atMilliseconds === b.atMilliseconds && a.level > b.level);

function parseOrder(text: string): StopOrder {
  try {
    return orderSchema.parse(JSON.parse(text));
  } catch (error) {
    // An order that cannot be read must not read as "runs".
    throw new FatalError(`kill switch order in Redis: ${text}; rule: scope, level 0 to 3, reason, by, atMilliseconds`, {
      cause: error,
      details: { reason: explain(error) },
    });
  }
}

function atOf(text: string | null): number {
  try {
    return text === null ? -1 : parseOrder(text).atMilliseconds;
  } catch {
    return -1;
  }
}

/** An order in one line for logs and tables. */
export const describeStop = ({ level, scope, by, reason }: StopOrder): string =>
  `level ${level} for ${scope === "all" ? "all vaults" : scope}, by ${by}: ${reason}`;
