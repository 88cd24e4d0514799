import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { gunzipSync } from "node:zlib";
import { BaseError } from "../errors.ts";

/** A data file is missing, unreadable or cut off: names the file and what is wrong with it. */
export class DataFileError extends BaseError {
  override name = "DataFileError";
}

/** A line of a data file breaks a rule: names file, line, field, value and rule. */
export class DataFormatError extends BaseError {
  override name = "DataFormatError";
}

export interface FormatFault {
  readonly file: string;
  /** 1-based line, or null where the file has no lines. */
  readonly line: number | null;
  readonly field: string;
  readonly value: unknown;
  readonly rule: string;
}

/** The error for one broken rule. */
export function formatError({ file, line, field, value, rule }: FormatFault): DataFormatError {
  const where = line === null ? basename(file) : `${basename(file)} line ${line}`;
  const shown = typeof value === "string" ? JSON.stringify(value.slice(0, 80)) : String(value);
  return new DataFormatError(`${where}: ${field} is ${shown}, but ${rule}`, {
    details: { file, line, field, value: String(value), rule },
  });
}

/** Reads a text file, plain or gzip (by its first bytes, not its name). */
export function readText(path: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    const what = code === "ENOENT" ? "does not exist" : `cannot be read (${code})`;
    throw new DataFileError(`data file ${path} ${what}`, { cause, details: { file: path } });
  }
  if (bytes.length === 0) throw new DataFileError(`data file ${path} is empty`, { details: { file: path } });
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) {
    if (path.endsWith(".gz")) {
      throw new DataFileError(`data file ${path} ends in .gz but is not gzip`, { details: { file: path } });
    }
    return bytes.toString("utf8");
  }
  try {
    return gunzipSync(bytes).toString("utf8");
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    const what = code === "Z_BUF_ERROR" ? "is truncated: its gzip stream ends early" : `is damaged gzip (${code})`;
    throw new DataFileError(`data file ${path} ${what}`, { cause, details: { file: path, bytes: bytes.length } });
  }
}
