import { closeSync, openSync, readSync } from "node:fs";
import { StringDecoder } from "node:string_decoder";
import { constants, createGunzip, type Gunzip } from "node:zlib";
import { DataFileError, formatError } from "./file.ts";

/** Longest line and longest field: more is a broken or hostile file, not data. */
const MAX_LINE = 1 << 20;
const READ_BYTES = 1 << 18;

export interface CsvLine {
  /** 1-based line on which the record begins. */
  readonly line: number;
  readonly fields: readonly string[];
}

/**
 * Reads a CSV file, plain or gzip, in batches of records, the header first. Fields may be quoted as in RFC 4180. Memory
 * stays that of one batch. A gzip stream that ends early, a quote that is never closed, a line beyond one MiB and bytes
 * that are not UTF-8 raise errors that name file and line. `onRead` is told how many bytes of the file are read so far.
 */
export async function* readCsvLines(
  path: string,
  onRead: (bytes: number) => void = () => {},
): AsyncGenerator<CsvLine[]> {
  let [line, started] = [1, 1];
  let fields: string[] = [];
  let field = "";
  let quoted = false;
  let [closed, length] = [false, 0];
  const fail = (what: string, value: unknown, rule: string): never => {
    throw formatError({ file: path, line: started, field: what, value, rule });
  };
  for await (const text of readTextPieces(path, () => line, onRead)) {
    if (text.includes("\uFFFD")) fail("line", "", "it must be UTF-8 text");
    const batch: CsvLine[] = [];
    let from = 0;
    const take = (to: number): void => {
      if (to === from) return;
      length += to - from;
      if (length > MAX_LINE) fail("line", field.slice(0, 40), `it must not be longer than ${MAX_LINE} characters`);
      field += text.slice(from, to);
    };
    const endField = (): void => {
      fields.push(field);
      field = "";
      closed = false;
    };
    const endRecord = (): void => {
      if (field.endsWith("\r")) field = field.slice(0, -1);
      endField();
      batch.push({ line: started, fields });
      fields = [];
      length = 0;
    };
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (quoted) {
        if (code === 10) line++;
        if (code !== 34) continue;
        take(i);
        from = i + 1;
        quoted = false;
        closed = true;
      } else if (code === 34) {
        take(i);
        // A quote right after a closing one stands for itself.
        if (closed) field += '"';
        else if (field !== "") fail("field", field, "a quote must begin the field");
        quoted = true;
        from = i + 1;
      } else if (code === 44) {
        take(i);
        endField();
        from = i + 1;
      } else if (code === 10) {
        take(i);
        endRecord();
        from = i + 1;
        started = ++line;
      }
    }
    take(text.length);
    if (batch.length > 0) yield batch;
  }
  if (quoted) fail("field", field, "its quote must be closed before the file ends");
  if (field !== "" || fields.length > 0) {
    if (field.endsWith("\r")) field = field.slice(0, -1);
    yield [{ line: started, fields: [...fields, field] }];
  }
}

/** The text of a file, plain or gzip by its first bytes, in pieces. */
async function* readTextPieces(
  path: string,
  line: () => number,
  onRead: (bytes: number) => void,
): AsyncGenerator<string> {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    const what = code === "ENOENT" ? "does not exist" : `cannot be read (${code})`;
    throw new DataFileError(`data file ${path} ${what}`, { cause, details: { file: path } });
  }
  try {
    const decoder = new StringDecoder("utf8");
    let gunzip: Gunzip | null | undefined;
    let total = 0;
    for (;;) {
      const bytes = Buffer.allocUnsafe(READ_BYTES);
      let read: number;
      try {
        read = readSync(file, bytes);
      } catch (cause) {
        const code = (cause as NodeJS.ErrnoException).code;
        throw new DataFileError(`data file ${path} cannot be read (${code})`, { cause, details: { file: path } });
      }
      const piece = bytes.subarray(0, read);
      total += read;
      onRead(total);
      if (gunzip === undefined) {
        if (read === 0) throw new DataFileError(`data file ${path} is empty`, { details: { file: path } });
        const isGzip = piece[0] === 0x1f && piece[1] === 0x8b;
        if (!isGzip && path.endsWith(".gz")) {
          throw new DataFileError(`data file ${path} ends in .gz but is not gzip`, { details: { file: path } });
        }
        gunzip = isGzip ? createGunzip() : null;
      }
      if (gunzip === null) {
        if (read === 0) break;
        yield decoder.write(piece);
        continue;
      }
      for (const part of await inflate(gunzip, piece, path, line)) yield decoder.write(part);
      if (read === 0) break;
    }
    const rest = decoder.end();
    if (rest !== "") yield rest;
  } finally {
    closeSync(file);
  }
}

/** Feeds a piece to the stream and collects what comes out; an empty piece ends it. */
function inflate(gunzip: Gunzip, piece: Buffer, path: string, line: () => number): Promise<Buffer[]> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    const done = (): void => {
      gunzip.off("data", collect);
      gunzip.off("error", failed);
      resolve(parts);
    };
    const collect = (part: Buffer): void => {
      parts.push(part);
    };
    const failed = (cause: NodeJS.ErrnoException): void => {
      const what =
        cause.code === "Z_BUF_ERROR"
          ? `is truncated: its gzip stream ends early, after line ${line()}`
          : `is damaged gzip near line ${line()} (${cause.code})`;
      reject(new DataFileError(`data file ${path} ${what}`, { cause, details: { file: path, line: line() } }));
    };
    gunzip.on("data", collect);
    gunzip.on("error", failed);
    if (piece.length === 0) {
      gunzip.once("end", done);
      gunzip.end();
    } else gunzip.write(piece, () => gunzip.flush(constants.Z_SYNC_FLUSH, done));
  });
}
