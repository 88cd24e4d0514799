import { encodeJson } from "../json.ts";

/** A field that two accounts of the same thing disagree on; values as JSON, bigints as digits with a trailing n. */
export interface FieldDifference {
  readonly field: string;
  readonly recorded: string;
  readonly again: string;
}

/** Every field that differs between two values, by path as in `plan.ranges.0.lowerTick`, in the order of the fields. */
export function differencesOf(recorded: unknown, again: unknown): readonly FieldDifference[] {
  const found: FieldDifference[] = [];
  collect("", plain(recorded), plain(again), found);
  return found;
}

/** As the journal keeps it, so that what JSON cannot say is no difference. */
const plain = (value: unknown): unknown => JSON.parse(encodeJson(value) ?? "null");

function collect(path: string, a: unknown, b: unknown, found: FieldDifference[]): void {
  if (isTree(a) && isTree(b)) {
    const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])];
    for (const key of keys) collect(path === "" ? key : `${path}.${key}`, a[key], b[key], found);
  } else if (!Object.is(a, b)) {
    found.push({ field: path, recorded: shown(a), again: shown(b) });
  }
}

const isTree = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;

const shown = (value: unknown): string => (value === undefined ? "-" : JSON.stringify(value));
