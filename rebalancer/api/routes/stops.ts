import { z } from "@hono/zod-openapi";
import type { Address } from "../../../ml/types.ts";
import { encodePauseVault } from "../../../sdk/actions/pauseVault.ts";
import { describeStop, type StopOrder } from "../../stops/killSwitch.ts";
import { vaultAt } from "../context.ts";
import { defineEndpoint } from "../endpoint.ts";
import { address, reason } from "../schemas.ts";

const level = z
  .union([z.literal(0), z.literal(1), z.literal(2), z.literal(3)], { error: "must be 0, 1, 2 or 3" })
  .openapi({ description: "0 runs, 1 stops new, 2 drains and sends nothing more, 3 pauses on the chain as well" });

export const stopSchema = z
  .object({
    scope: z.string().openapi({ description: '"all", or the address of a vault', example: "all" }),
    level,
    reason: z.string(),
    by: z.string().openapi({ example: "operator" }),
    atMilliseconds: z.int().openapi({ description: "Unix milliseconds" }),
  })
  .openapi("Stop");

export const listStops = defineEndpoint({
  method: "get",
  path: "/v1/stops",
  tag: "kill switch",
  summary: "The newest order of every scope, and whether anything is stopped",
  answer: z.object({
    stopped: z.boolean(),
    orders: z.array(stopSchema),
    killSwitchSource: z.enum(["redis", "journals"]),
  }),
  async serve({ shared }) {
    const { orders, source } = await shared.stops();
    return {
      stopped: orders.some((order) => order.level > 0),
      orders: [...orders],
      killSwitchSource: source,
    };
  },
});

const DAY_SECONDS = 86_400n;

export const giveStop = defineEndpoint({
  method: "post",
  path: "/v1/stops",
  tag: "kill switch",
  summary: "Stops or resumes every vault or one of them; level 3 answers with what the guardian has to send",
  token: true,
  body: z.strictObject({
    scope: z.union([z.literal("all"), address], { error: 'must be "all" or the address of a configured vault' }),
    level,
    reason,
  }),
  answer: z.object({
    order: stopSchema,
    journaled: z.boolean().openapi({ description: "false: only Redis knows it until a worker writes it down" }),
    pause: z.array(z.object({ to: address, data: z.string() })),
  }),
  async serve(context, { body }) {
    const { shared, vaults, logger } = context;
    const scope = body.scope === "all" ? "all" : (vaultAt(context, body.scope).vault.toLowerCase() as Address);
    const order: StopOrder = {
      scope,
      level: body.level,
      reason: body.reason,
      by: "operator through the API",
      atMilliseconds: Date.now(),
    };
    const { journaled, given } = await shared.give(order);
    logger.warn({ stage: "api", stop: given }, `kill switch: ${describeStop(given)}`);
    const paused = vaults.filter(({ vault }) => scope === "all" || vault.toLowerCase() === scope);
    const data = encodePauseVault(DAY_SECONDS);
    return {
      order: given,
      journaled,
      pause: given.level === 3 ? paused.map(({ vault }) => ({ to: vault, data })) : [],
    };
  },
});
