import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decide } from "../../../ml/decide.ts";
import { loadModelSet, MODELS } from "../../../ml/models/index.ts";
import { checkPackage } from "../../../ml/registry/conformance.ts";
import { sealRule, writeRule } from "../../../ml/registry/ruleTemplate.ts";
import type { ModelTask } from "../../../ml/types.ts";
import { bounds, market, settings, vault } from "../fixtures.ts";

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "conformance-"));
});
afterAll(() => rmSync(root, { recursive: true }));

let count = 0;
const clock = () => performance.now();

async function rule(task: ModelTask = "volatility"): Promise<string> {
  const folder = join(root, `rule-${count++}`);
  await writeRule({ folder, name: `rule-${count}`, task, createdAt: "2026-01-01" });
  return folder;
}

/** A volatility rule with this body, sealed. */
async function ruleOf(body: string, change: (manifest: Record<string, unknown>) => object = (manifest) => manifest) {
  const folder = await rule();
  const code = `const q = (mean) => ({ mean, q10: mean / 3, q50: mean * 0.8, q90: mean * 2 });
const level = (f) => Math.exp(Math.min(3, Math.max(-20, Number.isNaN(f.log_rv_24h) ? -7 : f.log_rv_24h)));
${body}`;
  writeFileSync(join(folder, "model.mts"), code);
  const file = join(folder, "manifest.json");
  writeFileSync(file, JSON.stringify(change(JSON.parse(readFileSync(file, "utf8")))));
  await sealRule(folder);
  return folder;
}

const failures = async (folder: string) =>
  (await checkPackage({ folder, clock })).filter(({ passes }) => passes === false);

