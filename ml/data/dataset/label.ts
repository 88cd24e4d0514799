import { InvalidInputError } from "../../errors.ts";
import type { Outside } from "../../features/outsideSeries.ts";
import { derivedSeed, seededRandom } from "../../random.ts";
import type { Bar, RangeQuery } from "../../types.ts";
import { emptyBar, flipBars, joinBars } from "../bars.ts";
import type { FeeMeter, MeteredRange } from "./feeMeter.ts";
import { createHistory } from "./history.ts";
import { type FollowedRange, followRange } from "./outcome.ts";
import { DECISION_PERCENTS, type Sampler, type SeriesSamples, samplersOf } from "./samplers.ts";
import { type DatasetRow, type TableName, VARIANCE_HORIZONS } from "./tables.ts";

const HOUR = 3600;
/** A hole as long as this ends a span: what comes after it is a series of its own. */
export const HOLE_SECONDS = 86_400;

/** A market as the labels are made of it: bars in order, asked for one by one. */
export interface BarStream {
  readonly name: string;
  /** Divides an hour. */
  readonly barSeconds: number;
  /** Bars in order; those of a hole may be missing. Whoever asks for the next one has seen all of the market up to the last. */
  bars(): AsyncIterable<Bar>;
  /** Measures what positions earn, standing at the end of the last bar; null = fees are those of the bars. */
  readonly meter: FeeMeter | null;
  readonly samples: SeriesSamples;
  /** Whether spans are numbered from the first on, or only from the second. */
  readonly numbered: boolean;
  /** What was known of the world outside of it; absent = nothing. */
  readonly outside?: Outside | undefined;
}

export interface LabelledRow extends DatasetRow {
  readonly table: TableName;
}

export interface LabelParameters {
  readonly seed: number;
  /** Rows lie in these times (unix seconds, both included) with their labels; absent = all. */
  readonly fromSeconds?: number | undefined;
  readonly toSeconds?: number | undefined;
  /** Told how many rows wait for their labels, bar by bar. */
  readonly waiting?: (rows: number) => void;
}

/**
 * The rows of a market, each as soon as its labels are known. In memory are the bars that features look back on and the
 * rows whose horizon has not ended; features see no bar after their time. Same seed and bars, same rows.
 */
export async function* labelStream(stream: BarStream, parameters: LabelParameters): AsyncGenerator<LabelledRow> {
  const { barSeconds } = stream;
  if (HOUR % barSeconds !== 0) {
    throw new InvalidInputError(`series ${stream.name}: bars of ${barSeconds} s must divide an hour`);
  }
  let span: Span | null = null;
  let spans = 0;
  for await (const bar of stream.bars()) {
    if (bar.endSeconds > (parameters.toSeconds ?? Number.POSITIVE_INFINITY)) break;
    if (span === null || bar.startSeconds - span.lastKnown >= HOLE_SECONDS) {
      if (Number.isNaN(bar.close)) continue;
      if (span !== null) yield* span.finish();
      span = openSpan(stream, ++spans, parameters);
    }
    for (const filled of span.fill(bar)) yield* span.see(filled);
  }
  if (span !== null) yield* span.finish();
}

interface Span {
  /** End of the last bar with a price. */
  readonly lastKnown: number;
  /** The bar, after empty ones where some are missing. */
  fill(bar: Bar): Bar[];
  see(bar: Bar): LabelledRow[];
  finish(): LabelledRow[];
}

interface Waiting {
  readonly table: Exclude<TableName, "volatility">;
  readonly at: number;
  readonly series: string;
  readonly features: ArrayLike<number>;
  readonly flip: boolean;
  readonly allOrNothing: boolean;
  readonly rows: FollowedRow[];
}

interface FollowedRow {
  readonly query: RangeQuery;
  readonly index: number;
  readonly endsAt: number;
  readonly followed: FollowedRange;
  readonly metered: MeteredRange | null;
  labels: readonly number[] | null;
  done: boolean;
}

interface WaitingVariance {
  readonly at: number;
  readonly features: ArrayLike<number>;
  readonly labels: number[];
  sum: number;
  hours: number;
}

