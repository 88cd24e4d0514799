import { basename } from "node:path";
import type { Command } from "commander";
import { FORMAT_NAMES } from "../../../ml/data/import/detect.ts";
import { importFile } from "../../../ml/data/import/importFile.ts";
import { exitCodeOf, explain } from "../../errors.ts";
import { answer, guarded } from "../options.ts";
import { formatTable } from "../table.ts";
import { wrap } from "../wrap.ts";
import { count, type DataOptions, outFolder } from "./options.ts";
import { commandProgress } from "./progress.ts";

interface ImportOptions extends DataOptions {
  readonly as?: string;
  readonly replace?: boolean;
}

/** `data import FILE…`: files of any known format into the store. One that fails does not keep the others out. */
export function registerImport(data: Command): void {
  data
    .command("import")
    .description("files of any known format into the store")
    .argument("<file...>", "CSV or JSON, plain or gzip")
    .option("--as <kind>", `the format (default: told by the header): ${FORMAT_NAMES.map(([id]) => id).join(", ")}`)
    .option("--out <dir>", "folder of the store")
    .option("--replace", "put it in the place of a dataset of that name")
    .option("--json", "answer in JSON")
    .addHelpText("after", "\nExamples:\n  rangekeeper data import swaps.csv.gz --out data\n")
    .action((files: string[], options: ImportOptions) =>
      guarded(options, async () => {
        const out = outFolder(options);
        const progress = commandProgress(options.json);
        const imported: {
          name: string;
          kind: string;
          format: string;
          rows: number;
          bytes: number;
          fileBytes: number;
        }[] = [];
        const failed: { file: string; error: string; message: string }[] = [];
        for (const [index, file] of files.entries()) {
          try {
            const manifest = await importFile(file, {
              out,
              as: options.as,
              replace: options.replace,
              progress: (rows, part) =>
                progress.at(index + part, files.length, `${basename(file)}, ${count(rows)} rows`),
            });
            imported.push({
              name: manifest.name,
              kind: manifest.kind,
              format: manifest.source?.format ?? "",
              rows: manifest.rows,
              bytes: manifest.chunks.reduce((sum, chunk) => sum + chunk.bytes, 0),
              fileBytes: manifest.source?.bytes ?? 0,
            });
          } catch (error) {
            const name = error instanceof Error ? error.name : "Error";
            failed.push({ file, error: name, message: explain(error) });
            process.exitCode = Math.max(Number(process.exitCode ?? 0), exitCodeOf(error));
          }
        }
        progress.end();
        answer(options, { imported, failed }, () => {
          const right = { align: "right" as const };
          const table = formatTable(
            [
              { title: "dataset", max: 32 },
              { title: "format", max: 14 },
              { title: "rows", ...right },
              { title: "B/row", ...right },
              { title: "file B/row", ...right },
            ],
            imported.map(({ name, format, rows, bytes, fileBytes }) => [
              name,
              format,
              count(rows),
              (bytes / rows).toFixed(1),
              (fileBytes / rows).toFixed(1),
            ]),
          );
          const lines = failed.map(({ message }) => wrap(`not imported: ${message}`, 2));
          return [...(imported.length > 0 ? [table] : []), ...lines].join("\n");
        });
      }),
    );
}
