import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Command } from "commander";
import { keccak256, toHex } from "viem";
import { z } from "zod";
import { parseCsv } from "../../ml/data/csv.ts";
import { HEAD_INPUTS } from "../../ml/features/headInputs.ts";
import { type BuildHeadReturnType, buildHead } from "../../ml/models/head/build.ts";
import { readFloatMlp } from "../../ml/models/head/readFloatMlp.ts";
import { syntheticRows } from "../../ml/models/head/syntheticRows.ts";
import { headVectors } from "../../ml/models/head/vectors.ts";
import { describeQuantization } from "../../ml/models/quantize.ts";
import { ConfigError } from "../errors.ts";
import { answer, examples, guarded } from "./options.ts";
import { parsePositive } from "./risk/parse.ts";

interface HeadOptions {
  readonly model: string;
  readonly rows?: string;
  readonly out: string;
  readonly floorPerSpread: string;
  readonly json?: boolean;
}

/** What the verb needs of a head's manifest. */
const manifestSchema = z.looseObject({
  id: z.string().min(1),
  task: z.literal("head"),
  file: z.string().min(1),
  sha256: z.string().regex(/^0x[0-9a-f]{64}$/),
  inputs: z.looseObject({ windowSeconds: z.int().positive() }),
});

const CALIBRATION_ROWS = 4_000;
const RANDOM_VECTORS = 64;
const SEED = 1;

/** `head build`: a model's on-chain head, from ONNX to the bytes of its data contracts. */
export function registerHead(program: Command): void {
  const head = program.command("head").description("the part of a model that the chain itself recomputes");
  const build = head
    .command("build")
    .description("ONNX to int8 to data contracts, with the accuracy lost")
    .requiredOption("--model <dir>", "a package: manifest.json and its ONNX file of dense layers with ReLU")
    .requiredOption("--out <path>", "writes PATH.hex (deploy's registry.headFile), PATH.vectors.json and PATH.json")
    .option("--rows <csv>", "recorded inputs (npm run train -- --head leaves them); without, random walks")
    .option("--floor-per-spread <ticks>", "the strategy's widthFloorPerSpreadTicks", "12665")
    .option("--json", "answer in JSON")
    .action((options: HeadOptions) => guarded(options, async () => run(options)));
  examples(build, "rangekeeper head build --model ml/models/spread-head --out heads/spread");
}

function run(options: HeadOptions): void {
  const { manifest, bytes } = readPackage(options.model);
  const mlp = readFloatMlp(bytes);
  const { calibration, heldOut, from } = readRows(options.rows);
  const widthFloorPerSpreadTicks = parsePositive("--floor-per-spread", options.floorPerSpread);
  const built = buildHead({ mlp, calibration, heldOut, widthFloorPerSpreadTicks });
  const hex = toHex(built.blob);
  const report = {
    id: manifest.id,
    onnxSha256: manifest.sha256,
    windowSeconds: manifest.inputs.windowSeconds,
    blobKeccak256: keccak256(built.blob),
    bytes: built.blob.length,
    contracts: built.contracts,
    largestSum: built.quantization.largestSum,
    rows: from,
    widthFloorPerSpreadTicks,
    loss: built.loss,
  };
  mkdirSync(dirname(options.out), { recursive: true });
  writeFileSync(`${options.out}.hex`, `${hex}\n`);
  const vectors = headVectors(built.quantization.quantized, RANDOM_VECTORS, SEED);
  writeFileSync(
    `${options.out}.vectors.json`,
    `${JSON.stringify({ blobKeccak256: report.blobKeccak256, ...vectors })}\n`,
  );
  writeFileSync(`${options.out}.json`, `${JSON.stringify(report, null, 2)}\n`);
  answer(options, report, () => describe(options.out, from, built));
}

function describe(out: string, from: string, { quantization, blob, contracts, loss }: BuildHeadReturnType): string {
  const percent = (value: number): string => `${(100 * value).toFixed(4)} %`;
  return [
    describeQuantization(quantization),
    `of the spread, on ${loss.rows} ${from} (mean ${percent(loss.meanSpread)}): median ${percent(loss.p50)}, 95 % ${percent(loss.p95)}, 99 % ${percent(loss.p99)}, worst ${percent(loss.worst)}`,
    `of the width floor: 99 % ${loss.p99FloorTicks.toFixed(1)} ticks, worst ${loss.worstFloorTicks.toFixed(1)}; narrower by more than a tick on ${percent(loss.narrower)} of them`,
    `${blob.length} bytes in ${contracts} data contract${contracts === 1 ? "" : "s"}: ${out}.hex; what it must answer: ${out}.vectors.json`,
  ].join("\n");
}

function readPackage(folder: string) {
  const path = join(folder, "manifest.json");
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new ConfigError(`--model: ${path} cannot be read as JSON: ${(cause as Error).message}`, { cause });
  }
  const parsed = manifestSchema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new ConfigError(`--model: ${path}: ${issue?.path.join(".") || "manifest"} ${issue?.message}`);
  }
  const file = join(folder, parsed.data.file);
  const bytes = readFileSync(file);
  const found = `0x${createHash("sha256").update(bytes).digest("hex")}`;
  if (found !== parsed.data.sha256) {
    throw new ConfigError(`--model: ${file} has sha256 ${found}, but its manifest says ${parsed.data.sha256}`);
  }
  return { manifest: parsed.data, bytes };
}

interface Rows {
  readonly calibration: readonly (readonly number[])[];
  readonly heldOut: readonly (readonly number[])[];
  readonly from: string;
}

/**
 * The earlier half calibrates, the later half measures; both thinned evenly. Random walks calibrate in any case, so that
 * no layer is cut off in markets wilder than the recorded ones.
 */
function readRows(path: string | undefined): Rows {
  const walks = syntheticRows({ count: CALIBRATION_ROWS, seed: SEED });
  if (path === undefined) {
    return {
      calibration: walks,
      heldOut: syntheticRows({ count: CALIBRATION_ROWS, seed: SEED + 1 }),
      from: "random walks",
    };
  }
  const columns = Array.from({ length: HEAD_INPUTS }, (_, i) => `x${i}`);
  const { rows } = parseCsv(readFileSync(path, "utf8"), path, ["at", ...columns]);
  const read = rows.map((row) => ({ at: row.integer("at"), inputs: columns.map((column) => row.integer(column)) }));
  read.sort((a, b) => a.at - b.at);
  const middle = read.length >> 1;
  const thin = (part: typeof read): number[][] => {
    const stride = Math.max(1, Math.floor(part.length / CALIBRATION_ROWS));
    return part.filter((_, i) => i % stride === 0).map(({ inputs }) => inputs);
  };
  return {
    calibration: [...walks, ...thin(read.slice(0, middle))],
    heldOut: thin(read.slice(middle)),
    from: "recorded days",
  };
}
