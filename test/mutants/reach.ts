import { posix } from "node:path";
import type { Sources } from "./embed.ts";

/** A pattern of `forge test --match-path` as a regular expression; its stars cross folders. */
function expression(pattern: string): RegExp {
  const special: Record<string, string> = { "*": ".*", "{": "(?:", "}": ")", ",": "|" };
  return new RegExp(`^${pattern.replace(/[*{},]|[.+()[\]|^$?\\]/g, (found) => special[found] ?? `\\${found}`)}$`);
}

/** The files that a pattern names, and all that they import from the sources, in order of their paths. */
export function reach(sources: Sources, pattern: string): string[] {
  const named = expression(pattern);
  const found = new Set([...sources.keys()].filter((file) => named.test(file)));
  // A set hands out what is added while it is walked.
  for (const file of found) {
    for (const [, path] of (sources.get(file) as string).matchAll(/^(?:import|\})[^;]*?"(\.[^"]+)";/gm)) {
      const target = posix.join(posix.dirname(file), path as string);
      if (sources.has(target)) found.add(target);
    }
  }
  return [...found].sort();
}
