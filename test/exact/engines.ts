import { createPool } from "../../ml/sim/exact/pool.ts";
import { createReferencePool } from "../../ml/sim/exact/reference.ts";
import type { CreatePool } from "./chunk.ts";

export const ENGINES = ["reference", "fast"] as const;
export type EngineName = (typeof ENGINES)[number];

/** The maker of pools of one engine. */
export const engineOf = (name: EngineName): CreatePool => (name === "fast" ? createPool : createReferencePool);
