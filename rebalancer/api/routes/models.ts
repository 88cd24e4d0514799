import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "@hono/zod-openapi";
import { MODEL_SETS, MODELS, pinModelSet, resolveModelSet } from "../../../ml/models/index.ts";
import { parseManifest } from "../../../ml/runtime/manifest.ts";
import type { ModelIdentity } from "../../../ml/types.ts";
import { lookupOf } from "../../config/modelsSection.ts";
import type { ApiContext } from "../context.ts";
import { defineEndpoint } from "../endpoint.ts";
import { digest, seconds } from "../schemas.ts";

/** How many of the newest outcomes the error is a mean over. */
const OUTCOMES = 500;
/** How many of a journal's newest rows are looked through for a set's: one that is not there must not cost a journal. */
const LOOKED_THROUGH = 5_000;
const PACKAGES = join(import.meta.dirname, "../../../ml/models");

const modelSchema = z
  .object({
    id: z.string(),
    task: z.enum(["volatility", "il", "yield"]),
    version: z.string(),
    sha256: digest,
    weights: z.boolean().openapi({ description: "false: plain code without weights" }),
  })
  .openapi("Model");

const setSchema = z
  .object({
    set: z.string(),
    role: z.enum(["champion", "challenger", "none"]),
    models: z.array(z.string()),
    lastDecisionAtSeconds: seconds
      .nullable()
      .openapi({ description: `Unix seconds; null when none of a journal's newest ${LOOKED_THROUGH} is of the set` }),
    settled: z.int().openapi({ description: `outcomes that the error is a mean over, at most ${OUTCOMES}` }),
    netErrorBps: z
      .number()
      .nullable()
      .openapi({ description: "mean of realised less predicted net of the chosen ranges; the drift of the set" }),
  })
  .openapi("ModelSet");

export const listModels = defineEndpoint({
  method: "get",
  path: "/v1/models",
  tag: "models",
  summary: "Every registered model and set, who decides and who only watches, and how far their forecasts were off",
  answer: z.object({
    models: z.array(modelSchema),
    sets: z.array(setSchema),
    packages: z.array(z.object({ id: z.string(), sha256: digest, manifestHash: digest.nullable() })),
  }),
  version: ({ journals }) => journals.version(),
  async serve(context) {
    const { config } = context;
    return {
      models: await identities(),
      sets: setsOf(config).map((set) => ({
        set,
        role: roleOf(context, set),
        models: modelsOf(config, set),
        ...record(context, set),
      })),
      packages: config.models.packages.map(({ id, sha256, manifestHash }) => ({
        id,
        sha256,
        manifestHash: manifestHash ?? null,
      })),
    };
  },
});

/** The sets of this release, and what the configuration names besides. */
const setsOf = ({ models }: ApiContext["config"]): string[] => [
  ...new Set([...Object.keys(MODEL_SETS), models.set, ...models.challengers]),
];

/** Ids of a set's models; none where a reference can no longer be found. */
function modelsOf({ models }: ApiContext["config"], set: string): string[] {
  try {
    const { volatility, il, yield: fees } = resolveModelSet(set, lookupOf(models));
    return [volatility.id, il.id, fees.id];
  } catch {
    return [];
  }
}

/** What decisions by a set are journaled as: with the versions that its names mean now. */
function journaledAs({ models }: ApiContext["config"], set: string): string {
  try {
    return pinModelSet(set, lookupOf(models));
  } catch {
    return set;
  }
}

function roleOf({ config }: Pick<ApiContext, "config">, set: string): "champion" | "challenger" | "none" {
  if (set === config.models.set) return "champion";
  return config.models.challengers.some((challenger) => challenger === set) ? "challenger" : "none";
}

type Registered = ModelIdentity & { readonly weights: boolean };
let registered: Promise<Registered[]> | null = null;

/** Reads manifests, not weights: what is served here loads no model. Files of a release do not change. */
function identities(): Promise<Registered[]> {
  registered ??= Promise.all(
    MODELS.map(async (definition) => {
      const { id, task, folder } = definition;
      if (folder !== null) {
        const file = join(PACKAGES, folder, "manifest.json");
        if (!existsSync(file))
          return { id, task, version: "missing", sha256: `0x${"0".repeat(64)}` as const, weights: true };
        const { version, sha256 } = parseManifest(readFileSync(file, "utf8"), file);
        return { id, task, version, sha256, weights: true };
      }
      const { version, sha256 } = await definition.load({});
      return { id, task, version, sha256, weights: false };
    }),
  );
  return registered;
}

/** What the journals say of a set's decisions. */
function record({ journals, config }: Pick<ApiContext, "journals" | "config">, asked: string) {
  const readers = journals.readers();
  const isChampion = asked === config.models.set;
  const set = journaledAs(config, asked);
  const times = readers.flatMap(({ all }) =>
    isChampion
      ? all(
          `SELECT at_seconds FROM (SELECT model_set, at_seconds FROM decisions ORDER BY at_seconds DESC LIMIT ?)
           WHERE model_set = ? LIMIT 1`,
          LOOKED_THROUGH,
          set,
        )
      : all(
          `SELECT at_seconds FROM
             (SELECT model_set, decision_id FROM challengers ORDER BY rowid DESC LIMIT ?) AS newest
           CROSS JOIN decisions ON decisions.id = decision_id WHERE newest.model_set = ? LIMIT 1`,
          LOOKED_THROUGH,
          set,
        ),
  );
  const errors = readers
    .flatMap(({ all }) =>
      isChampion
        ? all(
            `SELECT settled_at_seconds, outcome FROM
               (SELECT decision_id, settled_at_seconds, outcome FROM outcomes ORDER BY rowid DESC LIMIT ?)
             CROSS JOIN decisions ON decisions.id = decision_id WHERE model_set = ? LIMIT ?`,
            LOOKED_THROUGH,
            set,
            OUTCOMES,
          )
        : all(
            `SELECT settled_at_seconds, outcome FROM
               (SELECT model_set, settled_at_seconds, outcome FROM challenger_outcomes ORDER BY rowid DESC LIMIT ?)
             WHERE model_set = ? LIMIT ?`,
            LOOKED_THROUGH,
            set,
            OUTCOMES,
          ),
    )
    .sort((a, b) => Number(b.settled_at_seconds) - Number(a.settled_at_seconds))
    .slice(0, OUTCOMES)
    .flatMap(({ outcome }) => netError(String(outcome)));
  return {
    lastDecisionAtSeconds: times.length === 0 ? null : Math.max(...times.map((row) => Number(row.at_seconds))),
    settled: errors.length,
    netErrorBps: errors.length === 0 ? null : errors.reduce((sum, error) => sum + error, 0) / errors.length,
  };
}

/** Realised less predicted fees − LVR; holds that chose nothing say nothing of the forecasts. */
function netError(text: string): number[] {
  const { netBps, predicted } = JSON.parse(text) as {
    netBps?: number;
    predicted?: { feesBps: number; lvrBps: number } | null;
  };
  if (typeof netBps !== "number" || !predicted || predicted.feesBps === 0) return [];
  return [netBps - (predicted.feesBps - predicted.lvrBps)];
}
