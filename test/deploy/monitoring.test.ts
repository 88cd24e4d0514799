import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { loadModelSet } from "../../ml/models/index.ts";
import { ALERT_NAMES } from "../../rebalancer/alerts/alert.ts";
import { configSchema, parseConfig } from "../../rebalancer/config.ts";
import { createMetrics } from "../../rebalancer/metrics/metrics.ts";

const DEPLOY = join(import.meta.dirname, "../../deploy");
const MONITORING = join(DEPLOY, "monitoring");
const read = (path: string) => readFileSync(join(DEPLOY, path), "utf8");
const alertsText = read("monitoring/alerts.yml");
const rules = [...alertsText.matchAll(/- alert: (\w+)\n\s+expr: (.+)\n/g)].map(([, name = "", expr = ""]) => ({
  name,
  expr,
}));
const dashboards = readdirSync(join(MONITORING, "grafana")).filter((file) => file.endsWith(".json"));

/** What a dashboard needs for Grafana to draw it; everything else is refused. */
const source = z.strictObject({ type: z.literal("prometheus"), uid: z.string().regex(/^\$\{datasource\}$/) });
const panel = z.strictObject({
  id: z.int().positive(),
  type: z.enum(["stat", "timeseries"]),
  title: z.string().min(1),
  description: z.string(),
  datasource: source,
  gridPos: z.strictObject({
    x: z.int().min(0).max(23),
    y: z.int().min(0),
    w: z.int().min(1).max(24),
    h: z.int().min(2),
  }),
  targets: z
    .array(
      z.strictObject({
        refId: z.string().length(1),
        expr: z.string().min(1),
        legendFormat: z.string(),
        datasource: source,
      }),
    )
    .min(1),
  fieldConfig: z.strictObject({
    defaults: z.strictObject({
      unit: z.enum(["none", "s", "bytes"]),
      thresholds: z
        .strictObject({
          mode: z.literal("absolute"),
          steps: z
            .array(z.strictObject({ color: z.enum(["green", "yellow", "red"]), value: z.number().nullable() }))
            .min(2),
        })
        .optional(),
    }),
    overrides: z.array(z.never()),
  }),
  options: z.record(z.string(), z.unknown()),
});
const dashboard = z.strictObject({
  uid: z.string().max(40),
  title: z.string(),
  description: z.string(),
  tags: z.array(z.string()),
  schemaVersion: z.int(),
  version: z.int(),
  editable: z.boolean(),
  time: z.strictObject({ from: z.string(), to: z.string() }),
  refresh: z.string(),
  templating: z.strictObject({
    list: z.array(z.looseObject({ name: z.string(), type: z.enum(["datasource", "query"]) })),
  }),
  panels: z.array(panel).min(1),
});

/** Every name of a metric in an expression: what stands before "{", "[" or an operator and is no function or label. */
const metricsIn = (expr: string) =>
  [
    ...expr
      .replace(/\b(by|on|group_left|without)\s*\([^)]*\)/g, "")
      .replace(/\{[^}]*\}/g, "")
      .matchAll(/\b([a-z]\w*_\w+|up)\b(?!\()/g),
  ]
    .map(([, name = ""]) => name)
    .filter((name) => !["histogram_quantile", "label_values"].includes(name));

async function registered(): Promise<Set<string>> {
  const config = parseConfig({ chainId: 1, rpcUrl: "http://127.0.0.1:1", vaults: [{ name: "a" }] });
  const ruleModels = await loadModelSet("rules");
  const { registry } = createMetrics({ config, models: () => ruleModels, version: "test", process: true });
  const names = registry
    .getMetricsAsArray()
    .flatMap(({ name, type }) =>
      String(type) === "histogram" ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    );
  registry.clear();
  return new Set([...names, "up"]);
}

