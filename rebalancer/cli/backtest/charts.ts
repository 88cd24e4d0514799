import type { BacktestReport } from "../../../ml/backtest/reportSchema.ts";
import { draw, frame, timeAxis } from "../chart.ts";
import { figure } from "../figures.ts";

export const INK = "#16202c";
export const BLUE = "#0b57d0";
export const GREEN = "#0a7f4f";
export const RED = "#b3261e";
const BAND = "#7aa7d9";
const OTHERS = ["#c77700", "#7b5ea7", "#4c8f6b", "#a14d63"] as const;
/** A band edge further than this from all prices is drawn at the plot's border. */
const MOST_ZOOM = 1.25;

const height = (width: number, wide: number) => (width > 600 ? wide : Math.round(wide * 0.9));
const base = (width: number) => ({ ...frame(width), useUTC: true, xAxis: timeAxis(width) });
const valueAxis = (format: (value: number) => string) => ({
  type: "value" as const,
  scale: true,
  axisLabel: { formatter: format },
});

type Point = readonly [number, number | null];
const line = (name: string, data: readonly Point[], color: string, width: number, more: object = {}) => ({
  name,
  type: "line" as const,
  showSymbol: false,
  lineStyle: { color, width },
  itemStyle: { color },
  data,
  ...more,
});
const over = (report: BacktestReport, values: readonly (number | null)[]): Point[] =>
  values.map((value, index) => [(report.series.at[index] ?? 0) * 1000, value]);

/** (1) The price, the outermost edges of what was held, and where it was moved. */
export function priceChart(report: BacktestReport, width: number): string {
  const { series, moves, header } = report;
  const [low, high] = [Math.min(...series.price), Math.max(...series.price)];
  const [floor, ceiling] = [low / MOST_ZOOM, high * MOST_ZOOM];
  const lower = series.bands.map((bands) =>
    bands.length > 0 ? Math.max(floor, Math.min(...bands.map((band) => band.lower))) : null,
  );
  const upper = series.bands.map((bands) =>
    bands.length > 0 ? Math.min(ceiling, Math.max(...bands.map((band) => band.upper))) : null,
  );
  const marker = (name: string, kind: "move" | "idle", rotate: number, color: string) => ({
    name,
    type: "scatter" as const,
    symbol: "triangle",
    symbolRotate: rotate,
    symbolSize: moves.length > 60 ? 5 : 9,
    itemStyle: { color },
    data: moves.filter((move) => move.kind === kind).map((move) => [move.actedAt * 1000, move.price]),
  });
  const edge = (name: string, values: readonly (number | null)[], more: object) =>
    line(name, over(report, values), BAND, 1.2, { step: "end", connectNulls: false, ...more });
  return draw(width, height(width, 380), {
    ...base(width),
    legend: {
      ...base(width).legend,
      data: [`price (${header.asset} per ${header.other})`, "range held", "move", "to idle"],
    },
    yAxis: {
      ...valueAxis(figure),
      min: niceBelow(Math.min(low, ...known(lower))),
      max: niceAbove(Math.max(high, ...known(upper))),
    },
    series: [
      edge("lower edge", lower, { stack: "band" }),
      edge(
        "range held",
        upper.map((top, index) => (top === null ? null : top - (lower[index] ?? 0))),
        {
          stack: "band",
          areaStyle: { color: BAND, opacity: 0.22 },
        },
      ),
      line(`price (${header.asset} per ${header.other})`, over(report, series.price), INK, 1.3),
      marker("move", "move", 0, GREEN),
      marker("to idle", "idle", 180, RED),
    ],
  });
}

const known = (values: readonly (number | null)[]) => values.filter((value): value is number => value !== null);

/** The next number outwards with two significant digits and a half, so that axis labels stay short. */
function nice(value: number, round: (value: number) => number): number {
  if (value === 0) return 0;
  const step = 10 ** Math.floor(Math.log10(Math.abs(value))) / 20;
  return Number((round(value / step) * step).toPrecision(6));
}
const niceBelow = (value: number) => nice(value, Math.floor);
const niceAbove = (value: number) => nice(value, Math.ceil);

