import { createRequire } from "node:module";
import { dirname } from "node:path";
import { createBullBoard } from "@bull-board/api";
import { BullMQAdapter } from "@bull-board/api/bullMQAdapter";
import { HonoAdapter } from "@bull-board/hono";
import type { HttpBindings } from "@hono/node-server";
import { serveStatic } from "@hono/node-server/serve-static";
import type { Queue } from "bullmq";
import { Hono } from "hono";
import { payloadSchemas, type QueueName } from "../queues/queue.ts";
import type { Http } from "./endpoint.ts";
import { ApiError } from "./errors.ts";
import { routeOf } from "./metrics.ts";
import { SECURITY_HEADERS } from "./respond.ts";
import type { SharedView } from "./sharedView.ts";
import { checkToken } from "./token.ts";

const BASE = "/queues";
/** The page's own files, and nothing from anywhere else. */
const BOARD_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'";

export interface CreateBoardParameters {
  readonly shared: Pick<SharedView, "workers">;
  readonly token: string | null;
}

/** The page of BullMQ's queues, to look at only: no route of it that would change a job is reachable. */
export function createBoard({ shared, token }: CreateBoardParameters): (http: Http) => Promise<Response> {
  const names = Object.keys(payloadSchemas) as QueueName[];
  const adapter = new HonoAdapter(serveStatic);
  const { setQueues } = createBullBoard({
    queues: [],
    serverAdapter: adapter,
    options: {
      uiBasePath: dirname(createRequire(import.meta.url).resolve("@bull-board/ui/package.json")),
      uiConfig: { boardTitle: "Rangekeeper queues", hideRedisDetails: true },
    },
  });
  adapter.setBasePath(BASE);
  const board = new Hono<{ Bindings: HttpBindings }>().route(BASE, adapter.registerPlugin());

  let shown = "";

  /** The queues of the workers that there are now; with several, each one's first letters before its queues' names. */
  const bringUpToDate = () => {
    const workers = shared.workers();
    const key = workers.map(({ worker }) => worker).join(" ");
    if (key === shown) return;
    const prefixed = (worker: string) => (workers.length === 1 ? {} : { prefix: `${worker.slice(0, 8)} ` });
    setQueues(
      workers.flatMap(({ worker, queues }) =>
        names.map((name) => new BullMQAdapter(queues[name] as Queue, { readOnlyMode: true, ...prefixed(worker) })),
      ),
    );
    shown = key;
  };

  return async (http) => {
    routeOf.set(http.env.outgoing, BASE);
    checkToken({ authorization: http.env.incoming.headers.authorization, token, allowBasic: true });
    bringUpToDate();
    const response = await board.fetch(http.req.raw, http.env);
    if (response.status === 404)
      throw new ApiError("not-found", { field: "url", value: http.req.path, rule: "must be a page of the board" });
    const headers = new Headers(response.headers);
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) headers.set(name, value);
    headers.set("content-security-policy", BOARD_POLICY);
    headers.set("cache-control", "no-store");
    if (!(headers.get("content-type") ?? "").startsWith("text/html"))
      return new Response(response.body, { status: response.status, headers });
    headers.delete("content-length");
    return new Response(withoutForeignLinks(await response.text()), { status: response.status, headers });
  };
}

/** The page as shipped asks a third party for its fonts. */
const withoutForeignLinks = (html: string): string => html.replace(/<link[^>]+href="https?:[^>]*>/g, "");
