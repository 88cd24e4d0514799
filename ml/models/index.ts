import { join } from "node:path";
import { InvalidInputError } from "../errors.ts";
import type { Model, ModelSet, ModelTask } from "../types.ts";
import { openRangeRiskModel, openVolatilityModel, openYieldModel } from "./onnx.ts";
import { loadRulesRangeRisk } from "./rules/il.ts";
import { loadRulesVolatility } from "./rules/volatility.ts";
import { loadRulesYield } from "./rules/yield.ts";

export interface LoadOptions {
  /** Folder that holds the package folders; by default the one of this file. */
  readonly packages?: string;
}

/** A registered model: how to load it, and its package folder where it has weights. */
export interface ModelDefinition<T extends ModelTask> {
  readonly id: string;
  readonly task: T;
  readonly folder: string | null;
  load(options: LoadOptions): Promise<Extract<Model, { task: T }>>;
}

/** Declares a model. Being registered is being tested: the conformance suite runs over every one. */
export const defineModel = <T extends ModelTask>(definition: ModelDefinition<T>): ModelDefinition<T> => definition;

const packageFolder = ({ packages }: LoadOptions, folder: string): string =>
  join(packages ?? import.meta.dirname, folder);

/** A model that lives in a package folder of its own name. */
const onnx = <T extends ModelTask>(
  id: string,
  task: T,
  open: (folder: string) => Promise<Extract<Model, { task: T }>>,
): ModelDefinition<T> => defineModel({ id, task, folder: id, load: (options) => open(packageFolder(options, id)) });

const volatilityMlp = onnx("volatility-mlp", "volatility", openVolatilityModel);
const ilMlp = onnx("il-mlp", "il", openRangeRiskModel);
const yieldMlp = onnx("yield-mlp", "yield", openYieldModel);
const rulesVolatility = defineModel({
  id: "rules-volatility",
  task: "volatility",
  folder: null,
  load: loadRulesVolatility,
});
const rulesIl = defineModel({ id: "rules-il", task: "il", folder: null, load: loadRulesRangeRisk });
const rulesYield = defineModel({ id: "rules-yield", task: "yield", folder: null, load: loadRulesYield });

/** A definition of any task. */
export type AnyModelDefinition = { [T in ModelTask]: ModelDefinition<T> }[ModelTask];

/** THE REGISTRY: every model there is, one line each. */
export const MODELS: readonly AnyModelDefinition[] = [
  volatilityMlp,
  ilMlp,
  yieldMlp,
  rulesVolatility,
  rulesIl,
  rulesYield,
];

interface ModelSetDefinition {
  readonly volatility: ModelDefinition<"volatility">;
  readonly il: ModelDefinition<"il">;
  readonly yield: ModelDefinition<"yield">;
}

/** What a decision can be made with: one model per task. */
export const MODEL_SETS: Readonly<Record<string, ModelSetDefinition>> = {
  rangekeeper: { volatility: volatilityMlp, il: ilMlp, yield: yieldMlp },
  rules: { volatility: rulesVolatility, il: rulesIl, yield: rulesYield },
};

/** Loads a registered set; every weight file is checked against its manifest. */
export async function loadModelSet(id: string, options: LoadOptions = {}): Promise<ModelSet> {
  const set = Object.hasOwn(MODEL_SETS, id) ? MODEL_SETS[id] : undefined;
  if (set === undefined) {
    const known = Object.keys(MODEL_SETS).join(", ");
    throw new InvalidInputError(`model set ${JSON.stringify(id)} must be one of ${known}`, { details: { id } });
  }
  const [volatility, il, fees] = await Promise.all([
    set.volatility.load(options),
    set.il.load(options),
    set.yield.load(options),
  ]);
  return { id, volatility, il, yield: fees };
}
