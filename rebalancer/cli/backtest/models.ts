import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import type { ReportModel } from "../../../ml/backtest/report.ts";
import { MODEL_SETS } from "../../../ml/models/index.ts";

const FOLDER = fileURLToPath(new URL("../../../ml/models", import.meta.url));

/** What a report says of a package; the runtime checks the rest when it loads it. */
const manifestSchema = z.looseObject({
  id: z.string(),
  version: z.string(),
  task: z.string(),
  sha256: z.string(),
  trainedOn: z.looseObject({ from: z.number(), to: z.number() }),
});

const day = (seconds: number): string => new Date(seconds * 1000).toISOString().slice(0, 10);

/** The trained models of these sets, and whether the run overlaps what each was trained on. Rules are not trained. */
export function reportModels(
  sets: readonly string[],
  { fromSeconds, toSeconds }: { readonly fromSeconds: number; readonly toSeconds: number },
): ReportModel[] {
  const models = sets.flatMap((set) => Object.values(MODEL_SETS[set] ?? {}));
  return models.flatMap(({ folder }) => {
    if (folder === null) return [];
    const text = readFileSync(join(FOLDER, folder, "manifest.json"), "utf8");
    const { id, version, task, sha256, trainedOn } = manifestSchema.parse(JSON.parse(text));
    const inSample = trainedOn.from < toSeconds && fromSeconds < trainedOn.to;
    return [{ id, version, task, sha256, trainedOn: `${day(trainedOn.from)} to ${day(trainedOn.to)}`, inSample }];
  });
}
