import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openEventWriter, readStoredEvents } from "../../ml/data/store/events.ts";
import type { StoredEvent } from "../../ml/data/store/eventTypes.ts";
import { readManifest } from "../../ml/data/store/manifest.ts";
import { FEATURE_NAMES } from "../../ml/features/index.ts";
import { loadModelSet } from "../../ml/models/index.ts";
import type { ModelSet } from "../../ml/types.ts";
import { getTickAtSqrtPrice } from "../../ml/units.ts";
import { registerData } from "../../rebalancer/cli/data.ts";
import { registerParity } from "../../rebalancer/cli/parity.ts";
import type { Config } from "../../rebalancer/config.ts";
import { openDatabase } from "../../rebalancer/journal/database.ts";
import { openJournal } from "../../rebalancer/journal.ts";
import { storedEvents } from "../../rebalancer/parity/events.ts";
import { type ParityParameters, type ParityReport, parity } from "../../rebalancer/parity/parity.ts";
import { type LocalDeployment, startLocalDeployment } from "../support/deployment.ts";
import { liveHours } from "../support/liveHours.ts";
import { verbRunner } from "../support/verb.ts";

const HOURS = 30;
let local: LocalDeployment;
let played: { path: string; config: Config };
let folder: string;
let dataset: string;
beforeAll(async () => {
  local = await startLocalDeployment();
  // Moves are wanted here, good or not: the right to wait weighs nothing.
  const changes = { "decision.waitWeight": 0 };
  played = await liveHours({ local, hours: HOURS, changes, baseFeePerGas: 8_000_000_000n });
  folder = mkdtempSync(join(tmpdir(), "rangekeeper-parity-test-"));
}, 400_000);
afterAll(() => local?.stop());

const runParity = verbRunner(registerParity, "parity");
const runData = verbRunner(registerData, "data");

/** A feature among recorded values. */
const at = (values: readonly (number | null)[] | undefined, name: string): number =>
  values?.[FEATURE_NAMES.indexOf(name)] ?? Number.NaN;

/** The live worker's journal, compared with a dataset. */
async function compare(
  data: string,
  more: Partial<ParityParameters> = {},
  journalPath = played.config.journal.path,
): Promise<ParityReport> {
  const journal = openJournal(journalPath, () => "reader");
  try {
    return await parity({ journal, source: storedEvents(data), ...more });
  } finally {
    journal.close();
  }
}

/** The exported dataset with its events changed. */
function changed(name: string, change: (event: StoredEvent, index: number) => StoredEvent | null): string {
  const manifest = readManifest(dataset);
  const copy = join(folder, name);
  const writer = openEventWriter(copy, { manifest: { name, pool: manifest.pool, fetch: manifest.fetch } });
  for (const [index, event] of [...readStoredEvents(dataset)].flat().entries()) {
    const kept = change(event, index);
    if (kept !== null) writer.append(kept);
  }
  writer.commit();
  return copy;
}

