import type { z } from "zod";
import { showJson } from "./json.ts";
import { redactAddresses } from "./log/secrets.ts";

/** A schema's complaint as "field: value; rule: …", with the offending value found in the input. */
export function describeIssue(issue: z.core.$ZodIssue, input: unknown): string {
  const path = issue.path.map(String);
  if (issue.code === "unrecognized_keys") {
    return issue.keys
      .map((key) => `${[...path, key].join(".")}: ${show(at(input, [...path, key]), [key])}; rule: unknown key`)
      .join("; ");
  }
  const field = path.join(".") || "(whole)";
  return `${field}: ${show(at(input, path), path)}; rule: ${issue.message}`;
}

const at = (input: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>(
    (node, key) => (typeof node === "object" && node !== null ? Reflect.get(node, key) : undefined),
    input,
  );

/** A field of such a name holds a secret, in a file where none belongs. */
const SECRET_NAME = /password|passphrase|secret|mnemonic|private|token|^key$/i;
/** What may be a private key is never repeated, wherever it was put. */
const KEY = /\b(0x)?[0-9a-f]{64}\b/gi;

function show(value: unknown, path: readonly string[] = []): string {
  if (value === undefined) return "missing";
  if (SECRET_NAME.test(path.at(-1) ?? "")) return "[redacted]";
  const text = showJson(value, (name, inner) => {
    if (SECRET_NAME.test(name)) return "[redacted]";
    if (typeof inner === "bigint") return inner.toString();
    return typeof inner === "string" ? redactAddresses(inner).replace(KEY, "[64 hexadecimal digits]") : inner;
  });
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
