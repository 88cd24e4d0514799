import { keccak256, toBytes } from "viem";
import type { Hex } from "./types.ts";

/** keccak256 over JSON with sorted keys; bigints as decimal strings, what is not a number as null. */
export const digestOf = (value: unknown): Hex => keccak256(toBytes(canonicalJson(value)));

/** JSON whose text depends on the content alone. */
export function canonicalJson(value: unknown): string {
  if (typeof value === "bigint") return `"${value}"`;
  if (typeof value === "number") return Number.isFinite(value) ? String(value) : "null";
  if (value === undefined || value === null) return "null";
  if (typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value) || ArrayBuffer.isView(value)) {
    return `[${Array.from(value as ArrayLike<unknown>, canonicalJson).join(",")}]`;
  }
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${canonicalJson(inner)}`).join(",")}}`;
}
