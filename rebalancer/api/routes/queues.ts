import { z } from "@hono/zod-openapi";
import { defineEndpoint } from "../endpoint.ts";
import { seconds } from "../schemas.ts";

export const listQueues = defineEndpoint({
  method: "get",
  path: "/v1/queues",
  tag: "queues",
  summary: "How many jobs wait, run, were delayed or given up, by worker and queue",
  answer: z.object({
    queues: z.array(
      z.object({
        worker: z.string().openapi({ description: "identity of the worker's journal" }),
        name: z.string(),
        waiting: z.int(),
        active: z.int(),
        delayed: z.int(),
        failed: z.int(),
        completed: z.int(),
        paused: z.int(),
      }),
    ),
    atSeconds: seconds,
  }),
  async serve({ shared }) {
    const counts = await shared.counts();
    return {
      queues: counts.map(({ worker, name, counts: count }) => ({
        worker,
        name,
        waiting: (count.waiting ?? 0) + (count.prioritized ?? 0),
        active: count.active ?? 0,
        delayed: count.delayed ?? 0,
        failed: count.failed ?? 0,
        completed: count.completed ?? 0,
        paused: count.paused ?? 0,
      })),
      atSeconds: Math.floor(Date.now() / 1_000),
    };
  },
});
