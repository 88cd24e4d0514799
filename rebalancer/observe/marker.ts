import type { Redis } from "ioredis";
import { z } from "zod";
import type { Address } from "../../ml/types.ts";

/** How far a worker has come with a pool: everything caused by blocks up to `block` has come to rest. */
export interface Marker {
  readonly block: number;
  /** `skipped` = no evaluation was due; else where the vaults came to rest, the busiest state first. */
  readonly state: string;
}

const markerSchema = z.object({ block: z.int(), state: z.string() });

/** Redis key of a pool's marker; a driver that mines blocks in lock-step waits for it. */
export function settledKey(chainId: number, pool: Address, prefix = "rangekeeper"): string {
  return `${prefix}:${chainId}:${pool.toLowerCase()}:settled`;
}

/** Publishes the marker. */
export async function writeMarker(redis: Redis, key: string, marker: Marker): Promise<void> {
  await redis.set(key, JSON.stringify(marker));
}

/** Reads the marker; null before the first one. */
export async function readMarker(redis: Redis, key: string): Promise<Marker | null> {
  const text = await redis.get(key);
  return text === null ? null : markerSchema.parse(JSON.parse(text));
}
