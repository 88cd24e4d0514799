import { z } from "zod";
import type { Address } from "../types.ts";
import { MAX_SQRT_PRICE_X96, MAX_TICK, MIN_SQRT_PRICE_X96, MIN_TICK } from "../units.ts";
import { DataFileError, formatError, readText } from "./file.ts";

/** Everything a pool contract stores for one initialised tick. */
export interface TickState {
  readonly tick: number;
  readonly liquidityGross: bigint;
  readonly liquidityNet: bigint;
  readonly feeGrowthOutside0X128: bigint;
  readonly feeGrowthOutside1X128: bigint;
  readonly tickCumulativeOutside: bigint;
  readonly secondsPerLiquidityOutsideX128: bigint;
  readonly secondsOutside: number;
  readonly initialized: boolean;
}

export interface PositionState {
  readonly owner: Address;
  readonly tickLower: number;
  readonly tickUpper: number;
  readonly liquidity: bigint;
  readonly feeGrowthInside0LastX128: bigint;
  readonly feeGrowthInside1LastX128: bigint;
  readonly tokensOwed0: bigint;
  readonly tokensOwed1: bigint;
}

export interface ObservationState {
  readonly blockTimestamp: number;
  readonly tickCumulative: bigint;
  readonly secondsPerLiquidityCumulativeX128: bigint;
  readonly initialized: boolean;
}

/** A pool's storage at the end of `block`. */
export interface PoolState {
  readonly address: Address;
  readonly block: number;
  readonly token0: Address;
  readonly token1: Address;
  /** Swap fee in 1e-6. */
  readonly feePips: number;
  readonly tickSpacing: number;
  readonly maxLiquidityPerTick: bigint | null;
  readonly feeGrowthGlobal0X128: bigint;
  readonly feeGrowthGlobal1X128: bigint;
  readonly protocolFees0: bigint;
  readonly protocolFees1: bigint;
  readonly liquidity: bigint;
  readonly sqrtPriceX96: bigint;
  readonly tick: number;
  readonly observationIndex: number;
  readonly observationCardinality: number;
  readonly observationCardinalityNext: number;
  readonly feeProtocol: number;
  readonly balance0: bigint;
  readonly balance1: bigint;
  /** Sorted by tick. */
  readonly ticks: readonly TickState[];
  readonly positions: readonly PositionState[];
  /** By ring index; may be shorter than the cardinality, or empty. */
  readonly observations: readonly ObservationState[];
  /** What had to be guessed or left out. */
  readonly notes: readonly string[];
}

const integer = z
  .union([z.number().refine(Number.isSafeInteger, "must be a whole number"), z.string().regex(/^-?\d+$/)])
  .transform((value) => BigInt(value));
const between = (low: bigint, high: bigint, rule: string) =>
  integer.refine((value) => value >= low && value <= high, `must be ${rule}`);
const unsigned = (bits: bigint) => between(0n, (1n << bits) - 1n, `unsigned and fit in ${bits} bits`);
const signed = (bits: bigint) =>
  between(-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n, `signed and fit in ${bits} bits`);
const small = (bits: bigint) => unsigned(bits).transform(Number);
const tickNumber = between(BigInt(MIN_TICK), BigInt(MAX_TICK), "a tick").transform(Number);
const address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, "must be an address")
  .transform((value) => value.toLowerCase() as Address);

const tickSchema = z.object({
  liquidityGross: unsigned(128n),
  liquidityNet: signed(128n),
  feeGrowthOutside0X128: unsigned(256n).default(0n),
  feeGrowthOutside1X128: unsigned(256n).default(0n),
  tickCumulativeOutside: signed(56n).default(0n),
  secondsPerLiquidityOutsideX128: unsigned(160n).default(0n),
  secondsOutside: small(32n).default(0),
  initialized: z.boolean().default(true),
});

const positionSchema = z.object({
  liquidity: unsigned(128n),
  feeGrowthInside0LastX128: unsigned(256n).default(0n),
  feeGrowthInside1LastX128: unsigned(256n).default(0n),
  tokensOwed0: unsigned(128n).default(0n),
  tokensOwed1: unsigned(128n).default(0n),
});

