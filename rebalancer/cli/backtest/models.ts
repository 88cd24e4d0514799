import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { ReportModel } from "../../../ml/backtest/report.ts";
import { type LoadOptions, MODEL_SETS, resolveModelSet } from "../../../ml/models/index.ts";
import { readPackage } from "../../../ml/models/resolve.ts";
import { ModelOverlapError } from "../../../ml/runtime/errors.ts";
import { overlapsTraining, trainingSpan } from "../../../ml/runtime/manifest.ts";

const FOLDER = fileURLToPath(new URL("../../../ml/models", import.meta.url));

interface Span {
  readonly fromSeconds: number;
  readonly toSeconds: number;
}

const day = (seconds: number): string => new Date(seconds * 1000).toISOString().slice(0, 10);

/** The packages of these sets, and whether the run reaches into what each was trained on. Shipped rules are none. */
export function reportModels(sets: readonly string[], span: Span, lookup: LoadOptions = {}): ReportModel[] {
  const models = sets.flatMap((set) => Object.values(resolveModelSet(set, lookup)));
  return models.flatMap(({ folder }) => {
    if (folder === null) return [];
    const { manifest } = readPackage(resolve(FOLDER, folder));
    const { id, version, task, sha256 } = manifest;
    const trainedOn = trainingSpan(manifest);
    return [{ id, version, task, sha256, trainedOn, inSample: overlapsTraining(manifest, span) }];
  });
}

/** Refuses packages from outside of this release whose training reaches into the run; the shipped ones are warned of. */
export function refuseOverlap(sets: readonly string[], span: Span, lookup: LoadOptions = {}): void {
  const given = sets.filter((set) => !Object.hasOwn(MODEL_SETS, set));
  const shipped = new Set(reportModels(Object.keys(MODEL_SETS), span).map(({ sha256 }) => sha256));
  const found = reportModels(given, span, lookup).find(({ inSample, sha256 }) => inSample && !shipped.has(sha256));
  if (found === undefined) return;
  throw new ModelOverlapError(
    `model ${found.id}@${found.version} was trained on ${found.trainedOn}, but the backtest runs from ` +
      `${day(span.fromSeconds)} to ${day(span.toSeconds)}; choose another --range, or say --allow-overlap`,
    { details: { ...found } },
  );
}
