import { pathToFileURL } from "node:url";
import type { Quantiles, RangeRiskPrediction } from "../types.ts";
import type { Compute } from "./agree.ts";
import { ModelOutputError, ModelPackageError } from "./errors.ts";
import type { Manifest } from "./manifest.ts";

/** What a rule is asked: a day, unless the package takes horizons; a range, where the task has one. */
export interface RuleQuestion {
  readonly horizonSeconds: number;
  /** Log-price distances of the range from spot; both 0 for a volatility rule. */
  readonly lowerOffset: number;
  readonly upperOffset: number;
}

/** The features that the manifest names, by name; NaN = missing. Nothing else reaches a rule. */
export type RuleFeatures = Readonly<Record<string, number>>;

/** What the file of a `typescript` package exports as `forecast`. */
export type Forecast = (features: RuleFeatures, question: RuleQuestion) => Quantiles | RangeRiskPrediction;

const DAY_SECONDS = 86_400;

/** Loads a rule's file, whose sha256 has been checked. It is code: whoever adds a package trusts its author. */
export async function openRule(path: string, manifest: Manifest): Promise<Compute> {
  if (!/\.m[tj]s$/.test(path)) {
    throw new ModelPackageError(`model file ${path} must end in .mts, so that it is a module in any folder`, {
      details: { file: path },
    });
  }
  let forecast: unknown;
  try {
    // The hash makes an edited file another module.
    const url = `${pathToFileURL(path).href}?${manifest.sha256.slice(2, 18)}`;
    forecast = ((await import(/* @vite-ignore */ url)) as { forecast?: unknown }).forecast;
  } catch (cause) {
    throw new ModelPackageError(`model file ${path} cannot be loaded: ${(cause as Error).message}`, {
      cause,
      details: { file: path },
    });
  }
  if (typeof forecast !== "function") {
    throw new ModelPackageError(`model file ${path} must export a function forecast`, { details: { file: path } });
  }
  const { fields } = manifest.featureSchema;
  const [fixed = DAY_SECONDS] = manifest.horizonSeconds;
  return async (inputs, rows) => {
    const answers = Array.from({ length: rows }, (_, row): number[] => {
      const at = (name: string, column: number): number => {
        const matrix = inputs[name];
        return matrix === undefined ? 0 : (matrix.data[(matrix.rows === 1 ? 0 : row) * matrix.columns + column] ?? 0);
      };
      const features = Object.fromEntries(
        fields.map((field, i) => [field, at("mask", i) === 1 ? Number.NaN : at("features", i)]),
      );
      const ln = inputs.range ? at("range", 2) : inputs.horizon ? at("horizon", 0) : null;
      const answer: unknown = (forecast as Forecast)(features, {
        horizonSeconds: ln === null ? fixed : Math.round(DAY_SECONDS * Math.exp(ln)),
        lowerOffset: at("range", 0),
        upperOffset: at("range", 1),
      });
      return flat(answer, manifest);
    });
    const columns = answers[0]?.length ?? 0;
    return { data: Float32Array.from(answers.flat()), dims: [rows, columns] };
  };
}

function flat(answer: unknown, { id, task }: Manifest): number[] {
  const quantiles = (of: unknown): number[] => {
    const { mean, q10, q50, q90 } = (of ?? {}) as Partial<Quantiles>;
    return [mean, q10, q50, q90].map(Number);
  };
  if (answer === null || typeof answer !== "object") {
    throw new ModelOutputError(`${id}: forecast answered ${String(answer)}, but must answer an object of quantiles`);
  }
  if (task !== "il") return quantiles(answer);
  const { il, lvr, inRange } = answer as Partial<RangeRiskPrediction>;
  return [...quantiles(il), ...quantiles(lvr), Number(inRange)];
}
