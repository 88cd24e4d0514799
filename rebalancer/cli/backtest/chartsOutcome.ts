import type { CustomSeriesRenderItemAPI, CustomSeriesRenderItemParams } from "echarts";
import type { BacktestReport, ReportSweepCell } from "../../../ml/backtest/reportSchema.ts";
import { draw } from "../chart.ts";
import { figure, stamp } from "../figures.ts";
import { BLUE, GREEN, INK, RED } from "./charts.ts";
import { type Knob, ranked, signed, subjectOf } from "./words.ts";

/** Headline of every policy, best on top; the bound is not among them. */
export function policiesChart(report: BacktestReport, width: number): string {
  const { competitors } = ranked(report);
  const shown = [...competitors].reverse();
  return draw(width, 70 + 20 * shown.length, {
    grid: { left: width > 600 ? 190 : 150, right: width > 600 ? 80 : 56, top: 8, bottom: 32 },
    // Room for the figures at the ends of the bars.
    xAxis: {
      type: "value",
      boundaryGap: width > 600 ? ["18%", "12%"] : ["35%", "25%"],
      axisLabel: { formatter: "{value} %", hideOverlap: true },
    },
    yAxis: { type: "category", data: shown.map(({ label }) => label), axisTick: { show: false } },
    series: [
      {
        type: "bar",
        barWidth: 12,
        label: {
          show: true,
          position: "right",
          fontSize: 11,
          formatter: ({ dataIndex }: { dataIndex: number }) => signed(shown[dataIndex]?.metrics.headline ?? 0, 2),
        },
        data: shown.map(({ id, metrics: { headline } }) => ({
          value: 100 * headline,
          itemStyle: {
            color: id === report.subject ? BLUE : headline < 0 ? RED : GREEN,
            opacity: id === report.subject ? 1 : 0.7,
          },
          label: { position: headline < 0 ? "left" : "right" },
        })),
      },
    ],
  });
}

/** Fees to headline as floating bars, whole asset units. */
export function waterfallChart(report: BacktestReport, width: number): string {
  const { waterfall: w } = subjectOf(report);
  const steps = [
    ["fees", w.fees],
    ["LVR", -w.lvr],
    ["swap cost", -w.swapCost],
    ["MEV", -w.mev],
    ["gas", -w.gas],
  ] as const;
  const bars: [number, number, number][] = [];
  let level = 0;
  for (const [, change] of steps) {
    bars.push([level, level + change, change]);
    level += change;
  }
  bars.push([0, level, level]);
  return draw(width, width > 600 ? 280 : 260, {
    grid: { left: width > 600 ? 80 : 64, right: 16, top: 24, bottom: 32 },
    xAxis: {
      type: "category",
      data: [...steps.map(([name]) => name), "headline"],
      axisLabel: { interval: 0, fontSize: width > 600 ? 12 : 10 },
    },
    yAxis: { type: "value", axisLabel: { formatter: (value: number) => figure(value) } },
    series: [
      {
        type: "custom",
        // A stacked bar cannot float across zero, so each bar is a rectangle of its own.
        renderItem: (_: CustomSeriesRenderItemParams, api: CustomSeriesRenderItemAPI) => {
          const [from, to, value] = [1, 2, 3].map((dimension) => Number(api.value(dimension))) as [
            number,
            number,
            number,
          ];
          const last = Number(api.value(0)) === bars.length - 1;
          const [x = 0, a = 0] = api.coord([api.value(0), from]);
          const [, b = 0] = api.coord([api.value(0), to]);
          const size = (api.size?.([1, 0]) as number[] | undefined)?.[0] ?? 40;
          const top = Math.min(a, b);
          return {
            type: "group",
            children: [
              {
                type: "rect",
                shape: { x: x - size * 0.3, y: top, width: size * 0.6, height: Math.max(1, Math.abs(b - a)) },
                style: { fill: last ? BLUE : value < 0 ? RED : GREEN },
              },
              {
                type: "text",
                style: {
                  text: figure(value),
                  x,
                  y: top - 4,
                  textAlign: "center",
                  textVerticalAlign: "bottom",
                  fontSize: width > 600 ? 12 : 10,
                  fill: value < 0 ? RED : INK,
                },
              },
            ],
          };
        },
        encode: { x: 0, y: [1, 2] },
        data: bars.map((bar, index) => [index, ...bar]),
      },
    ],
  });
}

