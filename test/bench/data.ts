import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { openEventWriter, readStoredEvents } from "../../ml/data/store/events.ts";
import type { StoredEvent } from "../../ml/data/store/eventTypes.ts";
import { syntheticEvents } from "../support/syntheticEvents.ts";
import { type Bench, cpuSeconds } from "./bench.ts";

const POOL = {
  chainId: 1,
  address: null,
  token0: { symbol: "TOKEN0", decimals: 18, address: null },
  token1: { symbol: "TOKEN1", decimals: 18, address: null },
  feePips: 500,
  tickSpacing: 10,
};
const BATCH = 10_000;
/** Events that are also written as CSV, to be compared. */
const SAMPLE = 20_000;
const GIB = 2 ** 30;

/** A run of 53 bits over what an event says, so that what is read is known to be what was written. */
function digest(sum: number, event: StoredEvent): number {
  const price = "sqrtPriceX96" in event && event.sqrtPriceX96 !== null ? Number(event.sqrtPriceX96 & 0xfffffffn) : 1;
  const amounts = Number((event.amount0 ^ event.amount1) & 0xfffffffn);
  return (sum * 31 + event.block * 7 + event.order + price + amounts + (event.sender?.length ?? 0)) % (2 ** 45 - 55);
}

/** The columns of an event file, without the transaction's hash. */
const csvLine = (event: StoredEvent): string => {
  const { block, timestamp, order, type, sender, owner, amount0, amount1 } = event;
  const swap = event.type === "SWAP" ? [event.sqrtPriceX96, event.liquidity, event.tick] : ["", "", ""];
  const range = "tickLower" in event ? [event.tickLower, event.tickUpper, event.liquidityDelta] : ["", "", ""];
  return `${[block, timestamp, order, type, sender, owner, amount0, amount1, ...swap, ...range].join(",")}\n`;
};

/**
 * Writes synthetic events into a dataset and reads them back, and says how fast (processor time of this process, the
 * making of the events left out), how small, and how much memory at the most. Option: --events N (default 10,000,000).
 */
export const bench: Bench = async ({ options, progress }) => {
  const at = options.indexOf("--events");
  const total = at < 0 ? 10_000_000 : Number(options[at + 1]);
  const folder = mkdtempSync(join(tmpdir(), "bench-data-"));
  try {
    const out = join(folder, "synthetic");
    const source = syntheticEvents(1);
    const writer = openEventWriter(out, { manifest: { name: "synthetic", pool: POOL } });
    const sample: StoredEvent[] = [];
    let [written, writeSeconds, sumWritten] = [0, 0, 0];
    while (written < total) {
      const batch: StoredEvent[] = [];
      while (batch.length < BATCH && written + batch.length < total) batch.push(source.next().value as StoredEvent);
      writeSeconds += cpuSeconds(() => {
        for (const event of batch) writer.append(event);
      });
      if (sample.length < SAMPLE) sample.push(...batch);
      for (const event of batch) sumWritten = digest(sumWritten, event);
      written += batch.length;
      if (written % 1_000_000 === 0) progress(`wrote ${written / 1e6} M events`);
    }
    const manifest = writer.commit();
    let [read, sumRead] = [0, 0];
    const events = readStoredEvents(out);
    let readSeconds = 0;
    for (;;) {
      let batch: StoredEvent[] | undefined;
      readSeconds += cpuSeconds(() => {
        const next = events.next();
        batch = next.done ? undefined : next.value;
      });
      if (batch === undefined) break;
      for (const event of batch) sumRead = digest(sumRead, event);
      read += batch.length;
    }
    if (read !== written || sumRead !== sumWritten)
      throw new Error(`read ${read} events unlike the ${written} written`);
    const csvBytes = gzipSync(sample.map(csvLine).join(""), { level: 6 }).length / sample.length;
    const bytes = manifest.chunks.reduce((sum, chunk) => sum + chunk.bytes, 0);
    // Kibibytes, and of the whole process: Node.js, the compiler of TypeScript and the making of the events included.
    const peak = process.resourceUsage().maxRSS * 1024;
    const row = (name: string, value: number, unit: string, against = "", ratio: number | null = null) => ({
      name,
      value,
      unit,
      against,
      ratio,
    });
    return [
      row("events written and read back the same", written, "events"),
      row("writing", written / writeSeconds, "events/s"),
      row("reading", read / readSeconds, "events/s"),
      row("on disk", bytes / written, "bytes/event", `${csvBytes.toFixed(1)} as gzip CSV`, bytes / written / csvBytes),
      row("peak resident memory", peak / GIB, "GiB", "limit 1 GiB", peak / GIB),
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};