describe("parity", () => {
  it("finds no difference in a live worker's hours, with moves, from the node", async () => {
    const { status, stdout } = await runParity("--config", played.path, "--json");
    const report = JSON.parse(stdout) as ParityReport;
    expect(report).toMatchObject({ decisions: HOURS, replayed: HOURS, different: 0, orphaned: 0, withoutInputs: 0 });
    expect(report.markets).toMatchObject([{ played: true }]);
    expect(status).toBe(0);
    const journal = openJournal(played.config.journal.path, () => "reader");
    const moves = journal.proposals({ status: ["confirmed"] });
    journal.close();
    expect(moves.length).toBeGreaterThanOrEqual(3);
  });

  it("tells features each block's own base fee, live and again", () => {
    const journal = openJournal(played.config.journal.path, () => "reader");
    const fees = journal.decisionPlaces().map(({ id }) => {
      const { features } = journal.decision(id)?.decision ?? {};
      return [Number(journal.inputs(id)?.baseFeePerGas) / 1e9, Math.exp(at(features?.values, "log_base_fee"))] as const;
    });
    journal.close();
    expect(new Set(fees.map(([gwei]) => gwei)).size).toBeGreaterThan(HOURS / 2);
    for (const [gwei, told] of fees) expect(told).toBeCloseTo(gwei, 9);
  });

  it("finds none from an exported store, whatever the node says", async () => {
    const fetched = await runData(
      ...["fetch", "--rpc", local.market.anvil.url, "--pool", local.market.deployment.pool, "--out", folder],
      ...["--from-block", "0", "--confirmations", "0", "--requests-per-second", "500", "--name", "exported", "--json"],
    );
    expect(fetched).toMatchObject({ status: 0, stderr: "" });
    dataset = join(folder, "exported");
    const { status, stdout } = await runParity(
      "--config",
      played.path,
      ...["--data", folder, "--rpc-url", "http://127.0.0.1:9"],
    );
    expect(stdout).toMatch(/^0 differences in 30 decisions/);
    expect(Math.max(...stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(status).toBe(0);
  });

  it("finds none in a span, and says when there is nothing to compare", async () => {
    const journal = openJournal(played.config.journal.path, () => "reader");
    const places = journal.decisionPlaces();
    journal.close();
    const [from, to] = [String(places[10]?.block), String(places[19]?.block)];
    const some = await runParity("--config", played.path, "--data", dataset, "--from", from, "--to", to, "--json");
    expect(JSON.parse(some.stdout)).toMatchObject({ decisions: 10, replayed: 10, different: 0 });
    const none = await runParity("--config", played.path, "--data", dataset, "--from", "2040-01-01");
    expect(none.status).toBe(1);
    expect(none.stderr).toMatch(/no decision in the span; rule: at least one/);
    const unknown = await runParity("--config", played.path, "--data", join(folder, "nowhere"));
    expect(unknown.status).toBe(2);
    expect(unknown.stderr).toMatch(/--data: .*nowhere; rule: must be/);
  });

  it("finds none where the pool's beginning is not on record, read as recorded", async () => {
    const late = changed("late", (event) => (event.type === "INITIALIZE" ? null : event));
    const report = await compare(late);
    expect(report.markets).toMatchObject([{ played: false }]);
    expect(report).toMatchObject({ replayed: HOURS, different: 0 });
  });

  it("finds the decisions that one changed swap reaches, and no earlier one", async () => {
    const journal = openJournal(played.config.journal.path, () => "reader");
    const at = journal.decisionPlaces()[15];
    journal.close();
    let done = false;
    const other = changed("swap", (event) => {
      if (done || event.type !== "SWAP" || event.timestamp <= (at?.atSeconds ?? 0)) return event;
      done = true;
      const sqrtPriceX96 = (event.sqrtPriceX96 * 1_003n) / 1_000n;
      return { ...event, sqrtPriceX96, tick: getTickAtSqrtPrice(sqrtPriceX96) };
    });
    const report = await compare(other);
    expect(done).toBe(true);
    expect(report.different).toBe(HOURS - 16);
    expect(report.differences.map(({ block }) => block)).not.toContain(at?.block);
    expect(report.markets[0]?.notes.join()).toMatch(/^\d+ of \d+ recorded swaps replay exactly/);
    expect(report.differences[0]?.fields.map(({ field }) => field)).toContain("inputsDigest");
  });

  it("finds one swap that is missing, by its number too", async () => {
    let swaps = 0;
    const other = changed("missing", (event) => (event.type === "SWAP" && ++swaps === 100 ? null : event));
    const report = await compare(other);
    expect(report.different).toBe(HOURS);
    expect(report.differences[0]?.fields[0]).toMatchObject({ field: "history.swaps" });
  });

  it("finds a model that answers otherwise in the sixth digit", async () => {
    const loadModels = async (set: string): Promise<ModelSet> => {
      const models = await loadModelSet(set);
      const predict: ModelSet["volatility"]["predict"] = async (features, horizon) => {
        const forecast = await models.volatility.predict(features, horizon);
        return { ...forecast, q90: forecast.q90 * (1 + 1e-6) };
      };
      return { ...models, volatility: { ...models.volatility, predict } };
    };
    const report = await compare(dataset, { loadModels });
    expect(report.different).toBe(HOURS);
    expect(report.differences[0]?.fields.map(({ field }) => field)).toContain("volatility.q90");
    expect((await compare(dataset, { loadModels: loadModelSet })).different).toBe(0);
  });

  it("finds a setting that was not the journaled one, and says where with exit status 1", async () => {
    const path = join(folder, "other.db");
    const original = openDatabase(played.config.journal.path, "");
    original.run(`VACUUM INTO '${path}'`);
    original.close();
    const db = openDatabase(path, "");
    db.run(`UPDATE conditions SET body = replace(body, '"hysteresisBps":5', '"hysteresisBps":6')`);
    db.close();
    const { status, stdout } = await runParity("--config", played.path, "--journal", path, "--data", dataset);
    expect(stdout).toMatch(/^30 differences in 30 decisions/);
    expect(stdout).toMatch(/inputsDigest/);
    expect(status).toBe(1);
  });

  it("finds a decision that has vanished from the journal, with exit status 1", async () => {
    const path = join(folder, "vanished.db");
    const original = openDatabase(played.config.journal.path, "");
    original.run(`VACUUM INTO '${path}'`);
    original.close();
    const db = openDatabase(path, "");
    const held = db.one("SELECT id, block FROM decisions WHERE id NOT IN (SELECT decision_id FROM proposals) LIMIT 1");
    for (const table of ["inputs", "outcomes"]) db.run(`DELETE FROM ${table} WHERE decision_id = ?`, held?.id);
    db.run("DELETE FROM decisions WHERE id = ?", held?.id);
    db.close();
    const { status, stdout } = await runParity("--config", played.path, "--journal", path, "--data", dataset);
    expect(stdout).toMatch(/^0 differences in 29 decisions/);
    expect(stdout).toMatch(
      new RegExp(`1 decisions are gone.*\n {2}block ${held?.block}, vault 0x\\w{6}: held, and no`),
    );
    expect(status).toBe(1);
  });
});
