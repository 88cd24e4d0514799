import { cpSync, existsSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import fc from "fast-check";
import Libsql from "libsql";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { STATUS_OF_CODE } from "../../../rebalancer/api/errors.ts";
import { ENDPOINTS } from "../../../rebalancer/api/routes.ts";
import type { RedisHandle } from "../../../rebalancer/cli/demo/redis.ts";
import { ask, eventually, send } from "../../support/apiClient.ts";
import { type ApiFixture, startApiFixture, TOKEN } from "../../support/apiFixture.ts";
import { generatedVault, generateJournal } from "../../support/generatedJournal.ts";
import { startRedis } from "../../support/redis.ts";

const VAULTS = 12;
const DECISIONS = 30;
const VAULT = generatedVault(0);

let redis: RedisHandle;
let fixture: ApiFixture;
let ids: readonly string[];
beforeAll(async () => {
  redis = await startRedis();
  fixture = await startApiFixture({
    redisUrl: redis.url,
    vaults: VAULTS,
    journals: ["other.db"],
    patience: { headersMilliseconds: 400, requestMilliseconds: 800, streamMilliseconds: 400 },
    prepare(folder) {
      const shape = { vaults: VAULTS, decisions: DECISIONS, candidates: 20 };
      ids = generateJournal({ path: join(folder, "journal.db"), ...shape });
      // A second worker that knows the older half of the same decisions.
      generateJournal({ path: join(folder, "other.db"), ...shape, decisions: DECISIONS / 2, seed: 2 });
    },
  });
  await eventually(
    () => get("/v1/stops"),
    ({ status, body }) => status === 200 && body.killSwitchSource === "redis",
  );
}, 120_000);
afterAll(async () => {
  await fixture?.stop();
  await redis?.stop();
});

const get = (path: string, init?: RequestInit) => ask(fixture.api.url, path, init);
const alive = async () => expect((await get("/healthz")).status).toBe(200);

describe("lists", () => {
  it("give every decision once, newest first, through all pages and over all journals", async () => {
    const seen: string[] = [];
    let path: string | null = `/v1/vaults/${VAULT}/decisions?limit=7`;
    while (path !== null) {
      const { body } = await get(path);
      seen.push(...body.decisions.map(({ id }: { id: string }) => id));
      path = body.next === null ? null : `/v1/vaults/${VAULT}/decisions?limit=7&before=${body.next}`;
    }
    expect(seen).toEqual(ids.filter((id) => id.includes(VAULT.toLowerCase())).reverse());
  });

  it("give only what was asked for", async () => {
    const { body } = await get(`/v1/vaults/${VAULT}/decisions?action=move&limit=500`);
    expect(body.decisions.length).toBeGreaterThan(1);
    expect(new Set(body.decisions.map(({ action }: { action: string }) => action))).toEqual(new Set(["move"]));
    expect((await get(`/v1/vaults/${VAULT}/decisions?reason=cooldown`)).body.decisions).toEqual([]);
  });

  it("page through rebalances and vaults", async () => {
    const { body: all } = await get(`/v1/vaults/${VAULT}/rebalances?limit=100`);
    const first = (await get(`/v1/vaults/${VAULT}/rebalances?limit=1`)).body;
    const second = (await get(`/v1/vaults/${VAULT}/rebalances?limit=1&before=${first.next}`)).body;
    expect([...first.rebalances, ...second.rebalances]).toEqual(all.rebalances.slice(0, 2));
    const page = (await get("/v1/vaults?limit=5")).body;
    const next = (await get(`/v1/vaults?limit=500&after=${page.next}`)).body;
    expect([...page.vaults, ...next.vaults].map(({ vault }) => vault)).toEqual(
      Array.from({ length: VAULTS }, (_, index) => generatedVault(index)),
    );
    expect(next.next).toBeNull();
  });
});

/** Sends bytes as they are and returns all that comes back until the server hangs up or falls silent. */
function raw(bytes: string | Buffer, { hold = false } = {}): Promise<string> {
  const { port } = new URL(fixture.api.url);
  return new Promise((resolve, reject) => {
    let text = "";
    const socket: Socket = connect(Number(port), "127.0.0.1", () => socket.write(bytes));
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      // One whole answer is enough, unless the question is when the server hangs up.
      const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? Number.NaN);
      const end = text.indexOf("\r\n\r\n");
      if (!hold && end >= 0 && text.length >= end + 4 + length) socket.destroy();
    });
    socket.on("close", () => resolve(text));
    socket.on("error", (error: NodeJS.ErrnoException) =>
      error.code === "ECONNRESET" || error.code === "EPIPE" ? resolve(text) : reject(error),
    );
    socket.setTimeout(10_000, () => {
      socket.destroy();
      reject(new Error(`no answer to ${String(bytes).slice(0, 60)}: ${text}`));
    });
  });
}

