import { setImmediate } from "node:timers/promises";
import { swapsOf, toBars } from "../../../ml/data/bars.ts";
import { collectSeries } from "../../../ml/data/dataset/collect.ts";
import { openSeries, seriesKind } from "../../../ml/data/dataset/openSeries.ts";
import { listFiles, UnknownMarketError } from "../../../ml/data/market.ts";
import { readWorld, worldMarketOf } from "../../../ml/data/outside/world.ts";
import { FEE_PIPS } from "../../../ml/data/poolNames.ts";
import { openEventSource, readEvents } from "../../../ml/data/streamEvents.ts";
import { computeFeatures, LOOKBACK_BARS } from "../../../ml/features/index.ts";
import type { Outside } from "../../../ml/features/outsideSeries.ts";
import { createBarStream, createPoolStream } from "../../../ml/features/stream.ts";
import { featureTable } from "../../../ml/features/table.ts";
import type { Numeraire, SwapEvent } from "../../../ml/types.ts";
import { type Skew, tallySkew } from "./recorded.ts";

const HOUR = 3600;
/** Moments after which what else waits has its turn. */
const TURN = 64;

export interface StreamedSkewParameters {
  readonly dataFolder: string;
  /** Of a file of events or bars, or of a dataset of the store. */
  readonly name: string;
  readonly numeraire: Numeraire;
  /** Of a market of events: blocks at which the two are compared, evenly spread; all are streamed. */
  readonly blocks: number;
}

export interface StreamedSkew {
  /** What was streamed: each block's swaps, or hourly bars. */
  readonly kind: "blocks" | "hours";
  /** Blocks or hours that the stream was given, and moments at which it was compared with the batch. */
  readonly streamed: number;
  readonly moments: number;
  readonly skews: readonly Skew[];
}

/**
 * A recorded market handed over piece by piece, as it came, against all of it at once. The batch is given the whole file:
 * that it says the same at each moment also shows that no later row reaches into an earlier feature.
 */
export async function streamedSkew(parameters: StreamedSkewParameters): Promise<StreamedSkew> {
  const files = listFiles(parameters.dataFolder);
  const outside = readWorld(files).of(worldMarketOf(parameters.name));
  const kind = await seriesKind(files, parameters.name);
  return kind === "events" ? blocksSkew(parameters, outside) : hoursSkew(parameters, files, outside);
}

async function blocksSkew({ dataFolder, name, numeraire, blocks }: StreamedSkewParameters, outside: Outside) {
  const source = openEventSource(dataFolder, name);
  const { pool } = source;
  if (pool === null)
    throw new UnknownMarketError(`market ${JSON.stringify(name)} must be named <chain>_<token0>_<token1>_<fee>_…`);
  const swaps: SwapEvent[] = [];
  const times: number[] = [];
  for await (const events of readEvents(source)) {
    for (const { timestamp } of events) if (timestamp !== times.at(-1)) times.push(timestamp);
    swaps.push(...swapsOf(events));
  }
  const fromTimestamp = times[0] ?? 0;
  const stream = createPoolStream({ pool, numeraire, fromTimestamp, outside });
  const tally = tallySkew();
  const every = Math.max(1, Math.floor(times.length / blocks));
  let [next, moments] = [0, 0];
  for (const [i, at] of times.entries()) {
    const first = next;
    while (next < swaps.length && (swaps[next] as SwapEvent).timestamp <= at) next++;
    const streamed = stream.block(at, swaps.slice(first, next));
    if ((times.length - 1 - i) % every !== 0) continue;
    const bars = toBars({ swaps, fromTimestamp, pool }, numeraire, {
      ...{ barSeconds: HOUR, untilSeconds: at, atMost: LOOKBACK_BARS },
    });
    const known = bars.length > 0 && !Number.isNaN(bars.at(-1)?.close);
    if (streamed === null && !known) continue;
    const batch = known ? computeFeatures(bars, outside).values : undefined;
    if (streamed === null) tally.add(batch ?? [], undefined);
    else tally.add(streamed.values, batch);
    moments++;
    if (moments % TURN === 0) await setImmediate();
  }
  return { kind: "blocks" as const, streamed: times.length, moments, skews: tally.skews };
}

async function hoursSkew(parameters: StreamedSkewParameters, files: readonly string[], outside: Outside) {
  const { dataFolder, name, numeraire } = parameters;
  // Where the name tells no fee, volumes are missing on both sides.
  const fee = (name.split("_")[3] ?? "") in FEE_PIPS ? {} : { feePips: null };
  const { series } = await openSeries({ dataFolder, files, name, numeraire, ...fee });
  const tally = tallySkew();
  let moments = 0;
  for (const { hourly } of await collectSeries({ ...series, numbered: false })) {
    const table = featureTable(hourly, outside);
    const stream = createBarStream(outside);
    for (const [row, bar] of hourly.entries()) {
      tally.add(stream.push(bar).values, table.at(row));
      moments++;
      if (moments % TURN === 0) await setImmediate();
    }
  }
  return { kind: "hours" as const, streamed: moments, moments, skews: tally.skews };
}
