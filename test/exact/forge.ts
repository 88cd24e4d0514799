import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { decodeErrorResult, parseAbi } from "viem";
import { BaseError } from "../../ml/errors.ts";
import type { Hex } from "../../ml/types.ts";
import { foundryBinary } from "../../scripts/foundry.mjs";
import { type Chunk, encodeChunk } from "./chunk.ts";

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** forge failed for a reason other than a difference; carries its last words. */
export class ForgeError extends BaseError {
  override name = "ForgeError";
}

/** Where the real pool first differs from the engine. */
export interface Difference {
  readonly chunk: number;
  /** One past the last = only the comparison of everything at the end differs. */
  readonly operation: number;
}

const errors = parseAbi([
  "error Different(uint256 operation, bytes8 expected, bytes8 real)",
  "error Equal(uint256 operations)",
]);

/** Writes chunks where the forge test finds them; the folder must be one that foundry.toml lets it read. */
export function writeChunks(folder: string, chunks: readonly Chunk[]): void {
  mkdirSync(folder, { recursive: true });
  chunks.forEach((chunk, i) => {
    writeFileSync(join(folder, `${i}.bin`), Buffer.from(encodeChunk(chunk).slice(2), "hex"));
  });
  writeFileSync(join(folder, "chunks.txt"), `${chunks.length}\n`);
}

/** Plays chunks in the real pool bytecode inside forge; null = every hash is equal. */
export async function playInForge(chunks: readonly Chunk[]): Promise<Difference | null> {
  const parent = join(ROOT, ".rangekeeper", "exact");
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(join(parent, "run-"));
  try {
    writeChunks(folder, chunks);
    const { status, output } = await forgeTest(folder);
    const report = join(folder, "different.txt");
    if (existsSync(report)) return parseDifference(readFileSync(report, "utf8"), output);
    // "No tests match" leaves forge green: only the count of what passed proves that it ran.
    if (status !== 0 || !/\b1 passed; 0 failed/.test(output)) {
      throw new ForgeError(`forge did not play the operations: ${output.trim().slice(-600)}`, { details: { status } });
    }
    return null;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** This folder alone, so that a proof neither waits for the other contracts nor fails with them. */
export const ALONE = {
  FOUNDRY_SRC: "test/exact",
  FOUNDRY_TEST: "test/exact",
  FOUNDRY_SCRIPT: "test/exact",
  FOUNDRY_OUT: "out-exact",
  FOUNDRY_CACHE_PATH: "cache-exact",
  // A recorded file is one pool's life, so one chunk of many operations.
  FOUNDRY_MEMORY_LIMIT: String(2 ** 32),
};

function forgeTest(folder: string): Promise<{ status: number; output: string }> {
  const args = ["test", "--match-path", "test/exact/ExactReplay.t.sol", "--color", "never"];
  return new Promise((resolve, reject) => {
    const child = spawn(foundryBinary("forge"), args, {
      cwd: ROOT,
      env: { ...process.env, ...ALONE, RANGEKEEPER_EXACT: folder },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (text: Buffer) => {
        output = (output + text).slice(-20_000);
      });
    }
    child.on("error", reject);
    child.on("close", (code) => resolve({ status: code ?? 1, output }));
  });
}

function parseDifference(text: string, output: string): Difference {
  const [chunk = "", answer = ""] = text.trim().split(" ");
  try {
    const { errorName, args } = decodeErrorResult({ abi: errors, data: answer as Hex });
    if (errorName === "Different") return { chunk: Number(chunk), operation: Number(args[0]) };
  } catch {
    // Something else than a difference: told below.
  }
  throw new ForgeError(`chunk ${chunk} could not be played: ${answer.slice(0, 200)} ${output.trim().slice(-400)}`, {
    details: { chunk, answer },
  });
}
