import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { keccak256, toBytes } from "viem";
import { loadModelSet, MODELS } from "../../../ml/models/index.ts";
import type { Hex } from "../../../ml/types.ts";
import type { ModelSection } from "./report/report.ts";

const PACKAGES = fileURLToPath(new URL("../../../ml/models/", import.meta.url));

export interface DescribedModels {
  readonly sections: readonly ModelSection[];
  /** What the registry on chain keeps of each package with weights. */
  readonly packages: readonly { readonly id: string; readonly sha256: Hex; readonly manifestHash: Hex }[];
}

/** Loads a set (so that a damaged package stops the run before it starts) and says on what it was fitted. */
export async function describeModels(set: string, span: { from: number; to: number }): Promise<DescribedModels> {
  const models = await loadModelSet(set);
  const sections: ModelSection[] = [];
  const packages: DescribedModels["packages"][number][] = [];
  for (const model of [models.volatility, models.il, models.yield]) {
    const folder = MODELS.find(({ id }) => id === model.id)?.folder ?? null;
    const text = folder === null ? null : readFileSync(join(PACKAGES, folder, "manifest.json"), "utf8");
    const trained =
      text === null ? null : (JSON.parse(text).trainedOn as { from: number; to: number; series: string[] });
    sections.push({
      id: model.id,
      version: model.version,
      task: model.task,
      sha256: model.sha256,
      inSample: trained !== null && trained.from <= span.to && span.from <= trained.to,
      trainedOn:
        trained === null
          ? "nothing: a rule without weights"
          : `${trained.series.length} series, ${day(trained.from)} to ${day(trained.to)}`,
    });
    if (text !== null) packages.push({ id: model.id, sha256: model.sha256, manifestHash: keccak256(toBytes(text)) });
  }
  return { sections, packages };
}

const day = (seconds: number) => new Date(seconds * 1000).toISOString().slice(0, 10);
