import { type Answer, toAnswer } from "../answers.ts";
import { defineRawEndpoint } from "../endpoint.ts";
import { respondJson } from "../respond.ts";

let kept: Answer | null = null;

export const getOpenapi = defineRawEndpoint({
  method: "get",
  path: "/openapi.json",
  tag: "health",
  summary: "This specification (OpenAPI 3.1)",
  mediaType: "application/json",
  async respond(_context, _input, http) {
    // Loaded late: the specification lists this route too.
    kept ??= toAnswer((await import("../specification.ts")).specification());
    return respondJson(kept, http.env.incoming.headers["if-none-match"]);
  },
});