describe("the conformance suite", () => {
  for (const { id, folder } of MODELS.filter(({ folder: own }) => own !== null))
    it(`passes ${id}, which ships`, async () => {
      const rows = await checkPackage({ folder: join(import.meta.dirname, "../../../ml/models", folder ?? ""), clock });
      expect(rows.filter(({ passes }) => passes !== true)).toEqual([]);
      expect(rows).toHaveLength(15);
    });

  for (const task of ["volatility", "il", "yield"] as const)
    it(`passes the ${task} rule that a strategist begins with`, async () => {
      expect(await failures(await rule(task))).toEqual([]);
    });

  it("passes the body that the faults below are made from", async () => {
    expect(await failures(await ruleOf("export const forecast = (f) => q(level(f));"))).toEqual([]);
  });

  const loose = (manifest: Record<string, unknown>) => ({ ...manifest, samples: { relative: 100, absolute: 100 } });
  const faults: readonly [name: string, check: string, says: RegExp, make: () => Promise<string>][] = [
    [
      "answers without bounds",
      "extremes",
      /volatility\.mean is \S+ for .+: clip it to 0\.\.10000/,
      () =>
        ruleOf(
          "export const forecast = (f) => q(Math.min(1e9, Math.exp(Number.isNaN(f.log_rv_24h) ? -7 : f.log_rv_24h)));",
        ),
    ],
    [
      "crosses its quantiles",
      "extremes",
      /put the quantiles in order/,
      () => ruleOf("export const forecast = (f) => ({ ...q(level(f)), q10: level(f) * 9 });"),
    ],
    [
      "answers NaN where a feature is missing",
      "missing values",
      /must be finite/,
      // Of the questions that seal and loader ask, none lacks the second feature alone.
      () =>
        ruleOf(
          "export const forecast = (f) => q(level(f) * (Number.isNaN(f.log_rv_168h) && !Number.isNaN(f.log_rv_24h) ? NaN : 1));",
        ),
    ],
    [
      "counts its calls",
      "determinism",
      /take time and chance out/,
      () => ruleOf("let n = 0; export const forecast = (f) => q(level(f) * (1 + 1e-6 * n++));", loose),
    ],
    [
      "looks at the row before",
      "batch = single",
      /let no operator reach from row to row/,
      () =>
        ruleOf(
          "let last = 0; export const forecast = (f) => { const v = level(f); const a = q(v + last); last = v; return a; };",
          loose,
        ),
    ],
    [
      "never changes its mind",
      "sanity",
      /three times the variance in every window is answered with .* it must rise/,
      () => ruleOf("export const forecast = () => q(0.001);"),
    ],
    [
      "has an empty domain",
      "domain",
      /domain is empty/,
      () => ruleOf("export const forecast = (f) => q(level(f));", (manifest) => ({ ...manifest, domain: {} })),
    ],
    [
      "has a domain without width",
      "domain",
      /leave out a feature that never varies/,
      () =>
        ruleOf("export const forecast = (f) => q(level(f));", (manifest) => ({
          ...manifest,
          domain: { ...(manifest.domain as object), log_rv_168h: { p1: -7, p99: -7 } },
        })),
    ],
    [
      "brings no card",
      "card",
      /README\.md is missing/,
      async () => {
        const folder = await rule();
        rmSync(join(folder, "README.md"));
        return folder;
      },
    ],
    [
      "was edited after it was sealed",
      "hash",
      /must have sha256 0x.*export the package anew/,
      async () => {
        const folder = await rule();
        appendFileSync(join(folder, "model.mts"), "\n");
        return folder;
      },
    ],
    [
      "exports no forecast",
      "manifest",
      /must export a function forecast/,
      async () => {
        const folder = await rule();
        writeFileSync(join(folder, "model.mts"), "export const other = 1;\n");
        await sealRule(folder).catch(() => undefined);
        const file = join(folder, "manifest.json");
        const { createHash } = await import("node:crypto");
        const sha256 = createHash("sha256")
          .update(readFileSync(join(folder, "model.mts")))
          .digest("hex");
        writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, "utf8")), sha256 }));
        return folder;
      },
    ],
  ];
  for (const [name, check, says, make] of faults)
    it(`says what to fix of a package that ${name}`, async () => {
      const found = (await failures(await make())).find((row) => row.check === check);
      expect(found?.detail).toMatch(says);
    });

  it("fails what takes longer than it says", async () => {
    let now = 0;
    const rows = await checkPackage({ folder: await rule(), clock: () => (now += 60) });
    expect(rows.filter(({ passes }) => passes === false)).toMatchObject([
      { check: "latency", detail: "one answer takes 60.000 ms, but runtime.maxLatencyMs is 50: make it smaller" },
    ]);
  });

  it("wants narrow ranges to earn and lose more than wide ones, and to be left sooner", async () => {
    for (const [task, says] of [
      ["il", /time in ±2 % is/],
      ["yield", /fees of ±2 % are/],
    ] as const) {
      const folder = await rule(task);
      const file = join(folder, "model.mts");
      const code = readFileSync(file, "utf8");
      const turned = code
        .replace(/const inRange = .*;/, "const inRange = 0.5;")
        .replace(
          /const concentration = .*;/,
          task === "yield" ? "const concentration = upperOffset - lowerOffset;" : "$&",
        );
      expect(turned).not.toBe(code);
      writeFileSync(file, turned);
      await sealRule(folder);
      expect((await failures(folder)).map(({ check, detail }) => [check, says.test(detail)])).toEqual([
        ["sanity", true],
      ]);
    }
  });
});

describe("a set made of a folder", () => {
  it("decides with the package, and with the rules where it has none", async () => {
    const folder = await rule();
    const models = await loadModelSet(folder);
    expect([models.id, models.il.id, models.yield.id]).toEqual([folder, "rules-il", "rules-yield"]);
    const beside = await loadModelSet(`${folder}+rangekeeper`);
    expect([beside.volatility.sha256, beside.il.id]).toEqual([
      models.volatility.sha256,
      (await loadModelSet("rangekeeper")).il.id,
    ]);
    const history = market({ hours: 240 });
    const decision = await decide({ history, state: vault(history, 1), models, bounds, settings });
    expect(decision.models.map(({ sha256 }) => sha256)).toContain(models.volatility.sha256);
  });

  it("holds, and says so, where a feature lies outside of its domain", async () => {
    const calm = { log_rv_24h: { p1: -30, p99: -29 }, log_rv_168h: { p1: -30, p99: -29 } };
    const folder = await ruleOf("export const forecast = (f) => q(level(f));", (manifest) => ({
      ...manifest,
      domain: calm,
    }));
    const history = market({ hours: 240 });
    const models = await loadModelSet(folder);
    const decision = await decide({ history, state: vault(history, 1), models, bounds, settings });
    expect(decision.reasonKey).toBe("out-of-domain");
    expect(decision.reason).toMatch(/log_rv_24h/);
    expect(decision.plan).toBeNull();
  });
});