const host = "Host: 127.0.0.1\r\n";
const json = "Content-Type: application/json\r\n";
const bearer = `Authorization: Bearer ${TOKEN}\r\n`;
const RAW: readonly (readonly [string, string | Buffer, number])[] = [
  ["no HTTP at all", "\u0016\u0003\u0001\u0002hello\r\n\r\n", 400],
  ["a bad verb", `BREW /v1/vaults HTTP/1.1\r\n${host}\r\n`, 400],
  ["a version from the future", `GET /healthz HTTP/9.9\r\n${host}\r\n`, 400],
  ["no host", "GET /healthz HTTP/1.1\r\n\r\n", 400],
  ["a host that is none", "GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n", 400],
  ["another site's name", "GET /v1/stops HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421],
  ["a null byte in the target", `GET /v1/vaults/\0 HTTP/1.1\r\n${host}\r\n`, 400],
  ["an encoded null byte", `GET /v1/vaults/%00 HTTP/1.1\r\n${host}\r\n`, 400],
  ["a broken escape", `GET /v1/vaults/%zz HTTP/1.1\r\n${host}\r\n`, 400],
  ["a way out", `GET /../../etc/passwd HTTP/1.1\r\n${host}\r\n`, 404],
  ["an encoded way out", `GET /queues/static/..%2f..%2f..%2fpackage.json HTTP/1.1\r\n${host}${bearer}\r\n`, 404],
  ["an absolute target", `GET http://evil.example/v1/stops HTTP/1.1\r\n${host}\r\n`, 200],
  ["a long target", `GET /v1/vaults?after=${"a".repeat(4_000)} HTTP/1.1\r\n${host}\r\n`, 414],
  ["long headers", `GET /healthz HTTP/1.1\r\n${host}X: ${"a".repeat(20_000)}\r\n\r\n`, 431],
  ["many headers", `GET /healthz HTTP/1.1\r\n${host}${"X: 1\r\n".repeat(20_000)}\r\n`, 431],
  ["two lengths", `POST /v1/stops HTTP/1.1\r\n${host}Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}`, 400],
  [
    "a length and chunks",
    `POST /v1/stops HTTP/1.1\r\n${host}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}`,
    400,
  ],
  ["a negative length", `POST /v1/stops HTTP/1.1\r\n${host}Content-Length: -1\r\n\r\n`, 400],
  [
    "a bad chunk",
    `POST /v1/stops HTTP/1.1\r\n${host}${bearer}${json}Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n`,
    400,
  ],
  ["an announced flood", `POST /v1/stops HTTP/1.1\r\n${host}${bearer}${json}Content-Length: 99999999\r\n\r\n{`, 413],
  [
    "a flood in chunks",
    `POST /v1/stops HTTP/1.1\r\n${host}${bearer}${json}Transfer-Encoding: chunked\r\n\r\n${`4000\r\n${"a".repeat(0x4000)}\r\n`.repeat(5)}0\r\n\r\n`,
    413,
  ],
  [
    "packed content",
    `POST /v1/stops HTTP/1.1\r\n${host}${bearer}${json}Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}`,
    415,
  ],
  ["an upgrade", `GET /healthz HTTP/1.1\r\n${host}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`, 200],
];

describe("the border", () => {
  for (const [name, bytes, status] of RAW)
    it(`answers ${name} with ${status}`, async () => {
      const answer = await raw(bytes);
      expect(Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1])).toBe(status);
      expect(answer).not.toMatch(/\n\s+at |node_modules|\/work\//);
      await alive();
    });

  it("hangs up on whoever sends headers or a body byte by byte", async () => {
    expect(await raw(`GET /healthz HTTP/1.1\r\n${host}X-Slow: `, { hold: true })).toMatch(/^HTTP\/1\.1 408/);
    const begun = `POST /v1/stops HTTP/1.1\r\n${host}${bearer}${json}Content-Length: 50\r\n\r\n{"scope"`;
    const answer = await raw(begun, { hold: true });
    expect(answer === "" || /^HTTP\/1\.1 408/.test(answer)).toBe(true);
    await alive();
  });

  const path = "/v1/stops";
  const order = { scope: "all", level: 0, reason: "a test" };
  const refused: readonly (readonly [string, string, RequestInit, number, string])[] = [
    [
      "an order without the token",
      path,
      { ...send("POST", TOKEN, order), headers: json2() },
      401,
      "header.authorization",
    ],
    ["an order with a wrong token", path, send("POST", `${TOKEN}x`, order), 401, "header.authorization"],
    ["an order of an unknown level", path, send("POST", TOKEN, { ...order, level: 4 }), 400, "body.level"],
    ["an order without a reason", path, send("POST", TOKEN, { scope: "all", level: 1 }), 400, "body.reason"],
    [
      "an order for a stranger",
      path,
      send("POST", TOKEN, { ...order, scope: `0x${"9".repeat(40)}` }),
      404,
      "path.vault",
    ],
    ["an unknown field", path, send("POST", TOKEN, { ...order, colour: "blue" }), 400, "body.colour"],
    ["a body that is no JSON", path, { ...send("POST", TOKEN, order), body: "{" }, 400, "body"],
    [
      "a body that is a form",
      path,
      { ...send("POST", TOKEN, order), headers: { authorization: `Bearer ${TOKEN}`, "content-type": "text/plain" } },
      415,
      "header.content-type",
    ],
    [
      "a letter that is not there",
      "/v1/dead-letters/nobody/1",
      send("DELETE", TOKEN, { reason: "x" }),
      404,
      "path.worker",
    ],
    ["an absurd limit", `/v1/vaults/${VAULT}/decisions?limit=999999`, {}, 400, "query.limit"],
    ["a limit of nothing", `/v1/vaults/${VAULT}/decisions?limit=0`, {}, 400, "query.limit"],
    ["a limit that is no number", `/v1/vaults/${VAULT}/decisions?limit=1e3`, {}, 400, "query.limit"],
    ["a limit twice", `/v1/vaults/${VAULT}/decisions?limit=1&limit=2`, {}, 400, "query.limit"],
    ["an unknown parameter", "/v1/vaults?colour=blue", {}, 400, "query.colour"],
    ["a parameter of an object's own", "/v1/vaults?__proto__=1", {}, 400, "query.__proto__"],
    ["an address that is none", "/v1/vaults/0x12", {}, 400, "path.vault"],
    ["a vault that is not ours", `/v1/vaults/0x${"9".repeat(40)}`, {}, 404, "path.vault"],
    ["a decision that is not there", `/v1/decisions/1-0x${"9".repeat(40)}-5-0xaa`, {}, 404, "path.id"],
    ["an injection", `/v1/decisions/${encodeURIComponent("' OR 1=1 --")}`, {}, 400, "path.id"],
    ["a cursor that is none", `/v1/vaults/${VAULT}/rebalances?before=x`, {}, 400, "query.before"],
    ["a stream from nowhere", "/v1/events", { headers: { "last-event-id": "yesterday" } }, 400, "header.last-event-id"],
    ["a path that is none", "/v2/vaults", {}, 404, "url"],
  ];
  for (const [name, to, init, status, field] of refused)
    it(`answers ${name} with ${status}, naming ${field}`, async () => {
      const answer = await get(to, init);
      expect(answer.status).toBe(status);
      expect(answer.body.error).toMatchObject({
        field,
        rule: expect.any(String),
        message: expect.stringContaining(field),
      });
      expect(answer.headers.get("access-control-allow-origin")).toBeNull();
      expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    });

  it("names the verbs that a path knows", async () => {
    for (const { path, method } of ENDPOINTS) {
      const to = path
        .replace("{vault}", VAULT)
        .replace("{id}", ids[0] ?? "")
        .replace("{worker}", "w")
        .replace("{letter}", "1");
      const answer = await get(to, { method: "PUT" });
      expect([path, answer.status]).toEqual([path, 405]);
      expect(answer.headers.get("allow")).toContain(method.toUpperCase());
      expect((await get(to, { method: "OPTIONS" })).status).toBe(204);
      if (method === "get") {
        const head = await get(to, { method: "HEAD" });
        expect([path, head.status, head.text]).toEqual([path, path === "/readyz" ? 503 : 200, ""]);
      }
    }
  });

  it("answers any request in one of its ways, and lives", async () => {
    const statuses = new Set<number>([200, 204, 304, ...Object.values(STATUS_OF_CODE)]);
    const part = fc.oneof(
      fc.string({ maxLength: 40 }),
      fc.constantFrom("v1", "vaults", VAULT, "decisions", "events", "stops", "..", "%00"),
    );
    const request = fc.record({
      parts: fc.array(part, { maxLength: 5 }),
      query: fc.dictionary(
        fc.constantFrom("limit", "before", "after", "action", "types", "x"),
        fc.string({ maxLength: 30 }),
        { maxKeys: 3 },
      ),
      method: fc.constantFrom("GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS"),
      body: fc.option(fc.oneof(fc.string({ maxLength: 200 }), fc.json({ maxDepth: 4 })), { nil: undefined }),
      token: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(request, async ({ parts, query, method, body, token }) => {
        const to = `/${parts.map((text) => encodeURIComponent(text)).join("/")}?${new URLSearchParams(query)}`;
        if (/^\/v1\/events/.test(to)) return;
        const hasBody = body !== undefined && !["GET", "HEAD"].includes(method);
        const headers = { "content-type": "application/json", ...(token ? { authorization: `Bearer ${TOKEN}` } : {}) };
        const answer = await get(to, { method, headers, ...(hasBody ? { body } : {}) });
        expect(statuses).toContain(answer.status);
        expect(answer.status).not.toBe(500);
        if (answer.status >= 400 && method !== "HEAD") expect(Object.keys(answer.body)).toEqual(["error"]);
      }),
      { numRuns: 400, seed: 6 },
    );
    await alive();
  });

  it("lets a reader go that takes nothing, without piling up what it does not take", async () => {
    // More than all buffers on the way hold.
    const reason = "long ".repeat(1_000);
    const busy = await startApiFixture({
      redisUrl: redis.url,
      vaults: 1,
      patience: { headersMilliseconds: 5_000, requestMilliseconds: 5_000, streamMilliseconds: 300 },
      prepare: (folder) =>
        void generateJournal({ path: join(folder, "journal.db"), vaults: 40, decisions: 100, candidates: 1, reason }),
    });
    try {
      const { port } = new URL(busy.api.url);
      const streams = async () => {
        const { text } = await ask(busy.api.url, "/metrics");
        return Number(/^rangekeeper_api_event_streams (\d+)/m.exec(text)?.[1]);
      };
      const reach = async (count: number) => {
        const end = Date.now() + 20_000;
        while ((await streams()) !== count && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 20));
        expect(await streams()).toBe(count);
      };
      const socket = connect(Number(port), "127.0.0.1");
      socket.on("error", () => undefined);
      socket.pause();
      socket.write(`GET /v1/events?after=0.0.0.0.0 HTTP/1.1\r\n${host}\r\n`);
      await reach(1);
      await reach(0);
      socket.destroy();
    } finally {
      await busy.stop();
    }
  });
});

