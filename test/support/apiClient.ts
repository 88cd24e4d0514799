import type { z } from "zod";
import { ENDPOINTS } from "../../rebalancer/api/routes.ts";

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests say what they expect of it
  readonly body: any;
}

/** Asks a running API; a JSON answer of 200 is held to the schema that the specification gives its route. */
export async function ask(url: string, path: string, init: RequestInit = {}): Promise<ApiAnswer> {
  const response = await fetch(`${url}${path}`, init);
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.startsWith("application/json") === true;
  const body = isJson && text !== "" ? JSON.parse(text) : null;
  if (response.status === 200 && isJson && text !== "") schemaOf(path, init.method ?? "GET")?.parse(body);
  return { status: response.status, headers: response.headers, text, body };
}

/** The schema of a route's answer, refusing fields that it does not list. */
function schemaOf(path: string, method: string): z.ZodType | null {
  const [plain = ""] = path.split("?");
  const found = ENDPOINTS.find(
    (endpoint) =>
      endpoint.method === method.toLowerCase() &&
      new RegExp(`^${endpoint.path.replace(/\./g, "\\.").replace(/\{\w+\}/g, "[^/]+")}$`).test(plain),
  );
  return found !== undefined && "answer" in found ? (found.answer as z.ZodType) : null;
}

/** Sends JSON with a token. */
export const send = (method: string, token: string, body: unknown): RequestInit => ({
  method,
  headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
  body: JSON.stringify(body),
});

/** Asks again until an answer is as it should be; fails with the last one after `limitMilliseconds`. */
export async function eventually(
  work: () => Promise<ApiAnswer>,
  wanted: (answer: ApiAnswer) => boolean,
  limitMilliseconds = 20_000,
): Promise<ApiAnswer> {
  const end = Date.now() + limitMilliseconds;
  for (;;) {
    const answer = await work();
    if (wanted(answer)) return answer;
    if (Date.now() > end) throw new Error(`still ${answer.status} ${answer.text.slice(0, 500)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export interface ServerEvent {
  readonly id: string | null;
  readonly type: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests say what they expect of it
  readonly data: any;
}

/** Reads a stream of server-sent events until `enough` of them have come, then hangs up. */
export async function readEvents(
  url: string,
  { headers = {}, enough }: { headers?: Record<string, string>; enough: (events: readonly ServerEvent[]) => boolean },
): Promise<readonly ServerEvent[]> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(new Error("not enough events came")), 30_000);
  const events: ServerEvent[] = [];
  try {
    const response = await fetch(url, { headers, signal: abort.signal });
    if (response.status !== 200 || response.body === null)
      throw new Error(`${response.status} ${await response.text()}`);
    let text = "";
    for await (const chunk of response.body) {
      text += Buffer.from(chunk as Uint8Array).toString("utf8");
      for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
        const fields = new Map(
          text
            .slice(0, end)
            .split("\n")
            .filter((line) => !line.startsWith(":"))
            .map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]),
        );
        text = text.slice(end + 2);
        const data = fields.get("data");
        if (data !== undefined)
          events.push({ id: fields.get("id") ?? null, type: fields.get("event") ?? "message", data: JSON.parse(data) });
      }
      if (enough(events)) return events;
    }
    throw new Error("the stream ended");
  } finally {
    clearTimeout(timer);
    abort.abort();
  }
}