/** (2) Value of the vault and of the same money elsewhere, 100 at the start. */
export function equityChart(report: BacktestReport, width: number): string {
  const { series, header } = report;
  const index = (values: readonly (number | null)[]) => {
    const start = values[0] ?? header.capital;
    return over(
      report,
      values.map((value) => (value === null ? null : (100 * value) / start)),
    );
  };
  const others = [
    ["HODL", series.hodl],
    ["50/50 rebalanced", series.fiftyFifty],
    [`${header.asset} only`, series.assetOnly],
    ["full range", series.fullRange],
  ] as const;
  return draw(width, height(width, 320), {
    ...base(width),
    yAxis: valueAxis((value) => value.toFixed(1)),
    series: [
      ...others
        .filter(([, values]) => values.some((value) => value !== null))
        .map(([name, values], i) => line(name, index(values), OTHERS[i] ?? "#888", 1.2)),
      line("this vault", index(series.nav), BLUE, 2.2),
    ],
  });
}

/** (3) Fall from the highest value so far, of the vault and of holding both tokens. */
export function drawdownChart(report: BacktestReport, width: number): string {
  const { series } = report;
  const falls = (values: readonly (number | null)[]) => {
    let peak = 0;
    return over(
      report,
      values.map((value) => {
        if (value === null) return null;
        peak = Math.max(peak, value);
        return 100 * (value / peak - 1);
      }),
    );
  };
  return draw(width, height(width, 240), {
    ...base(width),
    yAxis: { ...valueAxis((value) => `${value.toFixed(1)} %`), max: 0 },
    series: [
      line("HODL", falls(series.hodl), OTHERS[0], 1.2),
      line("this vault", falls(series.nav), RED, 1.6, { areaStyle: { color: RED, opacity: 0.15 } }),
    ],
  });
}

/** (4) Fees, losses and costs as running sums, and what is left of them. */
export function cumulativeChart(report: BacktestReport, width: number): string {
  const { series } = report;
  const minus = (values: readonly number[]) => values.map((value) => -value);
  return draw(width, height(width, 300), {
    ...base(width),
    yAxis: valueAxis(figure),
    series: [
      line("fees", over(report, series.fees), GREEN, 1.4),
      line("- LVR", over(report, minus(series.lvr)), RED, 1.4),
      line("- swap cost, MEV, gas", over(report, minus(series.costs)), OTHERS[0], 1.4),
      line("headline", over(report, series.headline), BLUE, 2.2),
    ],
  });
}

/** (5) Share of each stretch in range, and of the value in the pool, per cent; averaged so that a bar is a day or more. */
export function rangeTimeChart(report: BacktestReport, width: number): string {
  const { series } = report;
  const size = Math.max(1, Math.ceil(series.at.length / (width > 600 ? 60 : 30)));
  const inRange: Point[] = [];
  const deployed: Point[] = [];
  for (let from = 1; from < series.at.length; from += size) {
    const to = Math.min(series.at.length, from + size);
    const mean = (values: readonly number[]) => (100 * values.slice(from, to).reduce((a, b) => a + b, 0)) / (to - from);
    const at = (((series.at[from - 1] ?? 0) + (series.at[to - 1] ?? 0)) / 2) * 1000;
    inRange.push([at, mean(series.inRange)]);
    deployed.push([at, mean(series.deployed)]);
  }
  return draw(width, height(width, 220), {
    ...base(width),
    yAxis: { type: "value", min: 0, max: 100, axisLabel: { formatter: "{value} %" } },
    series: [
      { name: "time in range", type: "bar", barCategoryGap: "10%", itemStyle: { color: BAND }, data: inRange },
      line("value in the pool", deployed, INK, 1.6),
    ],
  });
}

/** (7) How wide the vault was: half of the outermost and of the innermost range, per cent of price. */
export function widthChart(report: BacktestReport, width: number): string {
  const { series } = report;
  const half = (band: { lower: number; upper: number }) => 100 * (Math.sqrt(band.upper / band.lower) - 1);
  // A range over all prices has no width to draw.
  const of = (pick: (...values: number[]) => number) =>
    over(
      report,
      series.bands.map((bands) => {
        const widths = bands.map(half).filter((value) => value < 1000);
        return widths.length > 0 ? pick(...widths) : null;
      }),
    );
  const several = series.bands.some((bands) => bands.length > 1);
  return draw(width, height(width, 220), {
    ...base(width),
    yAxis: { type: "value", min: 0, axisLabel: { formatter: "±{value} %" } },
    series: [
      line(several ? "widest range" : "half width", of(Math.max), BLUE, 1.6, { step: "end", connectNulls: false }),
      ...(several ? [line("narrowest range", of(Math.min), OTHERS[0], 1.2, { step: "end", connectNulls: false })] : []),
    ],
  });
}
