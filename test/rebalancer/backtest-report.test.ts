import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { policies } from "../../ml/backtest/policies/index.ts";
import { buildReport } from "../../ml/backtest/report.ts";
import { type BacktestReport, parseReport, serialiseReport } from "../../ml/backtest/reportSchema.ts";
import type { PolicyFactory, RunResult } from "../../ml/backtest/types.ts";
import { renderConsole } from "../../rebalancer/cli/backtest/console.ts";
import { csvFiles } from "../../rebalancer/cli/backtest/csv.ts";
import { renderHtml } from "../../rebalancer/cli/backtest/html.ts";
import { signed, sweepMap } from "../../rebalancer/cli/backtest/words.ts";
import { launchChromium } from "../support/chromium.ts";
import { START, settings, tinyRun, walkBars } from "../support/tinyMarket.ts";

const bars = walkBars({ hours: 48 + 31 * 24, seed: 3, feeOverLvr: 0.5 });
const POLICIES = ["tau-1000", "fixed-5-reset", "full-range", "stand-aside", "daily-2", "clairvoyant"] as const;
const run = (id: string, over: Parameters<typeof tinyRun>[1]) => tinyRun(policies[id] as PolicyFactory, over);
const provenance = { configSha256: "cd".repeat(32), codeVersion: "0.1.0" };

let full: BacktestReport;
let empty: BacktestReport;
let results: [RunResult, ...RunResult[]];
beforeAll(async () => {
  const [first, ...rest] = await Promise.all(POLICIES.map((id) => run(id, { bars })));
  results = [first as RunResult, ...rest];
  const { costs } = settings(bars);
  const sweep = await Promise.all(
    [1000, 10_000].flatMap((capital) =>
      [0, 10].map((gasScale) => run("tau-1000", { bars, settings: { capital, costs: { ...costs, gasScale } } })),
    ),
  );
  const fold = (index: number, testHeadline: number) => ({
    family: "tau-reset",
    trainFromSeconds: START + index * 86_400,
    trainToSeconds: START + (index + 10) * 86_400,
    testFromSeconds: START + (index + 11) * 86_400,
    testToSeconds: START + (index + 16) * 86_400,
    candidates: [{ policy: "tau-1000", trainHeadline: 0.01 }],
    chosen: "tau-1000",
    trainHeadline: 0.01,
    testHeadline,
  });
  full = buildReport({
    ...provenance,
    results,
    sweep,
    walkForward: [fold(0, -0.002), fold(5, 0.001)],
    models: [
      {
        id: "volatility-mlp",
        version: "1.0.0",
        task: "volatility",
        sha256: `0x${"12".repeat(32)}`,
        trainedOn: "2021-05-05 to 2022-08-01 <b>more</b>",
        inSample: true,
      },
    ],
  });
  // Rules forecast nothing: what a model's run would add.
  const forecast = (index: number) => ({
    atSeconds: START + index * 3600,
    predictedFeesBps: 20 + 5 * Math.sin(index),
    predictedLvrBps: 18,
    realisedFeesBps: 19 + 4 * Math.sin(index) + Math.cos(7 * index),
    realisedLvrBps: 20,
  });
  full.forecasts = {
    pairs: Array.from({ length: 60 }, (_, index) => forecast(index)),
    meanAbsoluteErrorBps: 3.1,
    biasBps: 2.9,
    calibration: [-3, 0, 2, 4, 7].map((predicted) => ({ count: 12, predicted, realised: predicted - 3 })),
    variance: { count: 60, qlike: 0.21, within80: 0.83 },
    interval: { count: 57, inside: 0.947, meanHalfWidth: 0.062 },
  };
  empty = buildReport({ ...provenance, results: [await run("stand-aside", { bars: bars.slice(0, 48 + 24) })] });
});

