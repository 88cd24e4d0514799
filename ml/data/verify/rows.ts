import type { TableFormat } from "../import/formats.ts";
import type { Cell } from "../store/columns.ts";
import type { DatasetKind } from "../store/manifest.ts";
import type { Findings } from "./findings.ts";

/** Factor by which a price may leave the bar before it, or a wick its body, and still be taken for true. */
const JUMP_FACTOR = { hour: 2, day: 4 } as const;
const HOUR = 3600;
const TICKS_PER_LN = 1 / Math.log(1.0001);
/** Steps longer than this many common ones are gaps. */
const GAP_STEPS = 1.5;
const KEPT_STEPS = 10_000;

export interface RowChecker {
  see(cells: readonly Cell[], line: number): void;
  end(): void;
}

export type CheckedTable = Pick<TableFormat, "timeColumn" | "keys" | "unique" | "growing"> & {
  readonly kind: DatasetKind;
  readonly header: readonly string[];
};

interface Series {
  time: number;
  close: number;
  readonly grown: (number | bigint)[];
  readonly steps: Map<number, number>;
  readonly longest: { line: number; at: number; step: number }[];
}

/** Names of open, high, low and close; `ticks` = they are ticks, not prices. */
const OHLC = [
  { names: ["open", "high", "low", "close"], ticks: false },
  { names: ["open_tick", "highest_tick", "lowest_tick", "close_tick"], ticks: true },
] as const;

/** Checks bars, series and tables row by row: time, order, repetition, gaps, prices that cannot be, counters that fall. */
export function createRowChecker(table: CheckedTable, barSeconds: number | null, findings: Findings): RowChecker {
  const { header, timeColumn, unique, kind } = table;
  const index = (name: string): number => header.indexOf(name);
  const time = index(timeColumn ?? "");
  const keys = table.keys.map(index);
  const growing = table.growing.map(index);
  const prices = kind === "bars" ? OHLC.find(({ names }) => index(names[1]) >= 0) : undefined;
  const volumes = header.flatMap((name, i) =>
    /^(in_|volume|trades|tx_count|current_liquidity)/.test(name) ? [i] : [],
  );
  const all = new Map<string, Series>();

  function bar(cells: readonly Cell[], line: number, series: Series, follows: boolean): void {
    if (prices === undefined) return;
    const value = (name: string): number => {
      const cell = cells[index(name)];
      return typeof cell === "number" ? (prices.ticks ? cell / TICKS_PER_LN : Math.log(cell)) : Number.NaN;
    };
    const [open, high, low, close] = prices.names.map(value) as [number, number, number, number];
    const shown = (name: string): string => `${name} ${cells[index(name)] ?? "none"}`;
    const [o, h, l, c] = prices.names;
    if ([open, high, low, close].some((p) => p === -Infinity) || Number.isNaN(close)) {
      findings.add(
        "error",
        "price",
        line,
        `${shown(o)}, ${shown(h)}, ${shown(l)}, ${shown(c)}: a price must be positive`,
      );
      series.close = Number.NaN;
      return;
    }
    const slack = 1e-9;
    if (low > Math.min(...[open, close].filter((p) => !Number.isNaN(p))) + slack) {
      findings.add("error", "price", line, `${shown(l)} is above ${shown(o)} or ${shown(c)}`);
    }
    if (high < Math.max(...[open, close].filter((p) => !Number.isNaN(p))) - slack) {
      findings.add("error", "price", line, `${shown(h)} is below ${shown(o)} or ${shown(c)}`);
    }
    const long = (barSeconds ?? commonest(series.steps)) > HOUR && (barSeconds !== null || series.steps.size > 0);
    const limit = Math.log(long ? JUMP_FACTOR.day : JUMP_FACTOR.hour);
    const from = Number.isNaN(open) ? close : open;
    if (follows && Math.abs(from - series.close) > limit) {
      findings.add(
        "error",
        "jump",
        line,
        `the price moved by a factor of ${factor(from - series.close)} since the bar before`,
      );
    }
    if (high - Math.max(from, close) > limit || Math.min(from, close) - low > limit || Math.abs(close - from) > limit) {
      const widest = Math.max(high - Math.max(from, close), Math.min(from, close) - low, Math.abs(close - from));
      findings.add("error", "jump", line, `the price moved by a factor of ${factor(widest)} inside the bar`);
    }
    series.close = close;
  }

  return {
    see(cells, line) {
      for (const i of volumes) {
        const cell = cells[i];
        if (typeof cell !== "string" && cell !== null && cell !== undefined && cell < 0) {
          findings.add("error", "negative", line, `${header[i]} is ${cell}, but it must not be negative`);
        }
      }
      const at = cells[time];
      if (typeof at !== "number") return;
      if (at <= 0) {
        findings.add("error", "time", line, `${timeColumn} is ${at}, but it must be positive`);
        return;
      }
      const key = keys.map((i) => cells[i]).join(" ");
      const series = all.get(key);
      if (series === undefined) {
        const first: Series = { time: at, close: Number.NaN, grown: [], steps: new Map(), longest: [] };
        all.set(key, first);
        bar(cells, line, first, false);
        remember(first, cells);
        return;
      }
      const step = at - series.time;
      const named = key === "" ? "" : ` of ${key}`;
      if (step < 0) {
        findings.add("error", "order", line, `${timeColumn} ${at}${named} comes after ${series.time}`);
        return;
      }
      if (step === 0 && unique) {
        findings.add("error", "duplicate", line, `${timeColumn} ${at}${named} is there twice`);
        return;
      }
      if (unique) {
        series.steps.set(step, (series.steps.get(step) ?? 0) + 1);
        if (series.longest.length < KEPT_STEPS && step > commonest(series.steps))
          series.longest.push({ line, at, step });
      }
      growing.forEach((i, k) => {
        const [cell, before] = [cells[i], series.grown[k]];
        if (typeof cell === "string" || cell == null || before === undefined || cell >= before) return;
        findings.add("error", "falls", line, `${header[i]} falls from ${before} to ${cell}, but it may only grow`);
      });
      if (barSeconds !== null && keys.length === 0 && kind === "bars" && at % barSeconds !== 0) {
        findings.add("error", "grid", line, `${timeColumn} ${at} is not a multiple of ${barSeconds} seconds`);
      }
      bar(cells, line, series, step <= (barSeconds ?? commonest(series.steps)));
      series.time = at;
      remember(series, cells);
    },
    end() {
      for (const [key, { steps, longest }] of all) {
        const common = barSeconds ?? commonest(steps);
        const total = [...steps.values()].reduce((a, b) => a + b, 0);
        // A series without a usual step has no gaps.
        if ((steps.get(common) ?? 0) < total / 2) continue;
        for (const { line, at, step } of longest) {
          if (step < common * GAP_STEPS) continue;
          const missing = Math.round(step / common) - 1;
          const named = key === "" ? "" : ` of ${key}`;
          findings.add(
            "warning",
            "gap",
            line,
            `${missing} row${missing === 1 ? "" : "s"}${named} missing before ${at}`,
          );
        }
      }
    },
  };

  function remember(series: Series, cells: readonly Cell[]): void {
    growing.forEach((i, k) => {
      const cell = cells[i];
      if (typeof cell === "number" || typeof cell === "bigint") series.grown[k] = cell;
    });
  }
}

const factor = (ln: number): string => Math.exp(Math.abs(ln)).toPrecision(3);

function commonest(steps: ReadonlyMap<number, number>): number {
  let [best, most] = [Infinity, 0];
  for (const [step, count] of steps) if (count > most) [best, most] = [step, count];
  return best;
}