function openSpan(stream: BarStream, number: number, parameters: LabelParameters): Span {
  const { barSeconds, samples, meter } = stream;
  const { seed, fromSeconds = Number.NEGATIVE_INFINITY, waiting = () => {} } = parameters;
  const name = stream.numbered || number > 1 ? `${stream.name}-${number}` : stream.name;
  const samplers = samplersOf(samples, (table) => seededRandom(derivedSeed(seed, `${table} ${name}`)));
  const queues = new Map<string, Waiting[]>(samplers.map(({ table }) => [table, []]));
  const variances: WaitingVariance[] = [];
  const longest = Math.max(...VARIANCE_HORIZONS) / HOUR;
  const hourly = createHistory(stream.outside);
  const mirrored = createHistory(stream.outside);
  let part: Bar[] = [];
  let hours = 0;
  let lastEnd: number | null = null;
  let lastKnown = 0;

  function hourOf(bar: Bar): Bar | null {
    part.push(bar);
    if (bar.endSeconds % HOUR !== 0) return null;
    const whole = part.length * barSeconds === HOUR ? (joinBars(part, part.length)[0] as Bar) : null;
    part = [];
    return whole;
  }

  function sample(sampler: Sampler): void {
    const { flip, queries } = sampler.draw();
    const recent = flip ? mirrored : hourly;
    const last = recent.last as Bar;
    if (last.endSeconds < fromSeconds || Number.isNaN(last.close)) return;
    const exact = sampler.table === "yield" ? meter : null;
    const rows = queries.map((asked, index): FollowedRow => {
      const metered = exact === null ? null : exact.open(asked, last.close, flip);
      const query = metered === null ? asked : { ...asked, ...metered.offsets };
      const endsAt = last.endSeconds + query.horizonSeconds;
      const followed = followRange(query, last.close);
      return { query, index, endsAt, followed, metered, labels: null, done: false };
    });
    queues.get(sampler.table)?.push({
      table: sampler.table,
      at: last.endSeconds,
      series: flip ? `inverse-${name}` : name,
      features: recent.features(),
      flip,
      allOrNothing: sampler.allOrNothing,
      rows,
    });
  }

  function follow(bar: Bar): void {
    let flipped: Bar | null = null;
    meter?.refresh();
    for (const queue of queues.values()) {
      for (const { table, flip, rows } of queue) {
        for (const row of rows) {
          if (row.done) continue;
          if (flip) flipped ??= flipBars([bar])[0] as Bar;
          const seen = flip && flipped !== null ? flipped : bar;
          row.followed.see(seen, row.metered?.earned(seen.close, flip));
          if (bar.endSeconds < row.endsAt) continue;
          row.labels = labelsOf(table, row);
          row.metered?.close();
          row.done = true;
        }
      }
    }
  }

  function seeHour(bar: Bar): void {
    const before = hourly.last?.close ?? Number.NaN;
    for (const row of variances) {
      if (row.hours >= longest) continue;
      row.sum += (bar.close - before) ** 2;
      row.hours++;
      const horizon = VARIANCE_HORIZONS.findIndex((seconds) => seconds === row.hours * HOUR);
      // A time without one price change is a halted market, not a forecast to learn.
      if (horizon >= 0 && row.sum > 0) row.labels[horizon] = row.sum;
    }
    hourly.add(bar);
    if (samplers.length > 0) mirrored.add(flipBars([bar])[0] as Bar);
    hours++;
    const due = (warmUp: number, stride: number): boolean =>
      stride > 0 && hours >= warmUp && (hours - warmUp) % stride === 0;
    if (due(samples.warmUpHours, samples.volatilityStrideHours) && bar.endSeconds >= fromSeconds) {
      const labels = VARIANCE_HORIZONS.map(() => Number.NaN);
      variances.push({ at: bar.endSeconds, features: hourly.features(), labels, sum: 0, hours: 0 });
    }
    for (const sampler of samplers) if (due(sampler.warmUpHours, sampler.strideHours)) sample(sampler);
  }

  function* ready(last: boolean): Generator<LabelledRow> {
    while (variances[0] !== undefined && (last || variances[0].hours >= longest)) {
      const { at, features, labels } = variances.shift() as WaitingVariance;
      if (VARIANCE_HORIZONS.some((seconds, i) => seconds >= samples.varianceSeconds && !Number.isNaN(labels[i]))) {
        yield { table: "volatility", series: name, at, values: [...Array.from(features), ...labels] };
      }
    }
    for (const queue of queues.values()) {
      while (queue[0] !== undefined && (last || queue[0].rows.every(({ done }) => done))) {
        yield* rowsOf(queue.shift() as Waiting);
      }
    }
  }

  return {
    get lastKnown() {
      return lastKnown;
    },
    fill(bar) {
      const filled: Bar[] = [];
      for (let at = lastEnd ?? bar.startSeconds; at < bar.startSeconds; at += barSeconds) {
        filled.push(emptyBar(at, at + barSeconds));
      }
      return [...filled, bar];
    },
    see(bar) {
      lastEnd = bar.endSeconds;
      if (!Number.isNaN(bar.close)) lastKnown = bar.endSeconds;
      follow(bar);
      const hour = hourOf(bar);
      if (hour !== null) seeHour(hour);
      const rows = [...ready(false)];
      let count = variances.length;
      for (const queue of queues.values()) for (const { rows: waits } of queue) count += waits.length;
      waiting(count);
      return rows;
    },
    finish() {
      for (const queue of queues.values()) {
        for (const { rows } of queue) for (const row of rows) if (!row.done) row.metered?.close();
      }
      return [...ready(true)];
    },
  };
}

function labelsOf(table: Waiting["table"], { followed, index }: FollowedRow): readonly number[] | null {
  const outcome = followed.end();
  if (outcome === null) return null;
  const { il, lvr, inRange, feeYield } = outcome;
  const labels =
    table === "ranges"
      ? [il, lvr, inRange]
      : table === "yield"
        ? [feeYield]
        : [DECISION_PERCENTS[index] ?? 0, feeYield, lvr];
  return labels.some(Number.isNaN) ? null : labels;
}

function* rowsOf({ table, at, series, features, rows, allOrNothing }: Waiting): Generator<LabelledRow> {
  if (allOrNothing && rows.some(({ labels }) => labels === null)) return;
  for (const { query, labels } of rows) {
    if (labels === null) continue;
    const { lowerOffset, upperOffset, horizonSeconds } = query;
    yield {
      table,
      series,
      at,
      values: [...Array.from(features), lowerOffset, upperOffset, horizonSeconds, ...labels],
    };
  }
}
