import { Queue } from "bullmq";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningApi, startApi } from "../../../rebalancer/api/server.ts";
import type { Config } from "../../../rebalancer/config.ts";
import { createLogger } from "../../../rebalancer/log/log.ts";
import { run } from "../../../rebalancer/main.ts";
import { jobIds, queuePrefix } from "../../../rebalancer/queues/queue.ts";
import { bullConnection } from "../../../rebalancer/queues/redis.ts";
import { ask, eventually, readEvents, send } from "../../support/apiClient.ts";
import { type LocalDeployment, startLocalDeployment } from "../../support/deployment.ts";
import { settled } from "../../support/lockstep.ts";

const TOKEN = "correct-horse-battery-staple";

let local: LocalDeployment;
let config: Config;
let api: RunningApi;
let vault: string;
const stop = new AbortController();
let running: Promise<void>;

beforeAll(async () => {
  local = await startLocalDeployment();
  config = local.configure({ "models.challengers": ["rangekeeper"] }).config;
  vault = local.deployment.vault;
  const logger = createLogger({ level: "silent" });
  api = await startApi({ config, listen: "127.0.0.1:0", env: { RANGEKEEPER_API_TOKEN: TOKEN }, logger });
}, 400_000);
afterAll(async () => {
  stop.abort();
  await running;
  await api?.stop();
  await local?.stop();
});

const get = (path: string) => ask(api.url, path);
const nextHour = () => local.tick(3_600 - (local.time % 3_600));

