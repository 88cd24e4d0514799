import { createHash } from "node:crypto";
import { closeSync, existsSync, mkdirSync, openSync, readSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { InvalidInputError } from "../../errors.ts";
import { readCsvLines } from "../csvStream.ts";
import { formatError, readText } from "../file.ts";
import { poolFromName } from "../market.ts";
import { parsePoolState } from "../state.ts";
import type { Cell } from "../store/columns.ts";
import { openEventWriter } from "../store/events.ts";
import type { StoredEvent } from "../store/eventTypes.ts";
import { emptyManifest, isDataset, type Manifest } from "../store/manifest.ts";
import { openWriter } from "../store/write.ts";
import { createCellParser, storedColumns } from "./cells.ts";
import { detectFormat } from "./detect.ts";
import { createEventParser } from "./eventLines.ts";
import type { TableFormat } from "./formats.ts";
import { orderFault } from "./order.ts";

export interface ImportFileParameters {
  /** Folder of the store. */
  readonly out: string;
  /** Name of the dataset; the file's own without its endings unless told. */
  readonly name?: string | undefined;
  /** Format that the file must be of; found by its header unless told. */
  readonly as?: string | undefined;
  /** Put the new dataset in the place of one of that name. */
  readonly replace?: boolean | undefined;
  /** Told the rows so far and the part of the file that is read, 0 to 1. */
  readonly progress?: ((rows: number, part: number) => void) | undefined;
}

/** The name of a dataset made of a file: without folder and endings. */
export const datasetName = (path: string): string => basename(path).replace(/(\.(csv|json))?(\.gz)?$/, "");

/**
 * Reads a file of any known format into a dataset of its own. The dataset appears in one step when all of the file is
 * in it; an import that fails or is interrupted leaves nothing that a reader would see.
 */
export async function importFile(path: string, parameters: ImportFileParameters): Promise<Manifest> {
  const { out, as, replace = false, progress = () => {} } = parameters;
  const name = parameters.name ?? datasetName(path);
  if (!/^[\w][\w.-]*$/.test(name)) {
    throw new InvalidInputError(`dataset name ${JSON.stringify(name)} must be of letters, digits, _, - and .`);
  }
  const folder = join(out, name);
  if (existsSync(folder) && !(replace && isDataset(folder))) {
    throw new InvalidInputError(
      isDataset(folder)
        ? `dataset ${name} is already in ${out}: --replace puts the new one in its place`
        : `${folder} is in the way: it is not a dataset`,
    );
  }
  const partial = join(out, `.${name}.partial`);
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  try {
    const manifest = /\.json(\.gz)?$/.test(path)
      ? importState(path, partial, name, as)
      : await importCsv(path, partial, { name, as, progress });
    const old = join(out, `.${name}.replaced`);
    rmSync(old, { recursive: true, force: true });
    if (existsSync(folder)) renameSync(folder, old);
    renameSync(partial, folder);
    rmSync(old, { recursive: true, force: true });
    return manifest;
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

const sourceOf = (path: string, format: string): Manifest["source"] => ({
  file: basename(path),
  sha256: sha256Of(path),
  bytes: statSync(path).size,
  format,
});

function sha256Of(path: string): string {
  const hash = createHash("sha256");
  const file = openSync(path, "r");
  try {
    const bytes = Buffer.allocUnsafe(1 << 20);
    for (let read = readSync(file, bytes); read > 0; read = readSync(file, bytes)) hash.update(bytes.subarray(0, read));
  } finally {
    closeSync(file);
  }
  return hash.digest("hex");
}

function importState(path: string, folder: string, name: string, as: string | undefined): Manifest {
  if (as !== undefined && as !== "state") {
    throw new InvalidInputError(`--as is ${as}, but ${basename(path)} is JSON, which only a state can be`);
  }
  const text = readText(path);
  const { block, notes } = parsePoolState(text, path);
  const manifest = emptyManifest({
    name,
    kind: "state",
    columns: [
      { name: "block", type: "int", unit: "block" },
      { name: "json", type: "text", unit: "" },
    ],
    source: sourceOf(path, "state"),
    notes: [...notes],
  });
  const writer = openWriter(folder, { manifest });
  writer.append([block, text]);
  return writer.commit();
}

interface ImportCsvParameters {
  readonly name: string;
  readonly as: string | undefined;
  readonly progress: (rows: number, part: number) => void;
}

async function importCsv(path: string, folder: string, { name, as, progress }: ImportCsvParameters): Promise<Manifest> {
  let append: ((fields: readonly string[], line: number) => void) | null = null;
  let commit: () => Manifest = () => {
    throw formatError({ file: path, line: null, field: "rows", value: 0, rule: "a file must hold at least one" });
  };
  let rows = 0;
  let part = 0;
  const size = Math.max(1, statSync(path, { throwIfNoEntry: false })?.size ?? 1);
  const onRead = (bytes: number): void => {
    part = bytes / size;
  };
  for await (const lines of readCsvLines(path, onRead)) {
    for (const { line, fields } of lines) {
      if (append === null) {
        const target = openTarget(path, folder, name, fields, as);
        append = target.append;
        commit = target.commit;
        continue;
      }
      append(fields, line);
      rows++;
    }
    progress(rows, part);
  }
  if (rows === 0) {
    throw formatError({ file: path, line: null, field: "rows", value: 0, rule: "a file must hold at least one" });
  }
  return commit();
}

interface Target {
  append(fields: readonly string[], line: number): void;
  commit(): Manifest;
}

function openTarget(
  path: string,
  folder: string,
  name: string,
  header: readonly string[],
  as: string | undefined,
): Target {
  const format = detectFormat(header, path, as);
  const source = sourceOf(path, format.id);
  if ("amounts" in format) return eventTarget(path, folder, name, header, format.amounts, source);
  return tableTarget(path, folder, name, format.names, format.table, source);
}

function eventTarget(
  path: string,
  folder: string,
  name: string,
  header: readonly string[],
  amounts: "units" | "decimals",
  source: Manifest["source"],
): Target {
  const pool = poolFromName(name);
  const notes = pool === null ? ["the name does not tell the pool: <chain>_<token0>_<token1>_<fee>_…"] : [];
  const decimals = pool === null ? null : ([pool.token0.decimals, pool.token1.decimals] as const);
  const parse = createEventParser({ header, file: path, amounts, decimals });
  const writer = openEventWriter(folder, { manifest: { name, pool, source, notes } });
  let last: StoredEvent | null = null;
  return {
    append(fields, line) {
      const event = parse(fields, line);
      const fault = last === null ? null : orderFault(last, event);
      if (fault !== null) throw formatError({ file: path, line, ...fault });
      writer.append(event);
      last = event;
    },
    commit: () => writer.commit(),
  };
}

function tableTarget(
  path: string,
  folder: string,
  name: string,
  header: readonly string[],
  table: TableFormat,
  source: Manifest["source"],
): Target {
  const parse = createCellParser(table, header, path);
  const columns = storedColumns(table, header);
  const manifest = emptyManifest({ name, kind: table.kind, columns, timeColumn: table.timeColumn, source });
  const writer = openWriter(folder, { manifest });
  const grid = createGrid(table, header);
  return {
    append(fields, line) {
      const cells = parse(fields, line);
      grid.see(cells);
      writer.append(cells);
    },
    commit: () => writer.commit({ barSeconds: table.kind === "bars" ? grid.seconds() : null }),
  };
}

/** Finds the length of bars: the commonest step between two rows of one series. */
function createGrid(
  table: TableFormat,
  header: readonly string[],
): { see(cells: readonly Cell[]): void; seconds(): number | null } {
  const time = header.indexOf(table.timeColumn ?? "");
  const keys = table.keys.map((key) => header.indexOf(key));
  const last = new Map<string, number>();
  const steps = new Map<number, number>();
  return {
    see(cells) {
      const at = cells[time];
      if (table.kind !== "bars" || typeof at !== "number") return;
      const key = keys.map((index) => cells[index]).join("\n");
      const step = at - (last.get(key) ?? at);
      if (step > 0) steps.set(step, (steps.get(step) ?? 0) + 1);
      last.set(key, at);
    },
    seconds: () => [...steps].sort((a, b) => b[1] - a[1])[0]?.[0] ?? null,
  };
}
