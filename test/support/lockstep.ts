import { Redis } from "ioredis";
import { type Marker, readMarker, settledKey } from "../../rebalancer/observe/marker.ts";
import type { LocalDeployment } from "./deployment.ts";

/** Waits until the worker has come to rest with a block; throws with the last marker after `timeoutMilliseconds`. */
export async function settled(local: LocalDeployment, block: number, timeoutMilliseconds = 30_000): Promise<Marker> {
  const redis = new Redis(local.redis.url);
  try {
    const key = settledKey(31337, local.market.deployment.pool);
    const end = Date.now() + timeoutMilliseconds;
    for (;;) {
      const marker = await readMarker(redis, key);
      if (marker && marker.block >= block) return marker;
      if (Date.now() > end) throw new Error(`block ${block} did not settle: ${JSON.stringify(marker)}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  } finally {
    redis.disconnect();
  }
}
