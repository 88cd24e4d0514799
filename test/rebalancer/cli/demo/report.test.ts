import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { renderConsole } from "../../../../rebalancer/cli/demo/report/console.ts";
import { renderHtml } from "../../../../rebalancer/cli/demo/report/html.ts";
import { figure } from "../../../../rebalancer/cli/figures.ts";
import { launchChromium } from "../../../support/chromium.ts";
import { sampleReport } from "../../../support/report.ts";

const full = sampleReport();
const empty = sampleReport({
  moves: [],
  refusals: [],
  replay: null,
  series: { ...full.series, lower: full.series.at.map(() => null), upper: full.series.at.map(() => null) },
});

// biome-ignore lint/suspicious/noControlCharactersInRegex: terminal colours are control characters
const uncoloured = (text: string) => text.replace(/\u001b\[[0-9;]*m/g, "");

describe("the report in a terminal", () => {
  for (const [name, report] of Object.entries({ full, empty }))
    it(`fits 80 columns when ${name}`, () => {
      const lines = uncoloured(renderConsole(report)).split("\n");
      const long = lines.filter((line) => line.length > 80);
      expect(long).toEqual([]);
    });

  it("prints a loss as a loss", () => {
    const text = uncoloured(renderConsole(sampleReport({ result: { ...full.result, net: -0.25 } })));
    expect(text).toMatch(/= fees - LVR - costs\s+-0\.25000\s+a loss/);
  });

  it("says that nothing was moved instead of showing an empty table", () => {
    expect(uncoloured(renderConsole(empty))).toContain("the vault stood aside");
  });

  it("writes figures with a fixed number of digits and no exponent", () => {
    expect([0, 1234567.8, 12.345, 0.12345678, -0.000012, Number.NaN].map(figure)).toEqual([
      "0",
      "1,234,568",
      "12.35",
      "0.12346",
      "-0.00001200",
      "n/a",
    ]);
  });
});

describe("the report as a page", () => {
  let browser: Browser;
  const folder = mkdtempSync(join(tmpdir(), "rangekeeper-report-"));
  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  for (const [name, report] of Object.entries({ full, empty }))
    for (const width of [1280, 375])
      it(`shows three charts without sideways scrolling, ${name}, ${width} px wide, asking nothing of the network`, async () => {
        const file = join(folder, `${name}.html`);
        writeFileSync(file, renderHtml(report));
        const page = await browser.newPage({ viewport: { width, height: 900 } });
        const requests: string[] = [];
        page.on("request", (request) => requests.push(request.url()));
        await page.goto(pathToFileURL(file).href);
        expect(requests).toEqual([pathToFileURL(file).href]);
        expect(
          await page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"),
        ).toBe(true);
        expect(await page.locator(".chart:visible svg").count()).toBe(3);
        expect(await page.locator("script").count()).toBe(0);
        const heading = page.getByRole("heading", { name: "Moves", exact: true });
        expect(await heading.isVisible()).toBe(true);
        await page.close();
      });

  it("escapes what came from outside", () => {
    expect(renderHtml(full)).not.toContain("<b>more</b>");
  });

  it("marks a model whose training days overlap the market as in-sample", () => {
    expect(renderHtml(full)).toContain("In-sample: this market's days overlap");
  });
});
