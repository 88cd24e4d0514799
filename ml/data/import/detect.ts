import { basename } from "node:path";
import { InvalidInputError } from "../../errors.ts";
import { formatError } from "../file.ts";
import { type SourceColumn, type SourceType, TABLE_FORMATS, type TableFormat } from "./formats.ts";

/** Columns of an event file that are kept; tx_hash, tx_index and position_id are read over: block and order name an event. */
const EVENT_NEEDS = ["block_number", "timestamp", "type", "tick_lower", "tick_upper", "liquidity_delta"];
const OWN_KINDS = ["series", "bars", "table"] as const;
const OWN_TYPES: readonly string[] = ["int", "bigint", "float", "text", "date"];
const TIME_NAMES = ["start_seconds", "timestamp"];

/** How a file is to be read: as pool events, or as a table of a known format. */
export type Detected =
  | { readonly id: "events"; readonly amounts: "units" | "decimals" }
  /** `names` = those of the columns, in the order of the file. */
  | { readonly id: string; readonly table: TableFormat; readonly names: readonly string[] };

/** Every name that `--as` takes, with what it stands for. */
export const FORMAT_NAMES: readonly (readonly [string, string])[] = [
  ["events", "pool events"],
  ["state", "a pool's state (JSON)"],
  ...TABLE_FORMATS.map(({ id, about }) => [id, about] as const),
  ...OWN_KINDS.map((kind) => [kind, "our own schema: name:type:unit in the header"] as const),
];

const knownNames = (): string => FORMAT_NAMES.map(([id]) => id).join(", ");

/** Tells by its header what a CSV file holds; `as` names a format that it must be. */
export function detectFormat(header: readonly string[], file: string, as?: string): Detected {
  if (as !== undefined && !FORMAT_NAMES.some(([id]) => id === as)) {
    throw new InvalidInputError(`--as is ${JSON.stringify(as)}, but it must be one of ${knownNames()}`);
  }
  const fail = (rule: string): never => {
    throw formatError({ file, line: 1, field: "header", value: header.join(","), rule });
  };
  const repeated = header.find((name, i) => header.indexOf(name) !== i);
  if (repeated !== undefined) fail(`it must not name ${JSON.stringify(repeated)} twice`);
  const isOwn = header.every((name) => name.includes(":"));
  if (isOwn && (as === undefined || OWN_KINDS.some((kind) => kind === as))) return ownSchema(header, file, as);
  if (as === undefined || as === "events") {
    const lacks = EVENT_NEEDS.filter((name) => !header.includes(name));
    const ordered = header.includes("log_index") || header.includes("seq");
    if (lacks.length === 0 && ordered) {
      if (["amount0", "amount1"].every((name) => header.includes(name))) return { id: "events", amounts: "units" };
      if (["amount0_dec", "amount1_dec"].every((name) => header.includes(name))) {
        return { id: "events", amounts: "decimals" };
      }
    }
    if (as === "events")
      fail(`an event file must name ${[...EVENT_NEEDS, "amount0", "amount1"].join(", ")} and log_index or seq`);
  }
  const formats = TABLE_FORMATS.filter(({ id }) => as === undefined || id === as);
  for (const table of formats) {
    const lacks = table.columns.filter(({ name, optional }) => !optional && !header.includes(name));
    const extra = header.filter((name) => !table.columns.some((column) => column.name === name));
    if (lacks.length === 0 && extra.length === 0) return { id: table.id, table, names: header };
    if (as === undefined) continue;
    if (lacks.length > 0) fail(`${as} needs the column ${lacks.map(({ name }) => name).join(", ")}`);
    fail(`${as} has no column ${extra.join(", ")}`);
  }
  return fail(
    `it must be that of a known kind of ${basename(file).endsWith(".json") ? "JSON" : "CSV"} file: ${knownNames()}`,
  );
}

/** Header fields "name:type:unit", types int, bigint, float, text and date. */
function ownSchema(header: readonly string[], file: string, as = ""): Detected {
  const columns = header.map((field): SourceColumn => {
    const [name = "", type = "", ...unit] = field.split(":");
    if (!/^[a-z][a-z0-9_]*$/.test(name) || !OWN_TYPES.includes(type)) {
      const rule = `it must be name:type:unit, the name in a-z, 0-9 and _, the type one of ${OWN_TYPES.join(", ")}`;
      throw formatError({ file, line: 1, field: "header", value: field, rule });
    }
    return { name, type: type as SourceType, unit: unit.join(":"), optional: false };
  });
  const repeated = columns.find(({ name }, i) => columns.findIndex((column) => column.name === name) !== i);
  if (repeated !== undefined) {
    throw formatError({ file, line: 1, field: "header", value: repeated.name, rule: "it must not be named twice" });
  }
  const timeColumn = TIME_NAMES.find((name) => columns.some((c) => c.name === name && c.type === "int")) ?? null;
  const kind = OWN_KINDS.find((one) => one === as) ?? (timeColumn === null ? "table" : "series");
  const need = kind === "bars" ? ["start_seconds", "open", "high", "low", "close"] : [];
  const lacks = need.filter((name) => !columns.some((c) => c.name === name));
  if (lacks.length > 0 || (kind === "series" && timeColumn === null)) {
    const rule = kind === "bars" ? `bars need ${lacks.join(", ")}` : "a series needs timestamp:int:unix seconds";
    throw formatError({ file, line: 1, field: "header", value: header.join(","), rule });
  }
  const keys = columns.filter(({ type, name }) => type === "text" && name === "key").map(({ name }) => name);
  const table: TableFormat = {
    id: kind,
    kind,
    about: "our own schema",
    columns,
    timeColumn,
    keys,
    unique: kind === "bars",
    growing: [],
  };
  return { id: kind, table, names: columns.map(({ name }) => name) };
}
