import { appendFileSync, mkdirSync, renameSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { DestinationStream } from "pino";

const MEBIBYTE = 2 ** 20;

/**
 * Writes each line to standard error and to a file, which is set aside as FILE.1 when it is large. A file that cannot
 * be written, as on a full disk, costs its lines and nothing else: standard error has them.
 */
export function logDestination(
  file: string,
  maxMegabytes: number,
  standardError: Pick<DestinationStream, "write"> = process.stderr,
): DestinationStream {
  let size = -1;
  return {
    write(line: string) {
      standardError.write(line);
      try {
        if (size < 0) {
          mkdirSync(dirname(file), { recursive: true });
          size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
        }
        const bytes = Buffer.byteLength(line);
        if (size > 0 && size + bytes > maxMegabytes * MEBIBYTE) {
          renameSync(file, `${file}.1`);
          size = 0;
        }
        appendFileSync(file, line);
        size += bytes;
      } catch {
        // asked for anew with the next line
        size = -1;
      }
    },
  };
}
