import { z } from "zod";
import type { Hex } from "../../ml/types.ts";

/** At most 64 digits: no word of the chain is longer, and a node that sends a megabyte of digits means no number. */
export const quantity = z.string().regex(/^0x[0-9a-fA-F]{1,64}$/, "a quantity is 0x and 1 to 64 hexadecimal digits");

/** A block number, time or index. */
export const wholeNumber = quantity
  .transform((text) => Number(text))
  .refine(Number.isSafeInteger, "a safe whole number");

/** Wei and other large amounts. */
export const bigQuantity = quantity.transform((text) => BigInt(text));

export const hash = z
  .string()
  .regex(/^0x[0-9a-fA-F]{64}$/, "a hash is 0x and 64 hexadecimal digits")
  .transform((text) => text.toLowerCase() as Hex);

export const bytes = z
  .string()
  .regex(/^0x([0-9a-fA-F]{2})*$/, "data is 0x and pairs of hexadecimal digits")
  .transform((text) => text as Hex);

export const addressText = z.string().regex(/^0x[0-9a-fA-F]{40}$/, "an address is 0x and 40 hexadecimal digits");

/** A number as JSON-RPC writes it. */
export const toHex = (value: number): Hex => `0x${value.toString(16)}`;