describe("the API beside a worker", () => {
  it("answers 503 naming the journal before a worker has written one, and recovers by itself", async () => {
    const before = await get(`/v1/vaults/${vault}/decisions`);
    expect(before.status).toBe(503);
    expect(before.body.error).toMatchObject({ code: "unavailable", field: "journal" });
    expect(before.body.error.rule).toContain("must exist");
    expect((await get("/readyz")).status).toBe(503);

    running = run({ config, signal: stop.signal, live: true, env: local.env });
    const block = await local.tick(600);
    await Promise.race([settled(local, block), running.then(() => Promise.reject(new Error("the worker ended")))]);
    await settled(local, await local.tick(12));
    const after = await eventually(
      () => get(`/v1/vaults/${vault}/decisions`),
      ({ status, body }) => status === 200 && body.decisions[0]?.status === "confirmed",
    );
    expect(after.body.decisions).toHaveLength(1);
    expect(after.body.decisions[0]).toMatchObject({ action: "move", block, vault });
    expect(
      (
        await eventually(
          () => get("/readyz"),
          ({ status }) => status === 200,
        )
      ).body,
    ).toMatchObject({ ready: true });
  });

  it("shows what the chain says of a vault at the newest block", async () => {
    const { number } = await local.market.rpc.call<{ number: string }>("eth_getBlockByNumber", ["latest", false]);
    const { body } = await eventually(
      () => get(`/v1/vaults/${vault.toLowerCase()}`),
      ({ body }) => body?.live?.block === Number(number),
    );
    expect(body).toMatchObject({ vault, status: "in-range", stop: null, liveError: null, killSwitchSource: "redis" });
    expect(body.settledBlock).toBe(Number(number));
    const [position] = body.live.positions;
    expect(position.lowerPrice).toBeLessThan(body.live.price);
    expect(position.upperPrice).toBeGreaterThan(body.live.price);
    expect(BigInt(body.live.nav)).toBeGreaterThan(9_000n * 10n ** 18n);
    const list = await get("/v1/vaults");
    expect(list.body.vaults.map((one: { vault: string }) => one.vault)).toEqual([vault]);
  });

  it("tells a decision with its candidate table, its challengers and what was sent for it", async () => {
    const { body: page } = await get(`/v1/vaults/${vault}/decisions`);
    const [{ id }] = page.decisions;
    const { body } = await get(`/v1/decisions/${id}`);
    expect(body.candidates.length).toBeGreaterThan(20);
    expect(body.candidates[body.chosen].netBps).toBeGreaterThan(0);
    expect(body.models.map((model: { task: string }) => model.task).sort()).toEqual(["il", "volatility", "yield"]);
    expect(body.inputs.state.vault).toBe(vault);
    expect(body.stated.halfWidth).toBeGreaterThan(0);
    expect(body.stated.variance.q90).toBeGreaterThan(body.stated.variance.q50);
    expect([body.stated.days, body.stated.misses]).toEqual([body.inputs.calibration.days, 0]);
    const [proposal] = body.proposals;
    expect(proposal.steps.map((step: { status: string }) => step.status)).toEqual([
      "proposed",
      "simulated",
      "sent",
      "confirmed",
    ]);
    expect(proposal.transactions[0].hash).toBe(proposal.measured.transactionHash);
    expect(proposal.ranges.map(({ lowerTick }: { lowerTick: number }) => lowerTick)).toEqual([
      body.candidates[body.chosen].range.lowerTick,
    ]);
    const { body: rebalances } = await get(`/v1/vaults/${vault}/rebalances`);
    expect(rebalances.rebalances).toEqual(body.proposals);
    // who has the signed bytes may send them
    expect(JSON.stringify(body)).not.toMatch(/"(raw|signature)"/);
  });

  it("says when nothing has changed since", async () => {
    const { headers } = await get("/v1/models");
    const again = await ask(api.url, "/v1/models", { headers: { "if-none-match": headers.get("etag") ?? "" } });
    expect(again.status).toBe(304);
    expect(again.text).toBe("");
  });

  it("sets predicted beside realised once the horizon has passed, and tells the error of the models", async () => {
    await settled(local, await nextHour());
    await settled(local, await local.tick(24 * 3_600));
    const { body } = await eventually(
      () => get(`/v1/vaults/${vault}/rebalances`),
      ({ body }) => body?.rebalances.at(-1)?.realised !== null,
    );
    const first = body.rebalances.at(-1);
    expect(first.predicted).toMatchObject({ feesBps: expect.any(Number) });
    expect(first.realised).toMatchObject({ feesBps: expect.any(Number), netBps: expect.any(Number) });
    const { body: models } = await get("/v1/models");
    const roles = models.sets.map(({ set, role }: { set: string; role: string }) => [set, role]);
    expect(roles).toContainEqual(["rules", "champion"]);
    expect(roles).toContainEqual(["rangekeeper", "challenger"]);
    const champion = models.sets.find(({ role }: { role: string }) => role === "champion");
    expect(champion.settled).toBeGreaterThan(0);
    expect(champion.netErrorBps).toBeTypeOf("number");
  });

  it("streams what happens, and goes on where a client left off without a gap or a repeat", async () => {
    const all = await readEvents(`${api.url}/v1/events?after=0.0.0.0.0`, {
      enough: (events) => events.filter(({ type }) => type === "decision").length >= 3,
    });
    const kept = all.filter(({ id }) => id !== null);
    expect(kept.map(({ type }) => type)).toContain("step");
    expect(all.map(({ type }) => type)).toContain("head");
    const middle = kept[2];
    const rest = await readEvents(`${api.url}/v1/events`, {
      headers: { "last-event-id": middle?.id ?? "" },
      enough: (events) => events.filter(({ id }) => id !== null).length >= kept.length - 3,
    });
    const told = ({ type, data }: { type: string; data: unknown }) => JSON.stringify([type, data]);
    const seen = kept.slice(0, 3).map(told);
    const later = rest.filter(({ id }) => id !== null).map(told);
    expect([...seen, ...later].sort()).toEqual(kept.map(told).sort());
    const future = readEvents(`${api.url}/v1/events?types=decision&vault=${vault}`, {
      enough: (events) => events.length >= 1,
    });
    await settled(local, await nextHour());
    expect((await future)[0]).toMatchObject({ type: "decision", data: { vault } });
  });

  it("gives an order that the worker obeys at the next block, and takes it back", async () => {
    const order = { scope: vault, level: 1, reason: "looking into it" };
    const given = await ask(api.url, "/v1/stops", send("POST", TOKEN, order));
    expect(given).toMatchObject({ status: 200, body: { journaled: true, pause: [] } });
    const stopped = await get(`/v1/vaults/${vault}`);
    expect(stopped.body.stop).toMatchObject({ level: 1, reason: "looking into it", scope: vault.toLowerCase() });
    const { body } = await get("/v1/stops");
    expect(body).toMatchObject({ stopped: true, killSwitchSource: "redis" });
    const { state } = await settled(local, await nextHour());
    expect(["stopped", "held"]).toContain(state);
    await ask(api.url, "/v1/stops", send("POST", TOKEN, { ...order, level: 0, reason: "all is well" }));
    expect((await get("/v1/stops")).body.stopped).toBe(false);
  });

  it("answers a pause on the chain with what the guardian has to send", async () => {
    const order = { scope: "all", level: 3, reason: "drill" };
    const { body } = await ask(api.url, "/v1/stops", send("POST", TOKEN, order));
    expect(body.pause).toEqual([{ to: vault, data: expect.stringMatching(/^0x[0-9a-f]+$/) }]);
    await ask(api.url, "/v1/stops", send("POST", TOKEN, { scope: "all", level: 0, reason: "drill over" }));
  });

  it("lists a job that was given up, refuses to replay what no queue takes, and drops it", async () => {
    const { body: before } = await get("/v1/queues");
    const [{ worker }] = before.queues;
    const queue = new Queue("execute", {
      connection: bullConnection(config.redis),
      prefix: queuePrefix(config, worker),
    });
    await queue.add("execute", { chainId: "one" }, { jobId: "broken" });
    // a proposal that no journal knows: well-formed, and still nothing can be done about it
    const unknown = { chainId: config.chainId, vault, nonce: "9", digest: `0x${"9".repeat(64)}` };
    await queue.add("execute", unknown, { jobId: jobIds.execute({ ...unknown, vault } as never) });
    const letters = () => get("/v1/dead-letters?queue=execute");
    const waiting = (count: number) => eventually(letters, ({ body }) => body?.deadLetters.length === count);
    const { body } = await waiting(2);
    const broken = body.deadLetters.find(({ jobId }: { jobId: string }) => jobId === "broken");
    expect(broken).toMatchObject({ queue: "execute", payload: '{"chainId":"one"}', ended: null, worker });
    expect(broken.message).toContain("execute payload chainId");
    const counts = await eventually(
      () => get("/v1/queues"),
      ({ body }) =>
        body?.queues.some(({ name, failed }: { name: string; failed: number }) => name === "execute" && failed === 2),
    );
    expect(counts.status).toBe(200);

    const path = `/v1/dead-letters/${worker}/${broken.letter}`;
    const why = { reason: "a test put it there" };
    const refused = await ask(api.url, `${path}/replay`, send("POST", TOKEN, why));
    expect(refused).toMatchObject({ status: 409, body: { error: { code: "conflict", field: "path.letter" } } });
    expect((await ask(api.url, path, send("DELETE", TOKEN, why))).body.dropped.ended).toBe("dropped");
    await waiting(1);
    expect((await ask(api.url, `${path}/replay`, send("POST", TOKEN, why))).status).toBe(409);

    const other = body.deadLetters.find(({ jobId }: { jobId: string }) => jobId !== "broken");
    const replay = `/v1/dead-letters/${worker}/${other.letter}/replay`;
    expect((await ask(api.url, replay, send("POST", TOKEN, why))).body.replayed.ended).toBe("replayed");
    // it ran again, and was given up again: a letter of its own
    const again = await eventually(letters, ({ body }) => body?.deadLetters[0]?.letter > other.letter);
    expect(again.body.deadLetters[0]).toMatchObject({ jobId: other.jobId, ended: null });
    await queue.close();
  });

  it("shows the board to whom has the token, with nothing from elsewhere, and lets nobody change a job by it", async () => {
    expect((await get("/queues")).status).toBe(401);
    const basic = { authorization: `Basic ${Buffer.from(`me:${TOKEN}`).toString("base64")}` };
    const page = await ask(api.url, "/queues", { headers: basic });
    expect(page.status).toBe(200);
    expect(page.text).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
    expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
    const script = /src="(static\/[^"]+)"/.exec(page.text)?.[1];
    expect((await ask(api.url, `/queues/${script}`, { headers: basic })).status).toBe(200);
    const data = await ask(api.url, "/queues/api/queues?activeQueue=execute&page=1", { headers: basic });
    expect(data.body.queues.map(({ name }: { name: string }) => name)).toContain("execute");
    expect(data.body.queues.every(({ readOnlyMode }: { readOnlyMode: boolean }) => readOnlyMode)).toBe(true);
    for (const path of ["/queues/api/queues/execute/pause", "/queues/api/queues/execute/broken/retry/failed"]) {
      const { status } = await ask(api.url, path, { method: "PUT", headers: { authorization: `Bearer ${TOKEN}` } });
      expect(status).toBe(405);
    }
  });

  it("merges what the workers count into its own counters", async () => {
    const { text } = await eventually(
      () => get("/metrics"),
      ({ text }) => /^rangekeeper_decisions_total\{[^}]*\} [1-9]/m.test(text),
    );
    expect(text).toMatch(/^rangekeeper_api_requests_total\{[^}]*route="\/v1\/vaults\/\{vault\}"/m);
  });
});
