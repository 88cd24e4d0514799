import { keccak256 } from "./runtime/keccak/keccak.ts";
import type { Hex } from "./types.ts";

/** keccak256 over JSON with sorted keys; bigints as decimal strings, what is not a number as null. */
export const digestOf = (value: unknown): Hex => keccak256(Buffer.from(canonicalJson(value)));

/** JSON whose text depends on the content alone. */
export function canonicalJson(value: unknown): string {
  if (typeof value === "bigint") return `"${value}"`;
  if (typeof value === "number") return Number.isFinite(value) ? String(value) : "null";
  if (value === undefined || value === null) return "null";
  if (typeof value !== "object") return JSON.stringify(value);
  let text = "";
  if (Array.isArray(value) || ArrayBuffer.isView(value)) {
    const list = value as ArrayLike<unknown>;
    for (let i = 0; i < list.length; i++) text += i === 0 ? canonicalJson(list[i]) : `,${canonicalJson(list[i])}`;
    return `[${text}]`;
  }
  const of = value as Record<string, unknown>;
  for (const key of Object.keys(of).sort()) {
    if (of[key] === undefined) continue;
    text += `${text === "" ? "" : ","}${JSON.stringify(key)}:${canonicalJson(of[key])}`;
  }
  return `{${text}}`;
}
