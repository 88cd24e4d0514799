import { basename, dirname } from "node:path";
import { readCsvLines } from "./csvStream.ts";
import type { PoolEvent } from "./events.ts";
import { formatError } from "./file.ts";
import { detectFormat } from "./import/detect.ts";
import { createEventParser } from "./import/eventLines.ts";
import { orderFault } from "./import/order.ts";
import { findEvents, listFiles, type MarketPool, poolFromName, UnknownMarketError } from "./market.ts";
import { readStoredEvents, type TimeSpan } from "./store/events.ts";
import { isPoolEvent, type StoredEvent } from "./store/eventTypes.ts";
import { MANIFEST, readManifest } from "./store/manifest.ts";

/** A market whose events are read piece by piece, from the store or from an event file. */
export interface EventSource {
  readonly name: string;
  /** The manifest of a dataset, or an event file. */
  readonly path: string;
  readonly pool: MarketPool | null;
}

/** Finds a market in a data folder without reading its events. */
export function openEventSource(dataFolder: string, name: string): EventSource {
  const path = findEvents(listFiles(dataFolder), name);
  if (path === null) {
    throw new UnknownMarketError(`market ${JSON.stringify(name)} must be a dataset or an event file in ${dataFolder}`, {
      details: { dataFolder, name },
    });
  }
  const stored = basename(path) === MANIFEST ? readManifest(dirname(path)).pool : null;
  return { name, path, pool: stored ?? poolFromName(name) };
}

/** The events of a span in order, in pieces, never whole in memory: those of swaps and positions only. */
export async function* readEvents(source: EventSource, span: TimeSpan = {}): AsyncGenerator<PoolEvent[]> {
  for await (const events of readAllEvents(source, span)) yield events.filter(isPoolEvent);
}

/** The same with the pool's other events (its opening, flash loans, protocol fees) where the source has them. */
export async function* readAllEvents(source: EventSource, span: TimeSpan = {}): AsyncGenerator<StoredEvent[]> {
  if (basename(source.path) === MANIFEST) yield* readStoredEvents(dirname(source.path), span);
  else yield* readEventFile(source, span);
}

async function* readEventFile(source: EventSource, span: TimeSpan): AsyncGenerator<PoolEvent[]> {
  const { path, pool } = source;
  const [from, to] = [span.fromTimestamp ?? -Infinity, span.toTimestamp ?? Infinity];
  let parse: ((fields: readonly string[], line: number) => PoolEvent) | null = null;
  let last: PoolEvent | null = null;
  for await (const lines of readCsvLines(path)) {
    const batch: PoolEvent[] = [];
    for (const { line, fields } of lines) {
      if (parse === null) {
        const format = detectFormat(fields, path, "events");
        const amounts = "amounts" in format ? format.amounts : "units";
        const decimals = pool === null ? null : ([pool.token0.decimals, pool.token1.decimals] as const);
        parse = createEventParser({ header: fields, file: path, amounts, decimals });
        continue;
      }
      const event = parse(fields, line);
      const fault = last === null ? null : orderFault(last, event);
      if (fault !== null) throw formatError({ file: path, line, ...fault });
      last = event;
      if (event.timestamp > to) {
        if (batch.length > 0) yield batch;
        return;
      }
      if (event.timestamp >= from) batch.push(event);
    }
    if (batch.length > 0) yield batch;
  }
}
