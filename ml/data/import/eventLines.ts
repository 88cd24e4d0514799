import { csvRow } from "../csv.ts";
import { type PoolEvent, parseEvent } from "../events.ts";
import { formatError } from "../file.ts";

export interface EventLinesParameters {
  readonly header: readonly string[];
  readonly file: string;
  readonly amounts: "units" | "decimals";
  /** Needed where amounts are decimal. */
  readonly decimals: readonly [number, number] | null;
}

/** Turns the fields of one line of an event file into an event; raises `DataFormatError` for one that breaks a rule. */
export function createEventParser({
  header,
  file,
  amounts,
  decimals,
}: EventLinesParameters): (fields: readonly string[], line: number) => PoolEvent {
  const orderColumn = header.includes("log_index") ? "log_index" : "seq";
  const index = new Map(header.map((name, i) => [name, i]));
  if (amounts === "decimals") {
    if (decimals === null) {
      const rule = "decimal amounts need a file name that tells the tokens: <chain>_<token0>_<token1>_<fee>_…";
      throw formatError({ file, line: 1, field: "header", value: header.join(","), rule });
    }
    for (const token of [0, 1]) index.set(`amount${token}`, header.length + token);
  }
  return (fields, line) => {
    if (fields.length !== header.length) {
      const rule = `each line must have the header's ${header.length} fields, not ${fields.length}`;
      throw formatError({ file, line, field: "line", value: fields.join(","), rule });
    }
    let all = fields;
    if (amounts === "decimals" && decimals !== null) {
      const units = decimals.map((places, token) => {
        const name = `amount${token}_dec`;
        const text = fields[index.get(name) ?? -1] ?? "";
        const found = toUnits(text, places);
        if (found === null) {
          const rule = `it must be a decimal number of at most ${places} places`;
          throw formatError({ file, line, field: name, value: text, rule });
        }
        return found;
      });
      all = [...fields, ...units];
    }
    return parseEvent(csvRow(all, index, file, line), orderColumn);
  };
}

/** "1.5" with 3 places is "1500"; null when digits would be lost. */
function toUnits(text: string, places: number): string | null {
  const match = /^(-?)(\d+)(?:\.(\d*))?$/.exec(text);
  if (match === null) return null;
  const fraction = (match[3] ?? "").replace(/0+$/, "");
  return fraction.length > places ? null : `${match[1]}${match[2]}${fraction.padEnd(places, "0")}`;
}
