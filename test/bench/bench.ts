/** Runs one benchmark of this folder and prints its rows: `bench.ts NAME [--json]`. */
import { formatTable } from "../../rebalancer/cli/table.ts";

/** One measured figure. `against` names what it is compared with, measured in the same run; `ratio` = value / that. */
export interface BenchRow {
  readonly name: string;
  /** Median of the runs. */
  readonly value: number;
  readonly unit: string;
  readonly against: string;
  readonly ratio: number | null;
}

export interface BenchParameters {
  /** What is left of the command line, for a benchmark that takes options. */
  readonly options: readonly string[];
  /** Tells a person what is being measured; silent with --json. */
  progress(line: string): void;
}

/** A benchmark file exports one function `bench` of this type. */
export type Bench = (parameters: BenchParameters) => Promise<readonly BenchRow[]>;

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
};

/** A row; `ratio` null = nothing to compare with. */
export const row = (
  name: string,
  value: number,
  unit: string,
  against = "",
  ratio: number | null = null,
): BenchRow => ({ name, value, unit, against, ratio });

/** Seconds of processor time that a synchronous piece of work takes on this thread. */
export function cpuSeconds(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

const number = (value: number): string =>
  Number.isNaN(value)
    ? "-"
    : Math.abs(value) >= 1000
      ? Math.round(value).toLocaleString("en-US")
      : value.toPrecision(4);

/** Not awaited at the top: a benchmark imports this file, which would wait for the benchmark. */
async function main(): Promise<void> {
  const [name = "", ...rest] = process.argv.slice(2);
  const json = rest.includes("--json");
  const { bench } = (await import(`./${name}.ts`)) as { bench: Bench };
  const rows = await bench({
    options: rest.filter((option) => option !== "--json"),
    progress: (line) => {
      if (!json) process.stderr.write(`${line}\n`);
    },
  });
  if (json) {
    process.stdout.write(`${JSON.stringify({ bench: name, rows })}\n`);
  } else {
    const cells = rows.map(({ name, value, unit, against, ratio }) => [
      name,
      number(value),
      unit,
      against,
      ratio === null ? "" : `${ratio.toPrecision(3)} ×`,
    ]);
    const columns = [
      { title: "what" },
      { title: "median", align: "right" },
      { title: "unit" },
      { title: "against" },
      { title: "ratio", align: "right" },
    ] as const;
    process.stdout.write(`${formatTable(columns, cells)}\n`);
  }
}

if (process.argv[1]?.endsWith("bench.ts")) void main();