/** The same run with another unit of money. */
function scaledRun(result: RunResult, factor: number): RunResult {
  const times = <T extends object>(record: T, names: readonly (keyof T)[]): T => ({
    ...record,
    ...Object.fromEntries(names.map((name) => [name, Number(record[name]) * factor])),
  });
  const flows = ["fees", "lvr", "swapCost", "mev", "gas", "exposure"] as const;
  return {
    ...result,
    settings: times(result.settings, ["capital"]),
    waterfall: times(result.waterfall, [...flows, "start", "final", "headline"]),
    points: result.points.map((point) =>
      times(point, [...flows, "nav", "price", "hodl", "fiftyFifty", "assetOnly", "fullRange"]),
    ),
    moves: result.moves.map((move) => times(move, ["nav", "swapped", "swapFee", "swapImpact", "mev", "gas", "price"])),
  };
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: terminal colours are control characters
const uncoloured = (text: string) => text.replace(/\u001b\[[0-9;]*m/g, "");
const consoleOf = (report: BacktestReport) => uncoloured(renderConsole(report));

describe("a backtest report", () => {
  it("survives its own JSON", () => {
    for (const report of [full, empty]) expect(parseReport(serialiseReport(report), "report.json")).toEqual(report);
  });

  it("names the file and the field of a report that is none", () => {
    const broken = { ...full, header: { ...full.header, feePips: "500" } };
    expect(() => parseReport(JSON.stringify(broken), "a.json")).toThrow("a.json: header.feePips");
    expect(() => parseReport(JSON.stringify({ ...full, version: 2 }), "a.json")).toThrow("version 2 must be 1");
    expect(() => parseReport("{", "a.json")).toThrow("a.json: it must be the JSON");
    expect(() => parseReport(JSON.stringify({ ...full, extra: 1 }), "a.json")).toThrow("a.json");
  });

  it("is about the first run unless another is named", () => {
    expect(full.subject).toBe("tau-1000");
    expect(buildReport({ ...provenance, results, subject: "daily-2" }).subject).toBe("daily-2");
  });

  it("keeps charts light and their ends true", () => {
    expect(full.series.at.length).toBeLessThanOrEqual(601);
    expect(full.series.at[0]).toBe(full.header.fromSeconds);
    expect(full.series.at.at(-1)).toBe(full.header.toSeconds);
    expect(full.series.headline.at(-1)).toBeCloseTo(full.runs[0]?.waterfall.headline ?? Number.NaN, 9);
  });

  it("puts ranges into prices the right way round", () => {
    const band = full.moves[0]?.bands.at(-1);
    const price = full.moves[0]?.price ?? Number.NaN;
    // 1,000 ticks are 10.5 %.
    expect((band?.upper ?? 0) / price).toBeCloseTo(1.105, 2);
    expect(price / (band?.lower ?? 0)).toBeCloseTo(1.105, 2);
  });
});

describe("warnings", () => {
  const texts = (report: BacktestReport, severity: string) =>
    report.warnings.filter((one) => one.severity === severity).map(({ text }) => text);

  it("put what makes a result worthless first, in red", () => {
    expect(full.warnings[0]?.severity).toBe("danger");
    expect(texts(full, "danger").join()).toContain("In-sample: the run overlaps the training days of volatility-mlp");
    expect(texts(empty, "danger")).toEqual([]);
  });

  it("tell of bars, short runs and the market's own notes", () => {
    expect(texts(empty, "warning")).toEqual([
      expect.stringContaining("Approximate: fees and losses come from bars"),
      expect.stringContaining("1.0 days are too short"),
      "Made for a test.",
    ]);
  });

  it("call a result unreliable when our own liquidity is more than a twentieth of the pool's", () => {
    const with6 = (index: number) =>
      results.map((result, at) =>
        at === index ? { ...result, moves: result.moves.map((move) => ({ ...move, poolShare: 0.06 })) } : result,
      ) as [RunResult, ...RunResult[]];
    const own = buildReport({ ...provenance, results: with6(0) });
    expect(texts(own, "danger").join()).toContain("Own liquidity reached 6.0 % of the pool's in range");
    const other = buildReport({ ...provenance, results: with6(1) });
    expect(texts(other, "danger")).toEqual([]);
    expect(texts(other, "warning").join()).toContain("one other policy went above 5.0 %");
    // The bound may have as much as it likes.
    expect(texts(buildReport({ ...provenance, results: with6(5) }), "warning").join()).not.toContain("other polic");
  });

  it("pass on what the subject's own run noted, and no other's", () => {
    const noted = results.map((result, at): RunResult => ({ ...result, warnings: [`note ${at}`] }));
    const warned = texts(buildReport({ ...provenance, results: noted as [RunResult, ...RunResult[]] }), "warning");
    expect(warned).toContain("note 0");
    expect(warned).not.toContain("note 1");
  });

  it("say when the books do not close", () => {
    const broken = { ...results[0], waterfall: { ...results[0].waterfall, residual: 1e-4 } };
    const report = buildReport({ ...provenance, results: [broken] });
    expect(texts(report, "danger").join()).toContain("do not close to 1e-9");
    expect(consoleOf(report)).toContain("does NOT close");
    expect(renderHtml(report)).toContain("does not close");
  });
});

describe("the report in a terminal", () => {
  it("fits 80 columns, full and empty, and with amounts of any size", () => {
    const scaled = (factor: number) =>
      buildReport({
        ...provenance,
        results: results.map((one) => scaledRun(one, factor)) as [RunResult, ...RunResult[]],
      });
    for (const report of [full, empty, scaled(1e6), scaled(1e-8)]) {
      const long = consoleOf(report)
        .split("\n")
        .filter((line) => line.length > 80);
      expect(long).toEqual([]);
    }
  });

  it("ranks every baseline by headline and keeps the bound apart from the ranking", () => {
    const text = consoleOf(full);
    const table = text.slice(text.indexOf("Headline:"), text.indexOf("where the money came from"));
    const places = full.runs
      .filter((one) => !one.clairvoyant)
      .sort((a, b) => b.metrics.headline - a.metrics.headline)
      .map(({ label }) => table.indexOf(`\n${label}`));
    expect(places.every((place) => place > 0)).toBe(true);
    expect(places).toEqual([...places].sort((a, b) => a - b));
    expect(table.indexOf("clairvoyant bound")).toBeGreaterThan(table.indexOf("not a competitor"));
    expect(Math.max(...places)).toBeLessThan(table.indexOf("not a competitor"));
    // It earned most, and still is not on top.
    const bound = full.runs.find((one) => one.clairvoyant);
    expect(bound?.metrics.headline).toBeGreaterThan(
      Math.max(...full.runs.filter((r) => !r.clairvoyant).map((r) => r.metrics.headline)),
    );
  });

  it("prints a loss with its minus and says whether the identity closes", () => {
    expect(full.runs[0]?.waterfall.headline).toBeLessThan(0);
    const text = consoleOf(full);
    expect(text).toMatch(/\nτ-reset, τ = 1000 ticks +-[\d,.]+ +-\d/);
    expect(text).toMatch(/identity closes: residual -?\d\.\de-1\d of the start/);
  });

  it("shows forecasts only where there were some", () => {
    expect(consoleOf(full)).toContain("mean absolute error 3.10 bp, bias +2.90 bp");
    expect(consoleOf(full)).toContain("QLIKE 0.210, 83.0 %");
    expect(consoleOf(empty)).not.toContain("predicted against realised");
  });

  it("leaves yearly figures blank below thirty days", () => {
    expect(consoleOf(empty)).toMatch(/\n {2}headline a year\n/);
    expect(consoleOf(full)).toMatch(/\n {2}headline a year +-/);
  });

  it("writes fractions with a sign, and no minus before a zero", () => {
    expect([0.1, -0.1, 0, -0.000001, null, Number.NaN].map((value) => signed(value))).toEqual([
      "+10.00",
      "-10.00",
      "0.00",
      "0.00",
      "",
      "",
    ]);
  });
});

describe("backtest show", () => {
  const folder = mkdtempSync(join(tmpdir(), "rangekeeper-show-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const show = (...args: readonly string[]) =>
    spawnSync("npx", ["tsx", "rebalancer/cli/main.ts", "backtest", "show", ...args], { encoding: "utf8" });

  it("renders what was written down, in every shape", () => {
    const [json, page] = [join(folder, "report.json"), join(folder, "report.html")];
    writeFileSync(json, serialiseReport(full));
    const { status, stdout } = show(json, "--html", page);
    expect(status).toBe(0);
    expect(uncoloured(stdout)).toBe(consoleOf(full));
    // Charts number their parts on through a process: those are counted, all else is compared.
    const undrawn = (html: string) => html.replaceAll(/<svg[\s\S]*?<\/svg>/g, "<svg/>");
    expect(undrawn(readFileSync(page, "utf8"))).toBe(undrawn(renderHtml(full)));
  });

  it("refuses what is no report with exit code 2 and the field's name", () => {
    const file = join(folder, "broken.json");
    writeFileSync(file, JSON.stringify({ ...full, subject: 7 }));
    const broken = show(file);
    expect([broken.status, broken.stderr]).toEqual([2, expect.stringContaining(`${file}: subject`)]);
    const missing = show(join(folder, "missing.json"));
    expect([missing.status, missing.stderr]).toEqual([2, expect.stringContaining("missing.json")]);
  });
});

describe("a sweep", () => {
  it("shows two knobs at a time, the others as in the base run", () => {
    const [map, gas] = [sweepMap(full, "latencyBlocks", "capital"), sweepMap(full, "gasScale", "feeHaircutBps")];
    expect(map.cells.map(({ capital, gasScale }) => [capital, gasScale])).toEqual([
      [1000, 0],
      [10_000, 0],
    ]);
    expect(gas.cells.map(({ capital, gasScale }) => [capital, gasScale])).toEqual([
      [1000, 0],
      [1000, 10],
    ]);
    // Gas of a small vault is a larger part of it.
    expect(gas.cells[1]?.headline).toBeLessThan(gas.cells[0]?.headline ?? 0);
    expect(consoleOf(full)).toMatch(/\n {2}10,000 +-\d/);
    expect(sweepMap(empty, "gasScale", "capital").cells).toEqual([]);
  });
});

describe("the CSVs of a report", () => {
  it("hold every move, point, decision and cell", () => {
    const files = csvFiles(results, full);
    expect(Object.keys(files)).toEqual(["trades.csv", "equity.csv", "decisions.csv", "sweep.csv"]);
    const rows = (name: string) =>
      (files[name] ?? "")
        .trimEnd()
        .split("\n")
        .map((line) => line.split(","));
    const widths = (name: string) => new Set(rows(name).map((row) => row.length)).size;
    for (const name of ["equity.csv", "sweep.csv"]) expect(widths(name), name).toBe(1);
    const points = results.reduce((sum, result) => sum + result.points.length, 0);
    expect(rows("equity.csv")).toHaveLength(1 + points);
    expect(rows("sweep.csv")).toHaveLength(1 + 4);
    const trades = results.reduce(
      (sum, result) => sum + result.moves.reduce((all, move) => all + Math.max(1, move.ranges.length), 0),
      0,
    );
    expect(rows("trades.csv")).toHaveLength(1 + trades);
    // A column of costs sums to the waterfall.
    const [head = [], ...body] = rows("trades.csv");
    const gas = body
      .filter(([policy]) => policy === "tau-1000")
      .reduce((sum, row) => sum + Number(row[head.indexOf("gas") - head.length + row.length]), 0);
    expect(gas).toBeCloseTo(results[0].waterfall.gas, 9);
  });

  it("quotes what would break a row", () => {
    const odd = {
      ...results[0],
      moves: [{ ...results[0].moves[0], reason: 'a, "b"\nc' } as RunResult["moves"][number]],
    };
    expect(csvFiles([odd], full)["trades.csv"]).toContain('"a, ""b""\nc"');
  });
});

describe("the report as a page", () => {
  let browser: Browser;
  const folder = mkdtempSync(join(tmpdir(), "rangekeeper-backtest-"));
  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  for (const [name, width, charts] of [
    ["full", 1280, 12],
    ["full", 400, 12],
    ["empty", 1280, 4],
    ["empty", 400, 4],
  ] as const)
    it(`draws ${charts} charts without sideways scrolling, ${name}, ${width} px wide, asking nothing of the network`, async () => {
      const file = join(folder, `${name}.html`);
      writeFileSync(file, renderHtml(name === "full" ? full : empty));
      const page = await browser.newPage({ viewport: { width, height: 900 } });
      const requests: string[] = [];
      page.on("request", (request) => requests.push(request.url()));
      await page.goto(pathToFileURL(file).href);
      expect(requests).toEqual([pathToFileURL(file).href]);
      expect(await page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")).toBe(
        true,
      );
      expect(await page.locator(".chart:visible svg").count()).toBe(charts);
      expect(await page.locator("script").count()).toBe(0);
      expect(await page.getByRole("heading", { name: "Moves", exact: true }).isVisible()).toBe(true);
      await page.close();
    });

  it("is one file of modest size that escapes what came from outside", () => {
    const html = renderHtml(full);
    expect(html).not.toContain("<b>more</b>");
    expect(html).not.toMatch(/(src|href)="http/);
    expect(html.length).toBeLessThan(1_500_000);
  });

  it("marks losses, the subject and the bound", () => {
    const html = renderHtml(full);
    expect(html).toMatch(
      /<tr class="subject"><td>\d<\/td><td>τ-reset, τ = 1000 ticks<\/td><td class="n"><span class="bad">-/,
    );
    expect(html).toMatch(/<tr class="bound"><td>bound<\/td><td>clairvoyant bound/);
    expect(html).toContain('<p class="red">In-sample');
  });
});