/** (6) Predicted against realised fees − LVR: every holding, the means of fifths, and the line of a perfect forecast. */
export function forecastChart(report: BacktestReport, width: number): string {
  const { pairs = [], calibration = [] } = report.forecasts ?? {};
  const points = pairs.map((pair) => [
    pair.predictedFeesBps - pair.predictedLvrBps,
    pair.realisedFeesBps - pair.realisedLvrBps,
  ]);
  const all = points.map(([predicted]) => predicted ?? 0);
  const [least, most] = [Math.min(...all), Math.max(...all)];
  const axis = (name: string) => ({
    type: "value" as const,
    scale: true,
    name,
    nameLocation: "middle" as const,
    nameGap: 28,
    axisLabel: { hideOverlap: true },
  });
  return draw(width, width > 600 ? 360 : 320, {
    grid: { left: 64, right: 24, top: 36, bottom: 48 },
    legend: { top: 0, itemGap: 28 },
    xAxis: axis("predicted, bp"),
    yAxis: { ...axis("realised, bp"), nameGap: 44 },
    series: [
      { name: "one holding", type: "scatter", symbolSize: 5, itemStyle: { color: BLUE, opacity: 0.35 }, data: points },
      {
        name: "mean of a fifth",
        type: "line",
        symbolSize: 9,
        itemStyle: { color: RED },
        lineStyle: { color: RED },
        data: calibration.map((bin) => [bin.predicted, bin.realised]),
      },
      {
        name: "perfect",
        type: "line",
        showSymbol: false,
        itemStyle: { color: INK },
        lineStyle: { color: INK, width: 1, type: "dashed" },
        data: [
          [least, least],
          [most, most],
        ],
      },
    ],
  });
}

/** (8) Headline of each window's choice on the days it was chosen on and on those after. */
export function foldsChart(walkForward: BacktestReport["walkForward"], width: number): string {
  const bar = (name: string, color: string, of: (index: number) => number) => ({
    name,
    type: "bar" as const,
    itemStyle: { color },
    data: walkForward.map((_, index) => Number((100 * of(index)).toFixed(4))),
  });
  return draw(width, width > 600 ? 280 : 260, {
    grid: { left: 64, right: 16, top: 36, bottom: 48 },
    legend: { top: 0 },
    xAxis: {
      type: "category",
      data: walkForward.map((fold) => `${stamp(fold.testFromSeconds).slice(5, 10)}\n${fold.chosen}`),
      axisLabel: { hideOverlap: true },
    },
    yAxis: { type: "value", axisLabel: { formatter: "{value} %" } },
    series: [
      bar("on train (in sample)", "#9aa8b8", (index) => walkForward[index]?.trainHeadline ?? 0),
      bar("on test (out of sample)", BLUE, (index) => walkForward[index]?.testHeadline ?? 0),
    ],
  });
}

/** (9) Headline of the cells by two knobs; red loses, green earns, to one scale. */
export function heatChart(cells: readonly ReportSweepCell[], x: Knob, y: Knob, width: number): string {
  const values = (knob: Knob) => [...new Set(cells.map((cell) => cell[knob]))].sort((a, b) => a - b);
  const [xs, ys] = [values(x), values(y)];
  const data = xs.flatMap((xValue, column) =>
    ys.flatMap((yValue, row) => {
      const found = cells.find((cell) => cell[x] === xValue && cell[y] === yValue);
      return found === undefined ? [] : [[column, row, Number((100 * found.headline).toFixed(4))] as const];
    }),
  );
  const reach = Math.max(1e-6, ...data.map(([, , value]) => Math.abs(value)));
  const axis = (knob: Knob, of: readonly number[]) => ({
    type: "category" as const,
    name: KNOBS[knob],
    nameLocation: "middle" as const,
    data: of.map((value) => figure(value).replace(/\.00$/, "")),
    splitArea: { show: true },
  });
  return draw(width, 110 + 44 * ys.length, {
    grid: { left: 100, right: 24, top: 12, bottom: 52 },
    xAxis: { ...axis(x, xs), nameGap: 30 },
    yAxis: { ...axis(y, ys), nameGap: 80 },
    visualMap: {
      show: false,
      min: -reach,
      max: reach,
      inRange: { color: ["#d9685f", "#fbeceb", "#ffffff", "#e6f4ed", "#4fae84"] },
    },
    series: [
      {
        type: "heatmap",
        data,
        label: {
          show: true,
          formatter: ({ value }: { value: readonly number[] }) => `${signed((value[2] ?? 0) / 100, 2)} %`,
        },
      },
    ],
  });
}

const KNOBS: Readonly<Record<Knob, string>> = {
  capital: "capital",
  latencyBlocks: "latency, blocks",
  gasScale: "gas price ×",
  feeHaircutBps: "fee haircut, bp",
  mevBps: "MEV, bp",
  seed: "seed",
};
