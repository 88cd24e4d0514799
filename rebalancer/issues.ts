import type { z } from "zod";

/** A schema's complaint as "field: value; rule: …", with the offending value found in the input. */
export function describeIssue(issue: z.core.$ZodIssue, input: unknown): string {
  const path = issue.path.map(String);
  if (issue.code === "unrecognized_keys") {
    return issue.keys
      .map((key) => `${[...path, key].join(".")}: ${show(at(input, [...path, key]))}; rule: unknown key`)
      .join("; ");
  }
  const field = path.join(".") || "(whole)";
  return `${field}: ${show(at(input, path))}; rule: ${issue.message}`;
}

const at = (input: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>(
    (node, key) => (typeof node === "object" && node !== null ? Reflect.get(node, key) : undefined),
    input,
  );

function show(value: unknown): string {
  if (value === undefined) return "missing";
  const text = JSON.stringify(value, (_key, inner) => (typeof inner === "bigint" ? inner.toString() : inner));
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
