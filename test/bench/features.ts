/** Speed of features: rows of a table, one bar of a stream, one block of a busy pool with a month behind it. */
import { toBars } from "../../ml/data/bars.ts";
import { createKeptBars } from "../../ml/data/keptBars.ts";
import { computeFeatures, FEATURE_NAMES, LOOKBACK_BARS } from "../../ml/features/index.ts";
import { createBarStream, createPoolStream } from "../../ml/features/stream.ts";
import { featureTable } from "../../ml/features/table.ts";
import type { Bar } from "../../ml/types.ts";
import { hourlyBars, market } from "../ml/fixtures.ts";
import { type Bench, type BenchRow, median } from "./bench.ts";

const ROWS = 20_000;
const RUNS = 7;
const MONTH_HOURS = 730;
/** As the busiest mainnet pool: 6,000 swaps a day. */
const SWAPS_PER_HOUR = 250;
const BLOCK_SECONDS = 12;
const BLOCKS = 150;
/** What a worker holds unless told otherwise. */
const WORKER_HOURS = 336;

export const bench: Bench = async ({ progress }) => {
  const rows: BenchRow[] = [];
  const bars = hourlyBars(ROWS);
  const processor = (work: () => void): number => {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1_000_000;
  };

  progress(`${ROWS} rows of ${FEATURE_NAMES.length} features`);
  const whole = () => {
    const table = featureTable(bars);
    for (let row = 0; row < bars.length; row++) table.at(row);
  };
  whole();
  const perSecond = ROWS / median(Array.from({ length: RUNS }, () => processor(whole)));
  rows.push({
    name: `table of ${FEATURE_NAMES.length} features, one core`,
    value: perSecond,
    unit: "rows/s",
    against: "at least 100,000",
    ratio: perSecond / 100_000,
  });

  progress("a stream of bars");
  const stream = createBarStream();
  const oneBar = median(
    bars.slice(0, 3_000).map((bar) => {
      const began = performance.now();
      stream.push(bar);
      return performance.now() - began;
    }),
  );
  rows.push({ name: "one bar of a stream", value: oneBar, unit: "ms", against: "at most 1 ms", ratio: oneBar });

  progress("a stream of blocks");
  const history = market({ hours: MONTH_HOURS, swapsPerHour: SWAPS_PER_HOUR });
  const pool = createPoolStream({ pool: history.pool, numeraire: 1, fromTimestamp: history.fromTimestamp });
  const last = history.toTimestamp - BLOCKS * BLOCK_SECONDS;
  let next = history.swaps.findIndex(({ timestamp }) => timestamp > last);
  pool.block(last, history.swaps.slice(0, next));
  const took: number[] = [];
  for (let at = last + BLOCK_SECONDS; at <= history.toTimestamp; at += BLOCK_SECONDS) {
    const from = next;
    while ((history.swaps[next]?.timestamp ?? Number.POSITIVE_INFINITY) <= at) next++;
    const swaps = history.swaps.slice(from, next);
    const began = performance.now();
    pool.block(at, swaps);
    took.push(performance.now() - began);
  }
  const oneBlock = median(took);
  rows.push({
    name: `one block after ${history.swaps.length} swaps`,
    value: oneBlock,
    unit: "ms",
    against: "at most 1 ms",
    ratio: oneBlock,
  });

  progress("a worker's block");
  const kept = createKeptBars(1);
  const times = Float64Array.from(history.swaps, ({ timestamp }) => timestamp);
  const asWorker = (at: number) => {
    const fromTimestamp = at - WORKER_HOURS * 3600;
    const swaps = history.swaps.slice(
      times.findIndex((time) => time >= fromTimestamp),
      times.findLastIndex((time) => time <= at) + 1,
    );
    const parameters = { barSeconds: 3600, untilSeconds: at, atMost: LOOKBACK_BARS };
    const source = { swaps, fromTimestamp, pool: history.pool };
    const timed = (bars: () => readonly Bar[]): number => {
      const began = performance.now();
      computeFeatures(bars());
      return performance.now() - began;
    };
    return { kept: timed(() => kept(source, parameters)), anew: () => timed(() => toBars(source, 1, parameters)) };
  };
  asWorker(last);
  const after: number[] = [];
  for (let at = last + BLOCK_SECONDS; at <= history.toTimestamp; at += BLOCK_SECONDS) after.push(asWorker(at).kept);
  const anew = median(Array.from({ length: 5 }, () => asWorker(history.toTimestamp).anew()));
  rows.push({
    name: `a worker's block, ${WORKER_HOURS} h kept`,
    value: median(after),
    unit: "ms",
    against: `made anew: ${anew.toFixed(1)} ms`,
    ratio: median(after) / anew,
  });
  return rows;
};
