import { Redis } from "ioredis";
import { describe, expect, it } from "vitest";
import {
  dropKeys,
  ensureRedis,
  ensureRedisServer,
  freePort,
  RedisNotFoundError,
} from "../../../../rebalancer/cli/demo/redis.ts";
import { runDemo } from "../../../support/demo.ts";

describe("finding a Redis", () => {
  it("starts one of its own from PATH, on loopback, and stops it", async () => {
    const handle = await ensureRedis({ env: { ...process.env, REDIS_URL: "" } });
    const redis = new Redis(handle.url, { maxRetriesPerRequest: 0, retryStrategy: null });
    expect(await redis.ping()).toBe("PONG");
    expect(await redis.config("GET", "bind")).toEqual(["bind", "127.0.0.1"]);
    redis.disconnect();
    await handle.stop();
    const gone = new Redis(handle.url, { lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: null });
    gone.on("error", () => {});
    await expect(gone.connect()).rejects.toThrow();
  });

  it("takes REDIS_URL as it is and leaves that server alone", async () => {
    const own = await ensureRedis({ env: { ...process.env, REDIS_URL: "" } });
    const handle = await ensureRedis({ env: { REDIS_URL: own.url } });
    expect(handle).toMatchObject({ url: own.url, origin: "REDIS_URL" });
    await handle.stop();
    const redis = new Redis(own.url);
    await redis.mset("demo-1:a", "1", "demo-1:b", "2", "other", "3");
    await dropKeys(redis, "demo-1");
    expect(await redis.keys("*")).toEqual(["other"]);
    redis.disconnect();
    await own.stop();
  });

  it("says what to type when there is none and none can be installed", () => {
    const nowhere = { PATH: "/nonexistent" };
    expect(() => ensureRedisServer({ env: nowhere })).toThrow(RedisNotFoundError);
    expect(() => ensureRedisServer({ env: nowhere })).toThrow(/apt-get install redis-server.*REDIS_URL/);
  });

  it("ends the demo with the address when REDIS_URL answers nothing", async () => {
    const url = `redis://127.0.0.1:${await freePort()}`;
    const { status, output } = await runDemo(["--hours", "6"], { REDIS_URL: url });
    expect(status).toBe(1);
    expect(output).toContain(url);
  });
});
