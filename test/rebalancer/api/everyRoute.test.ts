import { request } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MOST_BODY_BYTES, MOST_URL_CHARACTERS } from "../../../rebalancer/api/app.ts";
import { errorSchema } from "../../../rebalancer/api/schemas.ts";
import { specification } from "../../../rebalancer/api/specification.ts";
import type { RedisHandle } from "../../../rebalancer/cli/demo/redis.ts";
import { type ApiFixture, startApiFixture, TOKEN } from "../../support/apiFixture.ts";
import { generatedVault, generateJournal } from "../../support/generatedJournal.ts";
import { startRedis } from "../../support/redis.ts";

/** What the document says of a route: all that this file knows of it, so that a new route is held to the same. */
interface Operation {
  readonly parameters?: readonly { readonly name: string; readonly in: "path" | "query" }[];
  readonly requestBody?: { readonly content: { readonly "application/json": { readonly schema: BodySchema } } };
  readonly security?: readonly unknown[];
}
interface BodySchema {
  readonly properties: Readonly<Record<string, unknown>>;
  readonly required?: readonly string[];
}
const routes = Object.entries(specification().paths as Record<string, Record<string, Operation>>).flatMap(
  ([path, operations]) => Object.entries(operations).map(([verb, operation]) => ({ path, verb, operation })),
);

let redis: RedisHandle;
let fixture: ApiFixture;
let decision = "";
beforeAll(async () => {
  redis = await startRedis();
  fixture = await startApiFixture({
    redisUrl: redis.url,
    vaults: 2,
    prepare(folder) {
      const ids = generateJournal({ path: join(folder, "journal.db"), vaults: 2, decisions: 3, candidates: 2 });
      decision = ids[0] ?? "";
    },
  });
}, 120_000);
afterAll(async () => {
  await fixture?.stop();
  await redis?.stop();
});

