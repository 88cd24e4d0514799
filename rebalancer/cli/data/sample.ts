import { join } from "node:path";
import type { Command } from "commander";
import { listFiles } from "../../../ml/data/market.ts";
import type { Cell } from "../../../ml/data/store/columns.ts";
import { readStoredEvents } from "../../../ml/data/store/events.ts";
import type { StoredEvent } from "../../../ml/data/store/eventTypes.ts";
import { isDataset, MANIFEST, readManifest } from "../../../ml/data/store/manifest.ts";
import { readBatches } from "../../../ml/data/store/read.ts";
import { ConfigError } from "../../errors.ts";
import { answer, guarded } from "../options.ts";
import { type Column, formatTable } from "../table.ts";
import { TERMINAL_COLUMNS, wrap } from "../wrap.ts";
import { type DataOptions, dataFolder, stamp, timeOf, wholeNumber } from "./options.ts";

interface SampleOptions extends DataOptions {
  readonly rows: string;
  readonly from?: string;
}

/** The folder of a dataset in a data folder; raises `ConfigError` naming those there are. */
export function findDataset(folder: string, name: string): string {
  if (isDataset(join(folder, name))) return join(folder, name);
  const manifests = listFiles(folder).filter((file) => file.endsWith(MANIFEST));
  const folders = manifests.map((file) => file.slice(0, -MANIFEST.length - 1));
  const found = folders.find((path) => path.endsWith(`/${name}`));
  if (found !== undefined) return found;
  const known = folders.map((path) => path.slice(path.lastIndexOf("/") + 1)).join(", ") || "none";
  throw new ConfigError(`dataset: ${name}; rule: must be one of ${folder}: ${known}`);
}

/** `data sample NAME`: its first rows, or the first from a time on. */
export function registerSample(data: Command): void {
  data
    .command("sample")
    .description("some rows of a dataset")
    .argument("<name>", "the dataset")
    .option("--data <dir>", "the folder of the store (default: RANGEKEEPER_DATA)")
    .option("--rows <n>", "how many", "10")
    .option("--from <time>", "first time, unix seconds or 2024-01-05T12:00:00Z")
    .option("--json", "answer in JSON")
    .addHelpText("after", "\nExamples:\n  rangekeeper data sample ethereum_usdc_weth_005 --rows 20 --data DIR\n")
    .action((name: string, options: SampleOptions) =>
      guarded(options, async () => {
        const folder = findDataset(dataFolder(options), name);
        const rows = wholeNumber("--rows", options.rows, { least: 1, most: 100_000 }) ?? 10;
        const from = timeOf("--from", options.from);
        if (readManifest(folder).kind === "events") {
          const events = sampleEvents(folder, rows, from);
          answer(options, events, () => formatEvents(events));
          return;
        }
        const sampled = sampleRows(folder, rows, from);
        answer(options, sampled, () => formatRows(folder, sampled));
      }),
    );
}

function sampleEvents(folder: string, rows: number, from: number | undefined): StoredEvent[] {
  const sampled: StoredEvent[] = [];
  for (const events of readStoredEvents(folder, { fromTimestamp: from })) {
    for (const event of events) {
      if (sampled.push(event) >= rows) return sampled;
    }
  }
  return sampled;
}

function formatEvents(events: readonly StoredEvent[]): string {
  const right = { align: "right" as const };
  const short = (value: bigint): string =>
    value > -1_000_000n && value < 1_000_000n ? String(value) : Number(value).toExponential(4);
  return formatTable(
    [
      { title: "block", ...right },
      { title: "log", ...right },
      { title: "time" },
      { title: "type", max: 10 },
      { title: "amount0", ...right },
      { title: "amount1", ...right },
      { title: "tick", ...right },
    ],
    events.map((event) => [
      String(event.block),
      String(event.order),
      stamp(event.timestamp).slice(5),
      event.type,
      short(event.amount0),
      short(event.amount1),
      "tick" in event && event.tick !== null
        ? String(event.tick)
        : "tickLower" in event && event.tickLower !== null
          ? `${event.tickLower}…`
          : "",
    ]),
  );
}

type SampledRow = Record<string, Cell>;

function sampleRows(folder: string, rows: number, from = -Infinity): SampledRow[] {
  const { columns, timeColumn } = readManifest(folder);
  const time = columns.findIndex(({ name }) => name === timeColumn);
  const sampled: SampledRow[] = [];
  for (const batch of readBatches(folder, { fromTime: from })) {
    for (let i = 0; i < batch.rows; i++) {
      const at = batch.cells[time]?.[i];
      if (typeof at === "number" && at < from) continue;
      const row: SampledRow = {};
      columns.forEach(({ name }, k) => {
        row[name] = batch.cells[k]?.[i] ?? null;
      });
      if (sampled.push(row) >= rows) return sampled;
    }
  }
  return sampled;
}

/** As many columns as the terminal holds; the others are named below. */
function formatRows(folder: string, rows: readonly SampledRow[]): string {
  const { columns, timeColumn } = readManifest(folder);
  const shown: Column[] = [];
  let width = -2;
  const text = (name: string, cell: Cell): string => {
    if (cell === null) return "";
    if (name === timeColumn && typeof cell === "number") return stamp(cell);
    return typeof cell === "number" && !Number.isInteger(cell) ? String(Number(cell.toPrecision(8))) : String(cell);
  };
  const names: string[] = [];
  const left: string[] = [];
  for (const { name, type } of columns) {
    const longest = Math.max(name.length, ...rows.map((row) => text(name, row[name] ?? null).length));
    const wide = Math.min(longest, 24);
    if (left.length > 0 || width + 2 + wide > TERMINAL_COLUMNS) {
      left.push(name);
      continue;
    }
    width += 2 + wide;
    names.push(name);
    shown.push({ title: name, max: 24, align: type === "text" ? "left" : "right" });
  }
  const table = formatTable(
    shown,
    rows.map((row) => names.map((name) => text(name, row[name] ?? null))),
  );
  return left.length === 0 ? table : `${table}\n${wrap(`not shown (--json has them): ${left.join(", ")}`, 2)}`;
}
