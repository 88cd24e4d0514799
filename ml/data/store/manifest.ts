import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { basename, join } from "node:path";
import { z } from "zod";
import type { Address, Hex } from "../../types.ts";
import { DataFileError, formatError } from "../file.ts";

/** What a dataset holds: pool events, one pool state, bars, a time series of named columns, or any other table. */
export const DATASET_KINDS = ["events", "state", "bars", "series", "table"] as const;
export type DatasetKind = (typeof DATASET_KINDS)[number];

export const MANIFEST = "manifest.json";
const FORMAT = "rangekeeper-dataset/1";

const whole = z.int().nonnegative();
const hash = z
  .string()
  .regex(/^0x[0-9a-f]{64}$/, "it must be a hash")
  .transform((text) => text as Hex);
const address = z
  .string()
  .regex(/^0x[0-9a-f]{40}$/, "it must be an address in lower case")
  .transform((text) => text as Address);
const stampSchema = z.object({ number: whole, hash });

const tokenSchema = z.object({
  symbol: z.string(),
  decimals: z.int().min(0).max(77),
  address: address.nullable(),
});

const poolSchema = z.object({
  chainId: whole,
  address: address.nullable(),
  token0: tokenSchema,
  token1: tokenSchema,
  feePips: z.int().min(0).max(999_999),
  tickSpacing: z.int().min(1).max(16_383),
});

const manifestSchema = z.object({
  format: z.literal(FORMAT, `it must be ${FORMAT}`),
  name: z.string().min(1),
  kind: z.enum(DATASET_KINDS),
  columns: z.array(
    z.object({ name: z.string().min(1), type: z.enum(["int", "bigint", "float", "text"]), unit: z.string() }),
  ),
  /** Column by which chunks can be sought besides "block": unix seconds. Null where rows have no time. */
  timeColumn: z.string().nullable(),
  /** Seconds of one bar; null when the rows are not bars of one length. */
  barSeconds: z.number().positive().nullable(),
  rows: whole,
  chunks: z.array(
    z.object({
      file: z.string().regex(/^[\w.-]+$/, "it must be a plain file name"),
      rows: z.int().positive(),
      bytes: z.int().positive(),
      sha256: z.string().regex(/^[0-9a-f]{64}$/, "it must be a sha256"),
      fromBlock: z.number().nullable(),
      toBlock: z.number().nullable(),
      fromTime: z.number().nullable(),
      toTime: z.number().nullable(),
    }),
  ),
  /** The file that was imported, without its folder; null for fetched events. */
  source: z.object({ file: z.string(), sha256: z.string(), bytes: whole, format: z.string() }).nullable(),
  pool: poolSchema.nullable(),
  /** How far a fetch has come; null for imports. */
  fetch: z
    .object({
      fromBlock: whole,
      /** All events up to the end of this block are here. */
      complete: stampSchema.nullable(),
      /** The newest blocks with events, oldest first: where a reorganised chain is found to part from this one. */
      anchors: z.array(stampSchema),
    })
    .nullable(),
  notes: z.array(z.string()),
});

export type Manifest = Readonly<z.infer<typeof manifestSchema>>;
export type ManifestChunk = Manifest["chunks"][number];
export type FetchProgress = NonNullable<Manifest["fetch"]>;

/** A manifest of nothing yet. */
export const emptyManifest = (
  parts: Pick<Manifest, "name" | "kind" | "columns"> & Partial<Omit<Manifest, "format">>,
): Manifest => ({
  timeColumn: null,
  barSeconds: null,
  rows: 0,
  chunks: [],
  source: null,
  pool: null,
  fetch: null,
  notes: [],
  ...parts,
  format: FORMAT,
});

/** Whether a folder is a dataset of the store. */
export const isDataset = (folder: string): boolean => existsSync(join(folder, MANIFEST));

/** Reads and checks the manifest of a dataset folder. */
export function readManifest(folder: string): Manifest {
  const file = join(folder, MANIFEST);
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    const what = (cause as NodeJS.ErrnoException).code === "ENOENT" ? "does not exist" : "is not JSON, or is cut off";
    throw new DataFileError(`dataset manifest ${file} ${what}`, { cause, details: { file } });
  }
  const parsed = manifestSchema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    let value: unknown = json;
    for (const key of issue?.path ?? []) value = (value as Record<PropertyKey, unknown> | undefined)?.[key];
    const shown = typeof value === "object" ? JSON.stringify(value) : value;
    throw formatError({
      file: join(basename(folder), MANIFEST),
      line: null,
      field: issue?.path.join(".") || "manifest",
      value: shown,
      rule: issue?.message ?? "it must be a manifest",
    });
  }
  const rows = parsed.data.chunks.reduce((sum, chunk) => sum + chunk.rows, 0);
  if (rows !== parsed.data.rows) {
    const rule = `its chunks hold ${rows} rows`;
    throw formatError({ file, line: null, field: "rows", value: parsed.data.rows, rule });
  }
  return parsed.data;
}

/** Puts a manifest in the place of the old one in a single step: a reader sees either, never a half. */
export function writeManifest(folder: string, manifest: Manifest): void {
  // In the schema's order, so that the same manifest is the same file whoever put it together.
  const ordered = manifestSchema.parse(manifest);
  writeDurably(join(folder, `${MANIFEST}.new`), Buffer.from(`${JSON.stringify(ordered, null, 1)}\n`));
  renameSync(join(folder, `${MANIFEST}.new`), join(folder, MANIFEST));
}

/** Writes a file and waits until the disk has it. */
export function writeDurably(path: string, bytes: Buffer): void {
  const file = openSync(path, "w");
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
