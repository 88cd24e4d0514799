import { getAddress } from "viem";
import { z } from "zod";

/** The kinds of value that the configuration is made of; each message is the rule that a person reads. */
export const address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, "an address is 0x and 40 hexadecimal digits")
  .transform((text) => getAddress(text.toLowerCase()));
export const digest = z.string().regex(/^0x[0-9a-fA-F]{64}$/, "a digest is 0x and 64 hexadecimal digits");

/** An address of the internet; `rule` says which schemes it may have. */
const url = (schemes: RegExp, rule: string) =>
  z
    .string()
    .max(2_048, "an address of at most 2048 characters")
    .regex(schemes, { message: rule, abort: true })
    .refine((text) => URL.canParse(text) && new URL(text).hostname !== "", `${rule}, and names a host`);
export const httpUrl = url(/^https?:\/\//, "an RPC address starts with http:// or https://");
export const webSocketUrl = url(/^wss?:\/\//, "a WebSocket address starts with ws:// or wss://");
export const redisUrl = url(/^rediss?:\/\//, "a Redis address starts with redis:// or rediss://");

export const text = z.string().min(1, "a text of 1 to 4096 characters").max(4_096, "a text of 1 to 4096 characters");
export const keyName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,63}$/, "a name is a letter, then letters, digits and -, all small, at most 64");

export const whole = z.int().nonnegative();
export const positive = z.int().positive();
/** What a contract keeps in 32 bits. */
export const seconds = z.int().min(0).max(4_294_967_295);
export const positiveSeconds = z.int().min(1).max(4_294_967_295);
/** Wider than all prices that a pool can have is no width. */
const MOST_TICKS = 1_774_544;
export const ticks = z.int().min(0).max(MOST_TICKS);
export const positiveTicks = z.int().min(1).max(MOST_TICKS);
/** What a contract keeps in 16 bits. */
export const movesPerDay = z.int().min(0).max(65_535);
export const ratioBps = z.int().min(0).max(10_000);
/** Basis points that may pass 100 %, as a margin or a volatility does; a contract keeps them in 64 bits as Wad. */
export const wideBps = z.int().min(0).max(180_000);

/** Below this a number is written with an exponent, which is no amount of ether. */
const LEAST_GWEI = 0.000001;
const GWEI_RULE = "0, or from 0.000001 to 1000000 gwei";
export const gwei = z.number().refine((value) => value === 0 || (value >= LEAST_GWEI && value <= 1e6), GWEI_RULE);
export const positiveGwei = z.number().min(LEAST_GWEI).max(1e6);

const UINT128_MAX = 2n ** 128n - 1n;
/** Token units do not fit a TOML integer, so they may be written as a string of digits. */
export const amount = z.union(
  [
    z.int().nonnegative(),
    z
      .string()
      .regex(/^\d{1,39}$/, { abort: true })
      .refine((digits) => BigInt(digits) <= UINT128_MAX),
  ],
  { error: "token units: a whole number, or a string of decimal digits, of at most 128 bits" },
);

/** Loopback unless a person writes another host. */
export const listen = z
  .string()
  .regex(/^[^\s:/@]+:\d{1,5}$/, { message: 'an address to listen at is "HOST:PORT"', abort: true })
  .refine((place) => Number(place.split(":")[1]) <= 65_535, 'the port of "HOST:PORT" is 0 to 65535');
