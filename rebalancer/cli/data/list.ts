import { statSync } from "node:fs";
import { basename } from "node:path";
import type { Command } from "commander";
import { readCsvLines } from "../../../ml/data/csvStream.ts";
import { detectFormat } from "../../../ml/data/import/detect.ts";
import { isDataset, readManifest } from "../../../ml/data/store/manifest.ts";
import { BaseError } from "../../../ml/errors.ts";
import { answer, guarded } from "../options.ts";
import { formatTable } from "../table.ts";
import { count, type DataOptions, dataFolder, stamp } from "./options.ts";
import { dataPaths } from "./verify.ts";

interface Listed {
  readonly name: string;
  readonly path: string;
  /** dataset or file */
  readonly what: "dataset" | "file";
  readonly kind: string;
  readonly rows: number | null;
  readonly from: number | null;
  readonly to: number | null;
  readonly bytes: number;
}

/** `data list`: the datasets and data files of a folder. */
export function registerList(data: Command): void {
  data
    .command("list")
    .description("the datasets and data files of a folder")
    .option("--data <dir>", "the data folder (default: RANGEKEEPER_DATA)")
    .option("--json", "answer in JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  rangekeeper data list --data DIR\n  rangekeeper data list --data DIR --json\n",
    )
    .action((options: DataOptions) =>
      guarded(options, async () => {
        const listed: Listed[] = [];
        for (const path of dataPaths(dataFolder(options)))
          listed.push(isDataset(path) ? dataset(path) : await file(path));
        const right = { align: "right" as const };
        answer(options, listed, () =>
          formatTable(
            [
              { title: "name", max: 32 },
              { title: "kind", max: 10 },
              { title: "rows", ...right },
              { title: "from" },
              { title: "bytes", ...right },
            ],
            listed.map(({ name, kind, rows, from, bytes }) => [
              name,
              kind,
              rows === null ? "file" : count(rows),
              from === null ? "" : stamp(from).slice(0, 10),
              count(bytes),
            ]),
          ),
        );
      }),
    );
}

function dataset(path: string): Listed {
  try {
    const { name, kind, rows, chunks } = readManifest(path);
    const times = chunks.flatMap(({ fromTime, toTime }) =>
      fromTime === null || toTime === null ? [] : [fromTime, toTime],
    );
    const [from, to] = times.length === 0 ? [null, null] : [Math.min(...times), Math.max(...times)];
    return {
      name,
      path,
      what: "dataset",
      kind,
      rows,
      from,
      to,
      bytes: chunks.reduce((sum, { bytes }) => sum + bytes, 0),
    };
  } catch (error) {
    if (!(error instanceof BaseError)) throw error;
    return { name: basename(path), path, what: "dataset", kind: "damaged", rows: 0, from: null, to: null, bytes: 0 };
  }
}

async function file(path: string): Promise<Listed> {
  const listed = {
    name: basename(path),
    path,
    what: "file",
    rows: null,
    from: null,
    to: null,
    bytes: statSync(path).size,
  } as const;
  if (/\.json(\.gz)?$/.test(path)) return { ...listed, kind: "state" };
  try {
    for await (const [head] of readCsvLines(path))
      return { ...listed, kind: detectFormat(head?.fields ?? [], path).id };
    return { ...listed, kind: "empty" };
  } catch (error) {
    if (!(error instanceof BaseError)) throw error;
    return { ...listed, kind: "unknown" };
  }
}