const observationSchema = z.object({
  blockTimestamp: small(32n),
  tickCumulative: signed(56n),
  secondsPerLiquidityCumulativeX128: unsigned(160n),
  initialized: z.boolean().default(true),
});

const stateSchema = z.object({
  poolAddress: address,
  block: small(48n),
  data: z.object({
    token0: address,
    token1: address,
    fee: small(24n),
    tickSpacing: between(1n, 16383n, "from 1 to 16383").transform(Number),
    maxLiquidityPerTick: unsigned(128n).optional(),
    feeGrowthGlobal0X128: unsigned(256n),
    feeGrowthGlobal1X128: unsigned(256n),
    protocolFees: z.object({ token0: unsigned(128n), token1: unsigned(128n) }).default({ token0: 0n, token1: 0n }),
    liquidity: unsigned(128n),
    slot0: z.object({
      sqrtPriceX96: between(MIN_SQRT_PRICE_X96, MAX_SQRT_PRICE_X96 - 1n, "a v3 sqrt price"),
      tick: tickNumber,
      observationIndex: small(16n).default(0),
      observationCardinality: small(16n).default(1),
      observationCardinalityNext: small(16n).optional(),
      feeProtocol: small(16n).default(0),
    }),
    balance0: unsigned(256n),
    balance1: unsigned(256n),
    ticks: z.record(z.string(), tickSchema),
    positions: z.record(z.string(), positionSchema).default({}),
    // A list, or an object keyed by ring index.
    observations: z
      .union([z.array(observationSchema), z.record(z.string().regex(/^\d+$/), observationSchema)])
      .default([]),
  }),
});

/** Reads a pool state file (JSON, plain or gzip). */
export const readPoolState = (path: string): PoolState => parsePoolState(readText(path), path);

/** Parses a pool state file; whole numbers may be JSON numbers of any length or strings. */
export function parsePoolState(text: string, file: string): PoolState {
  const parsed = stateSchema.safeParse(parseJson(text, file));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const field = issue?.path.join(".") || "state";
    throw formatError({ file, line: null, field, value: valueAt(text, issue?.path ?? []), rule: issue?.message ?? "" });
  }
  const { data } = parsed.data;
  const { slot0 } = data;
  const notes: string[] = [];
  const ticks = parseTicks(data.ticks, data.tickSpacing, file);
  return {
    address: parsed.data.poolAddress,
    block: parsed.data.block,
    token0: data.token0,
    token1: data.token1,
    feePips: data.fee,
    tickSpacing: data.tickSpacing,
    maxLiquidityPerTick: data.maxLiquidityPerTick ?? null,
    feeGrowthGlobal0X128: data.feeGrowthGlobal0X128,
    feeGrowthGlobal1X128: data.feeGrowthGlobal1X128,
    protocolFees0: data.protocolFees.token0,
    protocolFees1: data.protocolFees.token1,
    liquidity: data.liquidity,
    sqrtPriceX96: slot0.sqrtPriceX96,
    tick: slot0.tick,
    observationIndex: slot0.observationIndex,
    observationCardinality: slot0.observationCardinality,
    ...feeProtocolAndNext(slot0, file, notes),
    balance0: data.balance0,
    balance1: data.balance1,
    ticks,
    positions: parsePositions(data.positions, data.tickSpacing, new Set(ticks.map((t) => t.tick)), notes),
    observations: parseObservations(data.observations),
    notes,
  };
}

function parseJson(text: string, file: string): unknown {
  // JSON.parse would round integers beyond 2^53: they are turned into strings first.
  const safe = text.replace(/([:[,]\s*)(-?\d{16,})(?=\s*[,}\]])/g, '$1"$2"');
  try {
    return JSON.parse(safe);
  } catch (cause) {
    throw new DataFileError(`data file ${file} is not JSON, or is cut off: ${(cause as Error).message}`, {
      cause,
      details: { file },
    });
  }
}

function valueAt(text: string, path: readonly PropertyKey[]): unknown {
  let value = parseJson(text, "") as Record<PropertyKey, unknown> | undefined;
  for (const key of path) value = value?.[key] as Record<PropertyKey, unknown> | undefined;
  return typeof value === "object" ? JSON.stringify(value) : value;
}

