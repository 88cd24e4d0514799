import { hash } from "node:crypto";

/** A body that is ready to be sent, and its entity tag. */
export interface Answer {
  readonly body: Buffer;
  readonly etag: string;
}

/** JSON that is written already, text or its bytes, one part after the other. */
export class JsonText {
  readonly parts: readonly (string | Uint8Array)[];
  constructor(...parts: readonly (string | Uint8Array)[]) {
    this.parts = parts;
  }
}

export interface Answers {
  /** The kept answer of this key if it was built for this version. */
  get(key: string, version: string): Answer | null;
  /** Keeps what was built for a version in place of what was kept before. */
  put(key: string, version: string, value: unknown): Answer;
}

const MOST_BYTES = 64 * 1024 * 1024;

/** Keeps answers that were built once, the least recently used ones leave first. */
export function createAnswers(mostBytes = MOST_BYTES): Answers {
  const kept = new Map<string, { readonly version: string; readonly answer: Answer }>();
  let bytes = 0;
  const forget = (key: string) => {
    const found = kept.get(key);
    if (found === undefined) return;
    kept.delete(key);
    bytes -= found.answer.body.length;
  };
  return {
    get(key, version) {
      const found = kept.get(key);
      if (found?.version !== version) return null;
      kept.delete(key);
      kept.set(key, found);
      return found.answer;
    },
    put(key, version, value) {
      const answer = toAnswer(value);
      forget(key);
      kept.set(key, { version, answer });
      bytes += answer.body.length;
      for (const oldest of kept.keys()) {
        if (bytes <= mostBytes || oldest === key) break;
        forget(oldest);
      }
      return answer;
    },
  };
}

/** JSON text as bytes, with the tag that names exactly them. */
export function toAnswer(value: unknown): Answer {
  const parts = value instanceof JsonText ? value.parts : [JSON.stringify(value)];
  const written = parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part));
  const body = written.length === 1 && written[0] instanceof Buffer ? written[0] : Buffer.concat(written);
  return { body, etag: `"${hash("sha1", body, "base64url")}"` };
}
