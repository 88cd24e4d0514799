import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { resolveMarket } from "../../../ml/data/market.ts";
import { FEATURES } from "../../../ml/features/descriptors.ts";
import { computeFeatures, FEATURE_NAMES } from "../../../ml/features/index.ts";
import { featuresPage } from "../../../ml/features/page.ts";
import { seededRandom } from "../../../ml/random.ts";
import { featuresAt, type Skew, skewOf } from "../../../rebalancer/cli/features/recorded.ts";
import { registerFeatures } from "../../../rebalancer/cli/features.ts";
import { openJournal } from "../../../rebalancer/journal.ts";
import { hourlyBars } from "../../ml/fixtures.ts";
import { decisionRecord } from "../../support/journalRecords.ts";
import { verbRunner } from "../../support/verb.ts";

const features = computeFeatures(hourlyBars(200));
const row = {
  atSeconds: features.atSeconds,
  numeraire: 0 as const,
  values: [...features.values].map((value) => (Number.isNaN(value) ? null : value)),
};

describe("skew between what was recorded and what is made again", () => {
  it("is none where nothing differs", () => {
    const skews = skewOf([row], () => features);
    expect(skews.map(({ name }) => name)).toEqual(FEATURE_NAMES);
    expect(skews.filter(({ different }) => different > 0)).toEqual([]);
    expect(skews.filter(({ compared }) => compared === 1).length).toBeGreaterThan(50);
  });

  it("names a feature that differs in its last bit, and one that only one side knows", () => {
    const values = features.values.slice();
    values[3] = (values[3] as number) * (1 + 2 ** -52);
    values[5] = Number.NaN;
    const wrong = skewOf([row], () => ({ ...features, values })).filter(({ different }) => different > 0);
    expect(wrong.map(({ name, oneSided }) => [name, oneSided])).toEqual([
      [FEATURE_NAMES[3], 0],
      [FEATURE_NAMES[5], 1],
    ]);
    expect(wrong[0]?.largest).toBeGreaterThan(0);
  });

  it("compares a record of an earlier set as far as it goes", () => {
    const skews = skewOf([{ ...row, values: row.values.slice(0, 29) }], () => features);
    expect(skews.filter(({ compared }) => compared > 0)).toHaveLength(29);
  });
});

