import { join } from "node:path";
import type { Hex, Model, ModelSet, ModelTask } from "../types.ts";
import { openRangeRiskModel, openVolatilityModel, openYieldModel } from "./onnx.ts";
import { type FoundPackage, findParts, packagesByTask, pinned } from "./resolve.ts";
import { loadRulesRangeRisk } from "./rules/il.ts";
import { loadRulesVolatility } from "./rules/volatility.ts";
import { loadRulesYield } from "./rules/yield.ts";

export interface LoadOptions {
  /** Folder that holds the package folders; by default the one of this file. */
  readonly packages?: string;
  /** Folder of the registry that aliases and names are looked up in (default: models, from the working directory). */
  readonly registry?: string;
  /** Public keys, one of which must have signed a package that does not ship (default: nobody is asked for). */
  readonly signers?: readonly Hex[];
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

const volatilityHarNet = onnx("volatility-har-net", "volatility", openVolatilityModel);
const ilQuantiles = onnx("il-quantiles", "il", openRangeRiskModel);
const yieldHar = onnx("yield-har", "yield", openYieldModel);
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
  volatilityHarNet,
  ilQuantiles,
  yieldHar,
  rulesVolatility,
  rulesIl,
  rulesYield,
];

/** One definition for each task. */
export interface ModelSetDefinition {
  readonly volatility: ModelDefinition<"volatility">;
  readonly il: ModelDefinition<"il">;
  readonly yield: ModelDefinition<"yield">;
}

/** What a decision can be made with: one model per task. */
export const MODEL_SETS: Readonly<Record<string, ModelSetDefinition>> = {
  rangekeeper: { volatility: volatilityHarNet, il: ilQuantiles, yield: yieldHar },
  rules: { volatility: rulesVolatility, il: rulesIl, yield: rulesYield },
};

/** The set that fills the tasks for which a reference names no package. */
const FILLING = "rules";

/**
 * The definitions that a reference means: the id of a set, or packages by folder, alias or name, joined with "+". A task
 * that none of them answers is taken from a set among them, else from the rules.
 */
export function resolveModelSet(reference: string, options: LoadOptions = {}): ModelSetDefinition {
  const { packages: _shipped, ...lookup } = options;
  const parts = findParts(reference, { sets: Object.keys(MODEL_SETS), ...lookup });
  const base = parts.findLast((part) => part.kind === "set")?.id ?? FILLING;
  const { volatility, il, yield: fees } = packagesByTask(parts);
  const set = MODEL_SETS[base] as ModelSetDefinition;
  return {
    volatility: volatility ? outside(volatility, "volatility", openVolatilityModel) : set.volatility,
    il: il ? outside(il, "il", openRangeRiskModel) : set.il,
    yield: fees ? outside(fees, "yield", openYieldModel) : set.yield,
  };
}

/** A reference with what its aliases and names mean now written out; see `pinned`. */
export function pinModelSet(reference: string, options: LoadOptions = {}): string {
  const { packages: _shipped, ...lookup } = options;
  return pinned(reference, { sets: Object.keys(MODEL_SETS), ...lookup });
}

/** A package that is not part of this release. */
const outside = <T extends ModelTask>(
  { folder, manifest }: FoundPackage,
  task: T,
  open: (folder: string) => Promise<Extract<Model, { task: T }>>,
): ModelDefinition<T> => defineModel({ id: manifest.id, task, folder, load: () => open(folder) });

/** Loads what a reference means; every weight file is checked against its manifest. The set is called as it was asked for. */
export async function loadModelSet(reference: string, options: LoadOptions = {}): Promise<ModelSet> {
  const set = resolveModelSet(reference, options);
  const [volatility, il, fees] = await Promise.all([
    set.volatility.load(options),
    set.il.load(options),
    set.yield.load(options),
  ]);
  return { id: reference, volatility, il, yield: fees };
}
