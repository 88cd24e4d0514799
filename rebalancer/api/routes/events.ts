import type { ServerResponse } from "node:http";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { z } from "@hono/zod-openapi";
import { explain } from "../../errors.ts";
import { type ApiContext, vaultAt } from "../context.ts";
import { defineRawEndpoint } from "../endpoint.ts";
import { ApiError } from "../errors.ts";
import { FRESHNESS_MILLISECONDS } from "../journals.ts";
import { SECURITY_HEADERS } from "../respond.ts";
import { address } from "../schemas.ts";
import { PLACE, TAIL_TYPES, type TailEvent } from "../tail.ts";

const MOST_CLIENTS = 64;
const PAGE = 200;
const HEARTBEAT_MILLISECONDS = 15_000;

const typeSchema = z.enum([...TAIL_TYPES, "head"]);
type EventType = z.output<typeof typeSchema>;
const typesSchema = z
  .string()
  .regex(/^[a-z]+(,[a-z]+){0,9}$/, "must be types apart by commas")
  .transform((text) => text.split(","))
  .pipe(z.array(typeSchema));

const place = z.string().max(2_000).regex(PLACE, "must be the id of an event of this stream");

/** Server-sent events: what the journals write down and every new head, from now on or from where a client left off. */
export const streamEvents = defineRawEndpoint({
  method: "get",
  path: "/v1/events",
  tag: "events",
  summary:
    "Server-sent events: decision, step, rest, outcome, stop and head; Last-Event-ID goes on where a client left off",
  mediaType: "text/event-stream",
  query: z.strictObject({
    vault: address.optional(),
    types: typesSchema.optional().openapi({ type: "string", description: "apart by commas; absent = all" } as never),
    after: place
      .optional()
      .openapi({ description: 'like Last-Event-ID, for clients that cannot set it; "0.0.0.0.0" = all' }),
  }),
  respond(context, { query }, http) {
    const { incoming, outgoing } = http.env;
    const header = incoming.headers["last-event-id"];
    const given = typeof header === "string" && header !== "" ? header : query.after;
    if (given !== undefined && !place.safeParse(given).success)
      throw new ApiError("bad-request", {
        field: "header.last-event-id",
        value: given,
        rule: "must be the id of an event of this stream",
      });
    const vault = query.vault === undefined ? null : vaultAt(context, query.vault).vault;
    const start = given ?? context.tail.end();
    if (context.metrics.streams() >= MOST_CLIENTS)
      throw new ApiError("too-many-requests", {
        field: "streams",
        value: MOST_CLIENTS,
        rule: `at most ${MOST_CLIENTS} at a time`,
        headers: { "retry-after": "10" },
      });
    const headers = {
      ...SECURITY_HEADERS,
      "cache-control": "no-store",
      "content-type": "text/event-stream; charset=utf-8",
      "x-accel-buffering": "no",
    };
    if (http.req.method === "HEAD") return new Response(null, { headers });
    outgoing.writeHead(200, headers);
    outgoing.write(`retry: 2000\n: from ${start}\n\n`);
    const types = query.types === undefined ? null : new Set<EventType>(query.types);
    void follow(context, outgoing as ServerResponse, { start, vault, types });
    return RESPONSE_ALREADY_SENT;
  },
});

interface Wanted {
  readonly start: string;
  readonly vault: string | null;
  readonly types: ReadonlySet<EventType> | null;
}

/** Writes events until the client goes. It is asked to take one page before the next one is read: nothing piles up. */
async function follow(context: ApiContext, outgoing: ServerResponse, { start, vault, types }: Wanted): Promise<void> {
  const { tail, chain, metrics, logger, patience } = context;
  const wanted = ({ type, vault: of }: TailEvent) =>
    (types === null || types.has(type)) && (vault === null || of === null || of === vault);
  let place = start;
  let newHead = true;
  let spokenAt = Date.now();
  let wake: (() => void) | null = null;
  const unsubscribe = chain.onHead(() => {
    newHead = true;
    wake?.();
  });
  outgoing.once("close", () => wake?.());
  metrics.streamOpened();
  try {
    while (!outgoing.destroyed && !outgoing.writableEnded) {
      let text = "";
      let more = false;
      const head = newHead && vault === null && (types === null || types.has("head")) ? chain.head() : null;
      newHead = false;
      if (head !== null) text += headEvent(head.block);
      try {
        const page = tail.after(place, PAGE);
        for (const event of page.events) if (wanted(event)) text += eventText(event);
        // A client that wants few of many events must still learn how far it came.
        if (text === "" && page.events.length > 0) text = `id: ${page.place}\n\n`;
        place = page.place;
        more = page.events.length >= PAGE;
      } catch (error) {
        // The journal comes back: until then the stream stays open and silent.
        logger.debug({ stage: "api" }, explain(error));
      }
      if (text === "" && Date.now() - spokenAt >= HEARTBEAT_MILLISECONDS) text = ": still here\n\n";
      if (text !== "") {
        spokenAt = Date.now();
        if (!(await take(outgoing, text, patience.streamMilliseconds))) return;
      }
      if (!more)
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, FRESHNESS_MILLISECONDS);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
    }
  } finally {
    unsubscribe();
    metrics.streamClosed();
    outgoing.destroy();
  }
}

/** False when the client did not take it in time, and was let go; it comes back with Last-Event-ID. */
function take(outgoing: ServerResponse, text: string, patienceMilliseconds: number): Promise<boolean> {
  if (outgoing.write(text)) return Promise.resolve(true);
  return new Promise((resolve) => {
    const finish = (taken: boolean) => {
      clearTimeout(timer);
      outgoing.off("drain", onDrain);
      outgoing.off("close", onClose);
      resolve(taken);
    };
    const onDrain = () => finish(true);
    const onClose = () => finish(false);
    const timer = setTimeout(() => {
      outgoing.destroy();
      finish(false);
    }, patienceMilliseconds);
    outgoing.once("drain", onDrain);
    outgoing.once("close", onClose);
  });
}

const eventText = ({ id, type, data }: TailEvent): string => `id: ${id}\nevent: ${type}\ndata: ${data}\n\n`;

const headEvent = ({ number, hash, timestamp }: { number: number; hash: string; timestamp: number }): string =>
  `event: head\ndata: ${JSON.stringify({ block: number, blockHash: hash, atSeconds: timestamp })}\n\n`;
