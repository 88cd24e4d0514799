/** JSON with bigints written as strings with a trailing "n", so that facts in the journal keep every digit. */
export function encodeJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner) => (typeof inner === "bigint" ? `${inner}n` : inner));
}

/** The inverse of `encodeJson`; the caller names the type, because only this program writes the text. */
export function decodeJson<T>(text: string): T {
  return JSON.parse(text, (_key, inner) =>
    typeof inner === "string" && /^-?\d+n$/.test(inner) ? BigInt(inner.slice(0, -1)) : inner,
  );
}

/** A value of somebody else's as JSON for a message: what was parsed may be nested too deeply to be written again. */
export function showJson(value: unknown, replacer?: (key: string, inner: unknown) => unknown): string {
  try {
    return JSON.stringify(value, replacer) ?? String(value);
  } catch {
    return "(nested too deeply to be shown)";
  }
}
