import type { VanillaOption } from "../../../ml/risk/option.ts";
import type { PriceRange } from "../../../ml/risk/range.ts";
import { ConfigError } from "../../errors.ts";

export const YEAR_DAYS = 365;

/** A finite number from a flag; `rule` says what else it must be. */
export function parseNumber(flag: string, text: string, rule: string, ok: (value: number) => boolean): number {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (!Number.isFinite(value) || !ok(value)) throw new ConfigError(`${flag} ${text}: rule: ${rule}`);
  return value;
}

export const parsePositive = (flag: string, text: string): number =>
  parseNumber(flag, text, "a number above 0", (value) => value > 0);

/** Volatility per square root of a year: "0.6" a year, or "0.05/day". */
export function parseSigma(text: string): number {
  const [number = "", unit, ...rest] = text.split("/");
  if (rest.length > 0 || (unit !== undefined && unit !== "day" && unit !== "year")) {
    throw new ConfigError(`--sigma ${text}: rule: a number above 0 a year, e.g. 0.6, or a day, e.g. 0.05/day`);
  }
  return parsePositive("--sigma", number) * (unit === "day" ? Math.sqrt(YEAR_DAYS) : 1);
}

/** "LOWER:UPPER" in asset units per unit of the other token; "full" = every price. */
export function parseRange(text: string): PriceRange {
  if (text === "full") return { lowerPrice: 0, upperPrice: Number.POSITIVE_INFINITY };
  const parts = text.split(":");
  const [lower = "", upper = ""] = parts;
  if (parts.length !== 2) throw new ConfigError(`--range ${text}: rule: LOWER:UPPER prices, or full`);
  const range = { lowerPrice: parsePositive("--range", lower), upperPrice: parsePositive("--range", upper) };
  if (range.lowerPrice >= range.upperPrice) throw new ConfigError(`--range ${text}: rule: lower price < upper price`);
  return range;
}

/** "call:STRIKE:DAYS", with ":QUANTITY" for an option that is held. */
export function parseOption(flag: string, text: string, counted: boolean): VanillaOption {
  const parts = text.split(":");
  const [right, strike = "", days = "", quantity = "1"] = parts;
  if ((right !== "call" && right !== "put") || parts.length !== (counted ? 4 : 3)) {
    throw new ConfigError(`${flag} ${text}: rule: call or put, :STRIKE:DAYS${counted ? ":QUANTITY" : ""}`);
  }
  return {
    right,
    strike: parsePositive(`${flag} ${text}: strike`, strike),
    years: parsePositive(`${flag} ${text}: days`, days) / YEAR_DAYS,
    quantity: parseNumber(`${flag} ${text}: quantity`, quantity, "a number other than 0", (value) => value !== 0),
  };
}

/** Comma-separated days, e.g. "0,7,30". */
export const parseDays = (text: string): number[] =>
  text.split(",").map((day) => parseNumber("--days", day, "days from 0 to 3650", (days) => days >= 0 && days <= 3650));