describe("alert rules", () => {
  it("cover every alert that the worker knows, and each has its section in the runbook", () => {
    const names = rules.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining([...ALERT_NAMES]));
    expect(new Set(names).size).toBe(names.length);
    const sections = [...read("RUNBOOK.md").matchAll(/^### (\w+)$/gm)].map(([, title]) => title);
    expect(sections).toEqual(expect.arrayContaining(names));
    for (const name of names) expect(alertsText).toContain(`runbook: "deploy/RUNBOOK.md#${name.toLowerCase()}"`);
  });

  it("name only metrics that the worker has", async () => {
    const known = await registered();
    expect(rules.length).toBeGreaterThan(20);
    for (const { name, expr } of rules) {
      const used = metricsIn(expr);
      expect(used.length, name).toBeGreaterThan(0);
      for (const metric of used) expect(known, `${name}: ${expr}`).toContain(metric);
    }
  });

  it("have the limits that the worker has where nobody sets others", () => {
    const { limits } = configSchema.parse({ chainId: 1, rpcUrl: "http://a", vaults: [{ name: "a" }] }).alerts;
    const limitOf = (name: string) => rules.find((rule) => rule.name === name)?.expr ?? "";
    expect(limitOf("TickLate")).toContain(`(${limits.tickIntervals} * rangekeeper_interval_seconds)`);
    expect(limitOf("OutOfRange")).toMatch(new RegExp(`> ${limits.outOfRangeSeconds}$`));
    expect(limitOf("SimulationsFailing")).toMatch(new RegExp(`>= ${limits.failedSimulations}$`));
    expect(limitOf("GasBudgetNearlySpent")).toContain(`${limits.gasBudgetBps / 10_000} * rangekeeper_gas_budget_wei`);
    expect(limitOf("KeeperLow")).toMatch(new RegExp(`< ${limits.keeperMoves}$`));
    expect(limitOf("SharePriceDrop")).toMatch(new RegExp(`> ${limits.sharePriceDropBps}$`));
    expect(limitOf("FeatureDrift")).toMatch(new RegExp(`> ${limits.featurePsi}$`));
    expect(limitOf("ForecastDrift")).toMatch(new RegExp(`> ${limits.forecastErrorBps}$`));
    expect(limitOf("HeadLag")).toMatch(new RegExp(`> ${limits.headLagSeconds}$`));
    expect(limitOf("TransactionPending")).toMatch(new RegExp(`> ${limits.pendingBlocks}$`));
  });

  it("have a case that fires each and one that leaves it quiet", () => {
    const cases = read("monitoring/alerts.test.yml");
    for (const { name } of rules) {
      expect(cases).toContain(`- name: ${name} fires`);
      expect(cases).toContain(`- name: ${name} is quiet`);
    }
  });

  const promtool = (...args: string[]) => spawnSync("promtool", args, { cwd: MONITORING, encoding: "utf8" });
  const missing = promtool("--version").error !== undefined;
  const why = missing ? " (skipped: apt-get install prometheus brings promtool)" : "";
  it.skipIf(missing)(`are what promtool accepts, and fire and stay quiet as their cases say${why}`, () => {
    for (const args of [
      ["check", "rules", "alerts.yml"],
      ["check", "config", "--syntax-only", "prometheus.yml"],
      ["test", "rules", "alerts.test.yml"],
    ]) {
      const { status, stdout, stderr } = promtool(...args);
      expect(status, `${stdout}\n${stderr}`).toBe(0);
    }
  });

  it.skipIf(missing)(`are red where a rule says otherwise${why}`, () => {
    const folder = mkdtempSync(join(tmpdir(), "rules-"));
    writeFileSync(
      join(folder, "alerts.yml"),
      alertsText.replace("_out_of_range_seconds > 3600", "_out_of_range_seconds >= 3600"),
    );
    writeFileSync(join(folder, "alerts.test.yml"), read("monitoring/alerts.test.yml"));
    const { status } = promtool("test", "rules", join(folder, "alerts.test.yml"));
    rmSync(folder, { recursive: true });
    expect(status).toBe(1);
  });
});

describe("dashboards", () => {
  it("are three", () => {
    expect(dashboards.sort()).toEqual(["overview.json", "vaults.json", "worker.json"]);
  });

  for (const file of dashboards)
    it(`${file} has the parts that Grafana draws, shows only metrics that the worker has, and overlaps nowhere`, async () => {
      const { panels, templating } = dashboard.parse(JSON.parse(read(`monitoring/grafana/${file}`)));
      const known = await registered();
      const cells = new Set<string>();
      for (const { title, targets, gridPos } of panels) {
        for (const { expr } of targets) {
          for (const metric of metricsIn(expr)) expect(known, `${title}: ${expr}`).toContain(metric);
        }
        for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
          for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
            expect(x, title).toBeLessThan(24);
            expect(cells, title).not.toContain(`${x} ${y}`);
            cells.add(`${x} ${y}`);
          }
        }
      }
      expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
      const variables = new Set(templating.list.map(({ name }) => name));
      const used = [...JSON.stringify(panels).matchAll(/\$\{?(\w+)\}?/g)].map(([, name = ""]) => name);
      for (const name of used) expect(variables).toContain(name);
    });
});

describe("the compose file", () => {
  it("opens ports on loopback only, and carries no secret", () => {
    const text = read("compose.yml");
    const ports = [...text.matchAll(/ports: \["([^"]+)"\]/g)].map(([, port = ""]) => port);
    expect(ports.length).toBe(4);
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
    expect(text).not.toMatch(/0x[0-9a-f]{40}|(KEY|PASSWORD|TOKEN|WEBHOOK\w*):/i);
    expect(read("Dockerfile")).toMatch(/^USER node$/m);
  });
});
