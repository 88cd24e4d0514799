/** A number for people: thousands separated, four significant decimals below one. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return "n/a";
  if (value === 0) return "0";
  const size = Math.abs(value);
  const digits = size >= 1000 ? 0 : size >= 1 ? 2 : size >= 0.001 ? 5 : 8;
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

export const percent = (fraction: number) => `${fraction >= 0 ? "+" : ""}${(fraction * 100).toFixed(3)} %`;

/** Unix seconds as "2023-03-01 05:23". */
export const stamp = (seconds: number) => new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ");
