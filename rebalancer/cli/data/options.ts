import { InvalidInputError } from "../../../ml/errors.ts";
import { ConfigError } from "../../errors.ts";

export interface DataOptions {
  readonly json?: boolean;
  readonly data?: string;
  readonly out?: string;
}

/** The folder that data is read from: --data, else RANGEKEEPER_DATA. */
export function dataFolder({ data }: DataOptions): string {
  const folder = data ?? process.env.RANGEKEEPER_DATA;
  if (!folder) throw new ConfigError("--data: missing; rule: must name the data folder (or set RANGEKEEPER_DATA)");
  return folder;
}

/** The folder that datasets are written to. */
export function outFolder({ out }: DataOptions): string {
  if (!out) throw new ConfigError("--out: missing; rule: must name the folder of the store that is written to");
  return out;
}

export interface WholeNumberRule {
  readonly least: number;
  readonly most?: number;
}

/** A flag's whole number, or undefined when the flag is absent. */
export function wholeNumber(
  flag: string,
  text: string | undefined,
  { least, most = Number.MAX_SAFE_INTEGER }: WholeNumberRule,
): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  const range = most === Number.MAX_SAFE_INTEGER ? `from ${least} on` : `from ${least} to ${most}`;
  throw new InvalidInputError(`${flag}: ${text}; rule: must be a whole number ${range}`);
}

/** A flag's time: unix seconds, or a date as 2024-01-05 or 2024-01-05T12:00:00Z. */
export function timeOf(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d+$/.test(text)) return Number(text);
  const ms = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2})?Z)?$/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(ms)) return ms / 1000;
  throw new InvalidInputError(`${flag}: ${text}; rule: must be unix seconds or a time like 2024-01-05T12:00:00Z`);
}

/** Unix seconds as a person reads them, in UTC. */
export const stamp = (seconds: number): string => new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ");

export const count = (value: number): string => value.toLocaleString("en-US");
