import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Hex } from "../../types.ts";

/** sha256 of a model's source text: what stands for the weights of a model that has none. */
export const sourceSha256 = (url: string): Hex =>
  `0x${createHash("sha256")
    .update(readFileSync(fileURLToPath(url)))
    .digest("hex")}`;
