import { z } from "@hono/zod-openapi";

/** Schemas that several routes share. Big numbers are strings of digits; a name says the unit, or it is token units. */
export const address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, "must be 0x and 40 hexadecimal digits")
  .openapi({ example: "0x5FbDB2315678afecb367f032d93F642f64180aa3" });
export const digest = z
  .string()
  .regex(/^0x[0-9a-f]{64}$/, "must be 0x and 64 hexadecimal digits")
  .openapi({ example: `0x${"5".repeat(64)}` });
export const digits = z
  .string()
  .regex(/^-?\d+$/)
  .openapi({ example: "1000000000000000000" });
export const seconds = z.int().openapi({ description: "Unix seconds", example: 1767225600 });
export const bps = z.number().openapi({ description: "basis points of the vault's net value" });

/** How many of a list; the rest by following `next`. */
export const limit = (most: number, usual: number) =>
  z
    .string()
    .regex(/^\d{1,6}$/, `must be a whole number from 1 to ${most}`)
    .transform(Number)
    .pipe(
      z.int().min(1, `must be a whole number from 1 to ${most}`).max(most, `must be a whole number from 1 to ${most}`),
    )
    .default(usual)
    .openapi({ type: "integer", minimum: 1, maximum: most, default: usual } as never);

export const vaultParams = z.strictObject({ vault: address });

export const errorSchema = z
  .object({
    error: z.object({
      code: z.string().openapi({ example: "bad-request" }),
      field: z.string().openapi({ example: "query.limit" }),
      value: z.string().nullable(),
      rule: z.string(),
      message: z.string(),
    }),
  })
  .openapi("Error");

/** Why a person changes something; kept and shown. */
export const reason = z
  .string()
  .trim()
  .min(1, "must say why")
  .max(500, "at most 500 characters")
  .regex(/^[^\p{Cc}]*$/u, "must not hold control characters");
