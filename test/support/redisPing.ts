/** `redisPing.ts URL`: connects as a worker does, asks the queues' connection too, and says so. */
import { openQueues } from "../../rebalancer/queues/queue.ts";
import { bullConnection, connectRedis } from "../../rebalancer/queues/redis.ts";

async function main(): Promise<void> {
  const place = { url: process.argv[2] ?? "" };
  const redis = await connectRedis(place, () => undefined);
  const queues = openQueues({ connection: bullConnection(place), prefix: "{ping}" }, () => undefined);
  await queues.evaluate.add("x", {}, { jobId: "once" });
  process.stdout.write(`${await redis.ping()} ${await queues.evaluate.getJobCountByTypes("waiting")}\n`);
  await queues.close();
  redis.disconnect();
}

main().catch((error: Error) => {
  process.stderr.write(error.message);
  process.exitCode = 1;
});
