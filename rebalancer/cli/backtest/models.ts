import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import type { ReportModel } from "../../../ml/backtest/report.ts";
import { MODEL_SETS, resolveModelSet } from "../../../ml/models/index.ts";
import { ModelOverlapError } from "../../../ml/runtime/errors.ts";

const FOLDER = fileURLToPath(new URL("../../../ml/models", import.meta.url));

/** What a report says of a package; the runtime checks the rest when it loads it. */
const manifestSchema = z.looseObject({
  id: z.string(),
  version: z.string(),
  task: z.string(),
  sha256: z.string(),
  trainedOn: z.looseObject({ from: z.number(), to: z.number() }).nullable(),
});

const day = (seconds: number): string => new Date(seconds * 1000).toISOString().slice(0, 10);

/** The trained models of these sets, and whether the run overlaps what each was trained on. Rules are not trained. */
export function reportModels(
  sets: readonly string[],
  { fromSeconds, toSeconds }: { readonly fromSeconds: number; readonly toSeconds: number },
): ReportModel[] {
  const models = sets.flatMap((set) => Object.values(resolveModelSet(set)));
  return models.flatMap(({ folder }) => {
    if (folder === null) return [];
    const text = readFileSync(join(resolve(FOLDER, folder), "manifest.json"), "utf8");
    const { id, version, task, sha256, trainedOn } = manifestSchema.parse(JSON.parse(text));
    // A rule in a package was fitted to nothing.
    if (trainedOn === null) return [{ id, version, task, sha256, trainedOn: "nothing", inSample: false }];
    const inSample = trainedOn.from < toSeconds && fromSeconds < trainedOn.to;
    return [{ id, version, task, sha256, trainedOn: `${day(trainedOn.from)} to ${day(trainedOn.to)}`, inSample }];
  });
}

/** Refuses packages from outside of this release whose training reaches into the run; the shipped ones are warned of. */
export function refuseOverlap(
  sets: readonly string[],
  span: { readonly fromSeconds: number; readonly toSeconds: number },
): void {
  const given = sets.filter((set) => !Object.hasOwn(MODEL_SETS, set));
  const shipped = new Set(reportModels(Object.keys(MODEL_SETS), span).map(({ sha256 }) => sha256));
  const found = reportModels(given, span).find(({ inSample, sha256 }) => inSample && !shipped.has(sha256));
  if (found === undefined) return;
  throw new ModelOverlapError(
    `model ${found.id}@${found.version} was trained on ${found.trainedOn}, but the backtest runs from ` +
      `${day(span.fromSeconds)} to ${day(span.toSeconds)}; choose another --range, or say --allow-overlap`,
    { details: { ...found } },
  );
}
