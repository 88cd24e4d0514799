import { OpenAPIHono, type RouteConfig, z } from "@hono/zod-openapi";
import type { Endpoint } from "./endpoint.ts";
import { STATUS_OF_CODE } from "./errors.ts";
import { ENDPOINTS } from "./routes.ts";
import { errorSchema } from "./schemas.ts";

const JSON_TYPE = "application/json";

/** The OpenAPI 3.1 document of every route, made from the schemas that requests are parsed by. */
export function specification() {
  const app = new OpenAPIHono();
  const registry = app.openAPIRegistry;
  registry.registerComponent("securitySchemes", "token", { type: "http", scheme: "bearer" });
  for (const endpoint of ENDPOINTS) registry.registerPath(pathOf(endpoint));
  return app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "Rangekeeper",
      version: "1",
      license: { name: "MIT" },
      description:
        "Vaults, decisions and rebalances of one chain's workers. Big numbers are strings of digits; a name's suffix says the unit (Wad = 1e18, X96 = Q64.96, Bps, Tick, Wei, Seconds), no suffix means token units. Prices of ranges are whole asset tokens per whole other token.",
    },
  });
}

function pathOf(endpoint: Endpoint): RouteConfig {
  const { method, path, tag, summary, params, query, body, token } = endpoint;
  const isJson = "answer" in endpoint;
  return {
    method,
    path,
    tags: [tag],
    summary,
    ...(token ? { security: [{ token: [] }] } : {}),
    request: {
      ...(params === undefined ? {} : { params }),
      ...(query === undefined ? {} : { query }),
      ...(body === undefined ? {} : { body: { required: true, content: { [JSON_TYPE]: { schema: body } } } }),
    },
    responses: {
      200: {
        description: "the answer",
        content: isJson
          ? { [JSON_TYPE]: { schema: endpoint.answer } }
          : { [endpoint.mediaType]: { schema: z.unknown() } },
      },
      default: {
        description: `an error: ${Object.entries(STATUS_OF_CODE)
          .map(([code, status]) => `${status} ${code}`)
          .join(", ")}`,
        content: { [JSON_TYPE]: { schema: errorSchema } },
      },
    },
  };
}
