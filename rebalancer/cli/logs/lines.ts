import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync, statSync } from "node:fs";
import { createInterface } from "node:readline";
import { ConfigError } from "../../errors.ts";

const POLL_MILLISECONDS = 200;

/** Lines as they come in; ends with the input. */
export const linesOfStandardInput = (): AsyncIterable<string> =>
  createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY });

/** Where in which file reading has come to. */
interface Place {
  readonly inode: number;
  readonly offset: number;
}

/**
 * The newest lines that are wanted, oldest first, from the file and the one that was set aside before it, and where the
 * file ended. Throws ConfigError when there is no file.
 */
export function lastLines(
  file: string,
  most: number,
  wanted: (line: string) => boolean,
): { readonly lines: readonly string[]; readonly end: Place } {
  if (!existsSync(file))
    throw new ConfigError(`log: ${file}; rule: the file must exist (a worker with log.file writes it)`);
  const text = readFileSync(file, "utf8");
  const pick = (body: string, count: number) =>
    body
      .split("\n")
      .filter((line) => line !== "" && wanted(line))
      .slice(-count);
  // A last line without its end is still being written: whoever follows reads it whole.
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  const lines = pick(whole, most);
  const older = `${file}.1`;
  if (lines.length < most && existsSync(older))
    lines.unshift(...pick(readFileSync(older, "utf8"), most - lines.length));
  return { lines, end: { inode: statSync(file).ino, offset: Buffer.byteLength(whole) } };
}

/** Lines that are written after a place, for ever; goes on with the new file when the log is set aside. */
export async function* follow(file: string, from: Place): AsyncGenerator<string> {
  let { inode, offset } = from;
  let rest = Buffer.alloc(0);
  for (;;) {
    const found = statSync(file, { throwIfNoEntry: false });
    const setAside = found !== undefined && found.ino !== inode;
    // What was written between the last look and the setting aside is in the file of before.
    const source = setAside && statSync(`${file}.1`, { throwIfNoEntry: false })?.ino === inode ? `${file}.1` : file;
    const chunk = found === undefined || (setAside && source === file) ? Buffer.alloc(0) : readFrom(source, offset);
    offset += chunk.length;
    rest = Buffer.concat([rest, chunk]);
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      yield rest.subarray(0, end).toString("utf8");
      rest = rest.subarray(end + 1);
    }
    if (chunk.length > 0) continue;
    if (setAside || (found && found.size < offset)) {
      inode = found.ino;
      offset = 0;
      rest = Buffer.alloc(0);
    } else await new Promise((resolve) => setTimeout(resolve, POLL_MILLISECONDS));
  }
}

function readFrom(file: string, offset: number): Buffer {
  const descriptor = openSync(file, "r");
  try {
    const buffer = Buffer.alloc(Math.max(0, Math.min(fstatSync(descriptor).size - offset, 2 ** 20)));
    return buffer.subarray(0, readSync(descriptor, buffer, 0, buffer.length, offset));
  } finally {
    closeSync(descriptor);
  }
}