describe("rangekeeper features", () => {
  const run = verbRunner(registerFeatures, "features");

  it("prints every feature in 80 columns", async () => {
    const { status, stdout } = await run("show");
    expect(status).toBe(0);
    for (const name of FEATURE_NAMES) expect(stdout).toContain(`${name}@`);
    expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
  });

  describe("skew of a recorded market, as it came against its whole file", () => {
    const folder = mkdtempSync(join(tmpdir(), "features-streamed-"));
    afterAll(() => rmSync(folder, { recursive: true }));
    const write = (name: string, lines: readonly string[]) =>
      writeFileSync(join(folder, `${name}.csv`), `${lines.join("\n")}\n`);
    const skew = (...args: string[]) => run("skew", "--data", folder, ...args);

    it("is none over bars of a quarter of an hour, with a hole of two days", async () => {
      const random = seededRandom(1);
      let price = 1_000;
      const rows = Array.from({ length: 400 }, (_, i) => {
        const [open, close] = [price, price * Math.exp(0.01 * (random() - 0.5))];
        price = close;
        const time = 1_600_000_200 + 900 * i + (i < 200 ? 0 : 172_800);
        return [time, open, Math.max(open, close), Math.min(open, close), close, 5].join(",");
      });
      write("quarters", ["open_time,open,high,low,close,volume_base", ...rows]);
      const { status, stdout, stderr } = await skew("--market", "quarters");
      expect([status, stderr]).toEqual([0, ""]);
      expect(stdout).toContain("quarters: 98 hours\nok: no bit of any feature differs in 98 of these hours");
      expect(stdout).toMatch(/^log_gk_1h +98 +0 +0 +0$/m);
      expect(Math.max(...stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
    });

    it("refuses a market that is not there, one of no hour, and what is no number", async () => {
      write("short", [
        "open_time,open,high,low,close,volume_base",
        ...[0, 900].map((at) => `${1_600_000_200 + at},1,1,1,1,1`),
      ]);
      expect((await skew("--market", "nowhere")).stderr).toContain('--market: market "nowhere" must be');
      expect((await skew("--market", "short")).stderr).toContain("--market: short; rule: must last an hour or more");
      expect((await skew("--market", "short", "--numeraire", "2")).stderr).toContain(
        "--numeraire: 2; rule: must be 0 or 1",
      );
      expect((await skew("--market", "short", "--blocks", "0")).stderr).toContain("--blocks: 0");
    });
  });

  const RECORDED = [
    ["events", "ethereum_usdc_weth_005_events_2024-01-05", "blocks", 3_990, 61],
    ["events from the pool's second day", "polygon_usdc_weth_005_events_2021-12-22", "blocks", 201, 59],
    ["hours of a pool", "ethereum_usdc_weth_hourly_2023-11_2023-12", "hours", 700, 47],
    ["minutes of a pool", "polygon_usdc_weth_005_minute", "hours", 960, 59],
    ["hours of an exchange", "binance_spot_usdcusdt_1h", "hours", 20_005, 36],
  ] as const;
  for (const [what, market, kind, streamed, known] of RECORDED) {
    it.skipIf(!process.env.RANGEKEEPER_DATA)(`finds no skew in recorded ${what}`, async () => {
      const { status, stdout, stderr } = await run("skew", "--market", market, "--blocks", "100", "--json");
      expect([status, stderr]).toEqual([0, ""]);
      const found = JSON.parse(stdout) as { features: readonly Skew[] };
      expect(found).toMatchObject({ ok: true, market, kind, streamed });
      expect(found.features.filter(({ compared }) => compared > 0)).toHaveLength(known);
    });
  }

  it("refuses a time without a market, and a market that is not there", async () => {
    const at = await run("show", "--at", "2024-01-05");
    expect(at.status).toBe(2);
    expect(at.stderr).toContain("--at: 2024-01-05; rule: goes with --market");
    const none = await run("show", "--data", "docs", "--market", "nowhere");
    expect(none.status).toBe(2);
    expect(none.stderr).toContain("nowhere");
  });

  it.skipIf(!process.env.RANGEKEEPER_DATA)(
    "finds no skew in a journal of its own file, and names one made",
    async () => {
      const folder = mkdtempSync(join(tmpdir(), "features-"));
      const name = "ethereum_usdc_weth_005_events_2023-11-10";
      const market = resolveMarket(process.env.RANGEKEEPER_DATA ?? "", name);
      const path = join(folder, "journal.db");
      const journal = openJournal(path, () => "test");
      const first = market.events[0]?.timestamp ?? 0;
      const write = (block: number, spoil: number): void => {
        const atSeconds = first + 20 * 3600 + 12 * block;
        const found = featuresAt({ market, numeraire: 0, atSeconds, lookbackSeconds: 1_209_600 });
        const values = Array.from(found?.values ?? [], (value, i) =>
          Number.isNaN(value) ? null : value + (i === 2 ? spoil : 0),
        );
        const record = decisionRecord(block);
        const pool = market.pool.address ?? record.pool;
        journal.recordDecision({
          ...record,
          pool,
          decision: { ...record.decision, atSeconds, features: { schema: "main@2", values } },
        });
      };
      for (let block = 1; block <= 5; block++) write(block, 0);
      const same = await run("skew", "--journal", path, "--market", name);
      expect(same.stderr).toBe("");
      expect(same.status).toBe(0);
      expect(same.stdout).toContain("no bit of any feature differs in 5 decisions");
      write(6, 1e-9);
      const other = await run("skew", "--journal", path, "--market", name);
      expect(other.status).toBe(1);
      expect(other.stdout).toContain("1 features differ in 6 decisions");
      expect(other.stdout).toMatch(/log_gk_24h +6 +0 +1 +1\.00e-9/);
      journal.close();
      rmSync(folder, { recursive: true });
    },
  );
});

describe("the list of features", () => {
  it("is in docs/features.md as the descriptors have it: npx tsx ml/features/page.ts", () => {
    expect(readFileSync("docs/features.md", "utf8")).toBe(featuresPage());
  });

  it("gives every feature a unit, a description and a moment of knowability, and a name of its own", () => {
    expect(new Set(FEATURE_NAMES).size).toBe(FEATURE_NAMES.length);
    for (const { unit, describe: what, knowable, version } of FEATURES) {
      expect([unit, what, knowable].every((text) => text.length > 2)).toBe(true);
      expect(version).toBeGreaterThan(0);
    }
  });
});
