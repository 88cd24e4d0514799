import * as echarts from "echarts";

/** An option drawn to SVG text, without a browser. */
export function draw(width: number, height: number, option: echarts.EChartsCoreOption): string {
  const chart = echarts.init(null, null, { renderer: "svg", ssr: true, width, height });
  chart.setOption({ animation: false, textStyle: { fontFamily: "system-ui, sans-serif" }, ...option });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}

/** Grid and legend for a width. */
export const frame = (width: number) => ({
  grid: { left: width > 600 ? 70 : 54, right: 16, top: width > 600 ? 36 : 64, bottom: 32 },
  legend: { top: 0, type: "plain" as const, itemGap: 16, itemWidth: 18 },
});
export const timeAxis = (width: number) => ({ type: "time" as const, splitNumber: width > 600 ? 8 : 3 });