/**
 * Some state files hold observationCardinalityNext in the field feeProtocol. A next cardinality is never below the
 * cardinality, so a smaller value can only be a protocol fee.
 */
function feeProtocolAndNext(
  slot0: z.infer<typeof stateSchema>["data"]["slot0"],
  file: string,
  notes: string[],
): { feeProtocol: number; observationCardinalityNext: number } {
  const { feeProtocol, observationCardinality } = slot0;
  if (slot0.observationCardinalityNext === undefined && feeProtocol > 0 && feeProtocol >= observationCardinality) {
    notes.push(`feeProtocol ${feeProtocol} read as observationCardinalityNext; protocol fee taken as 0`);
    return { feeProtocol: 0, observationCardinalityNext: feeProtocol };
  }
  for (const part of [feeProtocol & 15, feeProtocol >> 4]) {
    if (part !== 0 && (part < 4 || part > 10)) {
      const rule = "each half must be 0 or from 4 to 10";
      throw formatError({ file, line: null, field: "data.slot0.feeProtocol", value: feeProtocol, rule });
    }
  }
  return { feeProtocol, observationCardinalityNext: slot0.observationCardinalityNext ?? observationCardinality };
}

function parseTicks(ticks: Record<string, z.infer<typeof tickSchema>>, spacing: number, file: string): TickState[] {
  return Object.entries(ticks)
    .map(([key, value]) => {
      const tick = Number(key);
      const field = `data.ticks.${key}`;
      if (!Number.isInteger(tick) || tick < MIN_TICK || tick > MAX_TICK) {
        throw formatError({ file, line: null, field, value: key, rule: "the key must be a tick" });
      }
      if (tick % spacing !== 0) {
        const rule = `the tick must be a multiple of tickSpacing ${spacing}`;
        throw formatError({ file, line: null, field, value: tick, rule });
      }
      return { tick, ...value };
    })
    .sort((a, b) => a.tick - b.tick);
}

/** Keys are the owner followed by both ticks, with or without separators. */
function parsePositions(
  positions: Record<string, z.infer<typeof positionSchema>>,
  spacing: number,
  known: ReadonlySet<number>,
  notes: string[],
): PositionState[] {
  const parsed: PositionState[] = [];
  for (const [key, value] of Object.entries(positions)) {
    const owner = key.slice(0, 42).toLowerCase();
    const ticks = splitTicks(key.slice(42), spacing, known);
    if (!/^0x[0-9a-f]{40}$/.test(owner) || ticks === null) {
      notes.push(`position ${key} left out: its ticks cannot be told apart`);
      continue;
    }
    parsed.push({ owner: owner as Address, tickLower: ticks[0], tickUpper: ticks[1], ...value });
  }
  return parsed;
}

function splitTicks(text: string, spacing: number, known: ReadonlySet<number>): [number, number] | null {
  const separated = /^[^\d-]?(-?\d+)[^\d-]+(-?\d+)$/.exec(text);
  if (separated !== null) return [Number(separated[1]), Number(separated[2])];
  const splits: [number, number][] = [];
  for (let i = 1; i < text.length; i++) {
    const [a, b] = [text.slice(0, i), text.slice(i)];
    if (!/^(0|-?[1-9]\d*)$/.test(a) || !/^(0|-?[1-9]\d*)$/.test(b)) continue;
    const [lower, upper] = [Number(a), Number(b)];
    if (lower < upper && lower >= MIN_TICK && upper <= MAX_TICK && lower % spacing === 0 && upper % spacing === 0) {
      splits.push([lower, upper]);
    }
  }
  if (splits.length <= 1) return splits[0] ?? null;
  const initialised = splits.filter(([lower, upper]) => known.has(lower) && known.has(upper));
  return initialised.length === 1 ? (initialised[0] ?? null) : null;
}

type RawObservation = z.infer<typeof observationSchema>;

function parseObservations(raw: RawObservation[] | Record<string, RawObservation>): ObservationState[] {
  if (Array.isArray(raw)) return raw;
  const empty = { blockTimestamp: 0, tickCumulative: 0n, secondsPerLiquidityCumulativeX128: 0n, initialized: false };
  const length = Math.max(-1, ...Object.keys(raw).map(Number)) + 1;
  return Array.from({ length }, (_, i) => raw[String(i)] ?? empty);
}
