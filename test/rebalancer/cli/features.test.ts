import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { resolveMarket } from "../../../ml/data/market.ts";
import { FEATURES } from "../../../ml/features/descriptors.ts";
import { computeFeatures, FEATURE_NAMES } from "../../../ml/features/index.ts";
import { featuresPage } from "../../../ml/features/page.ts";
import { featuresAt, skewOf } from "../../../rebalancer/cli/features/recorded.ts";
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
