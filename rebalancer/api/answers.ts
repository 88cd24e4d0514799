import { createHash } from "node:crypto";

/** A body that is ready to be sent, and its entity tag. */
export interface Answer {
  readonly body: Buffer;
  readonly etag: string;
}

/** JSON that is text already: parts of an answer that were written once and serve many. */
export class JsonText {
  constructor(readonly text: string) {}
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
  const body = Buffer.from(value instanceof JsonText ? value.text : JSON.stringify(value));
  return { body, etag: `"${createHash("sha1").update(body).digest("base64url")}"` };
}
