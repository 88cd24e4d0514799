import { createHash } from "node:crypto";
import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { basename, join } from "node:path";
import { z } from "zod";
import { DataFileError, formatError } from "../file.ts";
import { listFiles } from "../market.ts";

/** The file that makes a folder a training set: it is written last, and names all others with their hashes. */
export const DATASET = "dataset.json";
export const DATASET_FORMAT = "rangekeeper-training/1";

const hash = z.string().regex(/^0x[0-9a-f]{64}$/, "it must be a hash");
const whole = z.int().nonnegative();

const schema = z.object({
  format: z.literal(DATASET_FORMAT, `it must be ${DATASET_FORMAT}`),
  schema: z.string(),
  featureNames: z.array(z.string()),
  fields: z.record(z.string(), z.array(z.string())),
  units: z.record(z.string(), z.string()),
  /** Files that it was made of; `licence` tells whether their source grants redistribution. */
  sources: z.array(z.object({ file: z.string(), sha256: hash, licence: z.string() })),
  series: z.array(z.object({ name: z.string(), from: whole, to: whole, rows: whole })),
  /** By file. */
  rows: z.record(z.string(), whole),
  outputs: z.array(
    z.object({
      file: z.string().regex(/^\w+\.csv$/, "it must be a plain file name"),
      sha256: hash,
      bytes: whole,
      rows: whole,
      columns: z.array(z.string()),
    }),
  ),
  /** What was drawn of markets named by hand; null = the training set of the shipped models. */
  samples: z.record(z.string(), z.unknown()).nullable(),
  fromSeconds: whole.nullable(),
  toSeconds: whole.nullable(),
  seed: whole,
  notes: z.array(z.string()),
  hash,
});

export type DatasetManifest = Readonly<z.infer<typeof schema>>;

/** Reads and checks the manifest of a training set. */
export function readDataset(folder: string): DatasetManifest {
  const file = join(folder, DATASET);
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === "ENOENT";
    const what = missing ? "does not exist: the folder holds no finished training set" : "is not JSON, or is cut off";
    throw new DataFileError(`${file} ${what}`, { cause, details: { file } });
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  let value: unknown = json;
  for (const key of issue?.path ?? []) value = (value as Record<PropertyKey, unknown> | undefined)?.[key];
  const shown = typeof value === "object" ? JSON.stringify(value) : value;
  const rule = issue?.message ?? "it must be a manifest";
  throw formatError({ file, line: null, field: issue?.path.join(".") || DATASET, value: shown, rule });
}

/** What the rows are a function of, as one hash. */
export const datasetHash = (parts: Pick<DatasetManifest, "schema" | "featureNames" | "seed" | "outputs">): string => {
  const outputs = parts.outputs.map(({ file, sha256 }) => [file, sha256]);
  const text = JSON.stringify([DATASET_FORMAT, parts.schema, parts.featureNames, parts.seed, outputs]);
  return `0x${createHash("sha256").update(text).digest("hex")}`;
};

/** sha256 of a file, read in pieces. */
export function sha256Of(path: string): string {
  const sum = createHash("sha256");
  const file = openSync(path, "r");
  try {
    const bytes = Buffer.allocUnsafe(1 << 20);
    for (let read = readSync(file, bytes); read > 0; read = readSync(file, bytes)) sum.update(bytes.subarray(0, read));
  } finally {
    closeSync(file);
  }
  return `0x${sum.digest("hex")}`;
}

export interface DatasetFault {
  readonly file: string;
  readonly what: string;
}

/** What is wrong with a training set: its files against their hashes, and its sources where a data folder is given. */
export function verifyDataset(folder: string, dataFolder?: string): DatasetFault[] {
  const manifest = readDataset(folder);
  const faults: DatasetFault[] = [];
  for (const { file, sha256, bytes, rows, columns } of manifest.outputs) {
    try {
      if (sha256Of(join(folder, file)) !== sha256) faults.push({ file, what: "its sha256 is not the manifest's" });
      const read = tally(join(folder, file));
      if (read.bytes !== bytes) faults.push({ file, what: `it has ${read.bytes} bytes, the manifest says ${bytes}` });
      if (read.lines !== rows + 1)
        faults.push({ file, what: `it has ${read.lines - 1} rows, the manifest says ${rows}` });
      if (read.header !== columns.join(",")) faults.push({ file, what: "its header is not the manifest's columns" });
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === undefined) throw error;
      faults.push({ file, what: code === "ENOENT" ? "it is missing" : `it cannot be read (${code})` });
    }
  }
  if (manifest.hash !== datasetHash(manifest))
    faults.push({ file: DATASET, what: "its hash is not that of its parts" });
  if (dataFolder === undefined) return faults;
  const files = listFiles(dataFolder);
  for (const { file, sha256 } of manifest.sources) {
    const path = files.find((one) => one.endsWith(`/${file}`) || basename(one) === file);
    if (path === undefined) faults.push({ file, what: `it is missing below ${dataFolder}` });
    else if (sha256Of(path) !== sha256) faults.push({ file, what: "it is not the file that the set was made of" });
  }
  return faults;
}

/** Lines, bytes and header of a file, read in pieces. */
function tally(path: string): { readonly lines: number; readonly bytes: number; readonly header: string } {
  const file = openSync(path, "r");
  let [lines, total, header, inHeader] = [0, 0, "", true];
  try {
    const piece = Buffer.allocUnsafe(1 << 20);
    for (let read = readSync(file, piece); read > 0; read = readSync(file, piece)) {
      total += read;
      const bytes = piece.subarray(0, read);
      if (inHeader) {
        const end = bytes.indexOf(10);
        header += bytes.toString("latin1", 0, end < 0 ? read : end);
        inHeader = end < 0;
      }
      for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) lines++;
    }
  } finally {
    closeSync(file);
  }
  return { lines, bytes: total, header };
}
