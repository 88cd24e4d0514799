import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { runDemo } from "../support/demo.ts";

const MINUTES = 60_000;
const folder = mkdtempSync(join(tmpdir(), "rangekeeper-bad-"));
mkdirSync(join(folder, "pools"));
const HEADER =
  "block_number,timestamp,seq,type,sender,recipient_or_owner,amount0,amount1,sqrt_price_x96,liquidity,tick,tick_lower,tick_upper,liquidity_delta";
const write = (name: string, bytes: Uint8Array) => writeFileSync(join(folder, "pools", `${name}.csv.gz`), bytes);
const swap = "100,1677650000,0,SWAP,,,1000,-900,79228162514264337593543950336,1000000000000,0,,,";
write("ethereum_usdc_weth_005_events_whole", gzipSync(`${HEADER}\n${swap}\n`));
write("ethereum_usdc_weth_005_events_cut", gzipSync(`${HEADER}\n${`${swap}\n`.repeat(500)}`).subarray(0, 60));
write("ethereum_usdc_weth_005_events_word", gzipSync(`${HEADER}\n${swap.replace("1000,-900", "many,-900")}\n`));
write(
  "ethereum_usdc_weth_005_events_quiet",
  gzipSync(`${HEADER}\n100,1677650000,0,BURN,,0xC36442b4a4522E871399CD717aBDD847Ab11FE88,0,0,,,,-60,60,0\n`),
);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the demo refuses, in words and with a status other than 0,", () => {
  const refuses = (name: string, args: readonly string[], words: readonly (string | RegExp)[]) =>
    it(
      name,
      async () => {
        const { status, output, report } = await runDemo(args, { RANGEKEEPER_DATA: "" });
        expect(status).not.toBe(0);
        expect(report).toBeNull();
        for (const word of words) expect(output).toMatch(word);
        expect(output).not.toMatch(/^\s+at .*:\d+:\d+/m);
      },
      MINUTES,
    );

  refuses(
    "a market that does not exist, and lists those that do",
    ["--data", folder, "--market", "nowhere"],
    ["nowhere", "ethereum_usdc_weth_005_events_whole"],
  );
  refuses("a market without a folder to look in", ["--market", "nowhere"], ["--market nowhere", "--data DIR"]);
  refuses("a folder without a market", ["--data", folder], ["--data", "--market"]);
  refuses("a folder that is not there", ["--data", join(folder, "gone"), "--market", "nowhere"], ["gone"]);
  refuses(
    "a truncated file, naming it",
    ["--data", folder, "--market", "ethereum_usdc_weth_005_events_cut"],
    ["ethereum_usdc_weth_005_events_cut", /truncated|ends/i],
  );
  refuses(
    "a word where a number belongs, naming line, field and value",
    ["--data", folder, "--market", "ethereum_usdc_weth_005_events_word"],
    ["amount0", "many", /line 2|:2/],
  );
  refuses("a length that is no number of hours", ["--hours", "soon"], ["--hours", "soon", "whole number"]);
  refuses("an unknown set of models", ["--models", "oracle-of-delphi", "--hours", "6"], ["oracle-of-delphi", "rules"]);

  it(
    "a port that is in use",
    async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const address = server.address();
      const port = String(address && typeof address === "object" ? address.port : 0);
      const { status, output } = await runDemo(["--hours", "6", "--port", port]);
      server.close();
      expect(status).toBe(1);
      expect(output).toContain(`port ${port} is in use`);
    },
    3 * MINUTES,
  );
  it(
    "a recorded market without a swap",
    async () => {
      const { status, output } = await runDemo(["--data", folder, "--market", "ethereum_usdc_weth_005_events_quiet"]);
      expect(status).not.toBe(0);
      expect(output).toContain("no swap");
    },
    3 * MINUTES,
  );
});
