import { InvalidInputError } from "../../ml/errors.ts";
import { createReferencePool } from "../../ml/sim/exact/reference.ts";
import type { CreatePool } from "./chunk.ts";

export const ENGINES = ["reference", "fast"] as const;
export type EngineName = (typeof ENGINES)[number];

/** The maker of pools of one engine. */
export async function engineOf(name: string): Promise<CreatePool> {
  if (name === "reference") return createReferencePool;
  if (name !== "fast") throw new InvalidInputError(`--engine ${name} must be one of ${ENGINES.join(", ")}`);
  const path = "../../ml/sim/exact/pool.ts";
  return ((await import(path)) as { createPool: CreatePool }).createPool;
}