interface Sent {
  readonly verb: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** As it is written here: `fetch` would mend a target or a header, and waits for the end of a stream. */
function send({ verb, path, headers = {}, body }: Sent): Promise<{ status: number; text: string }> {
  const { hostname, port } = new URL(fixture.api.url);
  const length = body === undefined ? {} : { "content-length": Buffer.byteLength(body) };
  const options = { hostname, port, path, method: verb.toUpperCase(), headers: { ...headers, ...length } };
  return new Promise((resolve, reject) => {
    const asked = request(options, (answer) => {
      let text = "";
      const end = () => resolve({ status: answer.statusCode ?? 0, text });
      answer.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      answer.on("end", end);
      if (/event-stream/.test(answer.headers["content-type"] ?? "")) {
        end();
        answer.destroy();
      }
    });
    asked.on("error", reject);
    asked.end(body);
  });
}

/** The answer is an error of one of these statuses that names the field and gives no line of code away. */
async function refused(sent: Sent, statuses: readonly number[], field: RegExp): Promise<void> {
  const { status, text } = await send(sent);
  const what = `${sent.verb} ${sent.path.slice(0, 80)} ${(sent.body ?? "").slice(0, 80)}: ${status} ${text.slice(0, 200)}`;
  expect(statuses, what).toContain(status);
  expect(errorSchema.parse(JSON.parse(text)).error.field, what).toMatch(field);
  expect(text, what).not.toMatch(/\n\s+at |node_modules|\/work\//);
}

const GOOD: Readonly<Record<string, () => string>> = {
  vault: () => generatedVault(0),
  id: () => decision,
  worker: () => "generated-1",
  letter: () => "1",
};
/** The route's path with good parameters, but for the one that is given. */
const filled = (path: string, name = "", value = ""): string =>
  path.replace(/\{(\w+)\}/g, (_, key: string) => (key === name ? value : encodeURIComponent(GOOD[key]?.() ?? "x")));
const allowed = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
/** None of these is a value of any parameter. */
const WRONG = ["!", "\0", "9".repeat(1_500), "%", "__proto__!", "\u{1F600}", "1.5", " 1"] as const;

describe.each(routes)("$verb $path", ({ path, verb, operation }) => {
  const named = (place: "path" | "query") => (operation.parameters ?? []).filter((one) => one.in === place);
  const schema = operation.requestBody?.content["application/json"].schema;
  const headers = allowed;
  const ownOf = ({ properties }: BodySchema) => {
    const good = { reason: "a test", scope: "all", level: 0 };
    return Object.fromEntries(Object.keys(properties).map((key) => [key, Reflect.get(good, key)]));
  };
  const body = schema === undefined ? {} : { body: JSON.stringify(ownOf(schema)) };

  it("names every parameter of its path that is wrong", async () => {
    for (const { name } of named("path"))
      for (const value of WRONG)
        await refused(
          { verb, path: filled(path, name, encodeURIComponent(value)), headers, ...body },
          [400],
          new RegExp(`^path\\.${name}$`),
        );
    for (const { name } of named("path"))
      await refused({ verb, path: filled(path, name, "%zz"), headers, ...body }, [400, 404], /^(path|url)/);
  });

  it("names every parameter of its query that is wrong, twice there, or not known", async () => {
    for (const { name } of named("query")) {
      const field = new RegExp(`^query\\.${name}$`);
      for (const value of ["", ...WRONG])
        await refused({ verb, path: `${filled(path)}?${name}=${encodeURIComponent(value)}`, headers }, [400], field);
      await refused({ verb, path: `${filled(path)}?${name}=1&${name}=1`, headers }, [400], field);
    }
    await refused({ verb, path: `${filled(path)}?nosuch=1`, headers, ...body }, [400], /^query\.nosuch$/);
    await refused({ verb, path: `${filled(path)}?__proto__=1`, headers, ...body }, [400], /^query\.__proto__$/);
  });

  it("refuses a target and headers that are too long, and other verbs", async () => {
    const long = `${filled(path)}?x=${"a".repeat(MOST_URL_CHARACTERS)}`;
    await refused({ verb, path: long, headers, ...body }, [414], /^url$/);
    const stuffed = { ...headers, "x-long": "a".repeat(20_000) };
    await refused({ verb, path: filled(path), headers: stuffed, ...body }, [431], /^headers$/);
    await refused({ verb: "patch", path: filled(path), headers }, [405], /^method$/);
  });

  it("answers whom it may when nothing is wrong", async () => {
    if (verb !== "get") return expect(operation.security, "what changes something needs the token").toHaveLength(1);
    expect([200, 503]).toContain((await send({ verb, path: filled(path) })).status);
  });

  if (schema !== undefined)
    it("refuses a body without the token, in another form, too long, or with a field wrong", async () => {
      const own = ownOf(schema);
      const to = (text: string, change: Record<string, string> = {}): Sent => ({
        verb,
        path: filled(path),
        headers: { ...headers, ...change },
        body: text,
      });
      await refused(to(JSON.stringify(own), { authorization: "" }), [401], /^header\.authorization$/);
      await refused(to(JSON.stringify(own), { "content-type": "text/plain" }), [415], /^header\.content-type$/);
      await refused(to(JSON.stringify(own), { "content-encoding": "br" }), [415], /^header\.content-encoding$/);
      for (const text of ["", "{", "\0", "[1,2", "NaN", `{"reason":"a`, "\ufeff{}"])
        await refused(to(text), [400], /^body$/);
      for (const text of ["null", "[]", "1", `"x"`]) await refused(to(text), [400], /^body/);
      await refused(to(`"${"a".repeat(MOST_BODY_BYTES)}"`), [413], /^body$/);
      await refused(to(`${"[".repeat(30_000)}${"]".repeat(30_000)}`), [400], /^body/);
      await refused(to(JSON.stringify({ ...own, nosuch: 1 })), [400], /^body\.nosuch$/);
      await refused(to(`{"__proto__":1,${JSON.stringify(own).slice(1)}`), [400], /^body/);
      for (const key of Object.keys(schema.properties)) {
        const field = new RegExp(`^body\\.${key}$`);
        const { [key]: _, ...without } = own;
        if (schema.required?.includes(key)) await refused(to(JSON.stringify(without)), [400], field);
        for (const value of [null, {}, [], "\0", -1, 1e308, true, "a".repeat(5_000)])
          await refused(to(JSON.stringify({ ...own, [key]: value })), [400], field);
      }
    });
});

it("looks at every route, and lives after all that", async () => {
  expect(routes.length).toBeGreaterThanOrEqual(17);
  expect((await send({ verb: "get", path: "/healthz" })).status).toBe(200);
  expect((await send({ verb: "get", path: `/v1/decisions/${decision}` })).status).toBe(200);
});