const json2 = () => ({ "content-type": "application/json" });

describe("what it needs", () => {
  it("says which journal cannot be read, and reads it again when it can", async () => {
    const { journalPath } = fixture;
    const list = () => get(`/v1/vaults/${VAULT}/decisions`);
    expect((await list()).status).toBe(200);
    for (const end of ["", "-wal", "-shm"]) {
      try {
        renameSync(`${journalPath}${end}`, `${journalPath}.kept${end}`);
      } catch {}
    }
    const missing = await eventually(list, ({ status }) => status === 503);
    expect(missing.body.error).toMatchObject({ code: "unavailable", field: "journal" });
    expect(missing.headers.get("retry-after")).toBe("1");
    expect(missing.text).not.toContain(fixture.folder);
    writeFileSync(journalPath, "this is no database, however long one looks at it ".repeat(50));
    const garbage = await eventually(list, ({ body }) => /not a database/.test(body?.error?.rule ?? ""));
    expect(garbage.status).toBe(503);
    expect((await get("/readyz")).status).toBe(503);
    rmSync(journalPath);
    for (const end of ["", "-wal", "-shm"]) {
      try {
        renameSync(`${journalPath}.kept${end}`, `${journalPath}${end}`);
      } catch {}
    }
    await eventually(list, ({ status }) => status === 200);
  });

  it("answers 503 while a journal is locked, at once, and 200 when it is free", async () => {
    let lock: InstanceType<typeof Libsql> | null = null;
    const locked = await startApiFixture({
      redisUrl: redis.url,
      vaults: 1,
      prepare(folder) {
        const path = join(folder, "journal.db");
        const written = join(folder, "written.db");
        generateJournal({ path: written, vaults: 1, decisions: 2 });
        for (const end of ["", "-wal"]) if (existsSync(`${written}${end}`)) cpSync(`${written}${end}`, `${path}${end}`);
        lock = new Libsql(path);
        // As a repair or a restore takes it: nobody else may even read.
        lock.pragma("locking_mode = EXCLUSIVE");
        lock.exec("BEGIN EXCLUSIVE; CREATE TABLE lock_test (a)");
      },
    });
    try {
      const list = () => ask(locked.api.url, `/v1/vaults/${VAULT}/decisions`);
      const before = Date.now();
      expect(await list()).toMatchObject({ status: 503, body: { error: { field: "journal" } } });
      expect(Date.now() - before).toBeLessThan(4_000);
      (lock as unknown as { exec(sql: string): void; close(): void }).exec("ROLLBACK");
      (lock as unknown as { close(): void }).close();
      expect((await eventually(list, ({ status }) => status === 200)).body.decisions).toHaveLength(2);
    } finally {
      await locked.stop();
    }
  });

  it("refuses to listen elsewhere without a token, and to take a token that is easily guessed", async () => {
    const start = (listen: string, env: NodeJS.ProcessEnv) =>
      startApiFixture({ redisUrl: redis.url, vaults: 1, listen, env });
    await expect(start("0.0.0.0:0", {})).rejects.toThrow(/api\.listen: 0\.0\.0\.0:0; rule: .*RANGEKEEPER_API_TOKEN/);
    await expect(start("127.0.0.1:0", { RANGEKEEPER_API_TOKEN: "short" })).rejects.toThrow(/at least 16/);
    await expect(start("127.0.0.1:99999", {})).rejects.toThrow(/port from 0 to 65535/);
    const { port } = new URL(fixture.api.url);
    await expect(start(`127.0.0.1:${port}`, {})).rejects.toThrow(/must be free to listen at/);
  });

  it("answers 403 naming the variable where no token was given", async () => {
    const open = await startApiFixture({ redisUrl: redis.url, vaults: 1, env: {} });
    try {
      const answer = await ask(open.api.url, "/v1/stops", send("POST", TOKEN, { scope: "all", level: 1, reason: "x" }));
      expect(answer).toMatchObject({ status: 403, body: { error: { field: "RANGEKEEPER_API_TOKEN" } } });
      expect((await ask(open.api.url, "/queues")).status).toBe(403);
    } finally {
      await open.stop();
    }
  });

  it("goes on without Redis: orders from the journals, 503 where only Redis knows", async () => {
    const own = await startRedis();
    const lonely = await startApiFixture({
      redisUrl: own.url,
      vaults: 1,
      prepare: (folder) => void generateJournal({ path: join(folder, "journal.db"), vaults: 1, decisions: 2 }),
    });
    try {
      const { url } = lonely.api;
      await eventually(
        () => ask(url, "/v1/queues"),
        ({ status }) => status === 200,
      );
      const order = { scope: "all", level: 2, reason: "kept in the journal" };
      expect((await ask(url, "/v1/stops", send("POST", TOKEN, order))).body.journaled).toBe(true);
      await own.stop();
      const stops = await eventually(
        () => ask(url, "/v1/stops"),
        ({ body }) => body?.killSwitchSource === "journals",
      );
      expect(stops.body).toMatchObject({ stopped: true, orders: [{ level: 2, reason: "kept in the journal" }] });
      expect((await ask(url, "/v1/vaults")).body).toMatchObject({ vaults: [{ stop: { level: 2 } }] });
      const queues = await eventually(
        () => ask(url, "/v1/queues"),
        ({ status }) => status === 503,
      );
      expect(queues.body.error.field).toBe("redis");
      expect((await ask(url, "/v1/stops", send("POST", TOKEN, order))).status).toBe(503);
      expect((await ask(url, "/metrics")).status).toBe(200);
    } finally {
      await lonely.stop();
      await own.stop();
    }
  });
});
