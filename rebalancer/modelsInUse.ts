import type { Logger } from "pino";
import { loadModelSet, pinModelSet } from "../ml/models/index.ts";
import type { ModelIdentity, ModelSet } from "../ml/types.ts";
import { lookupOf } from "./config/modelsSection.ts";
import type { Config } from "./config.ts";
import { explain } from "./errors.ts";
import type { Journal } from "./journal.ts";
import { registryStamp } from "./registryStamp.ts";

/** The models that decide: those that the configuration's name means now. */
export interface ModelsInUse {
  /** Called with its versions in full, so that a journaled decision says for ever who took it. */
  readonly now: ModelSet;
  /** Between two blocks: takes over what has been promoted or rolled back in the meantime. Never throws. */
  follow(head: { readonly number: number; readonly timestamp: number }): Promise<void>;
}

export interface OpenModelsInUseParameters {
  readonly config: Pick<Config, "models">;
  readonly journal: Pick<Journal, "recordModels">;
  readonly logger: Logger;
  /** In place of what the configuration names; nothing takes their place. */
  readonly given?: ModelSet | undefined;
  readonly nowSeconds: () => number;
}

/** What the configuration's name means now, called with its versions in full. */
export function loadConfigured({ models }: Pick<Config, "models">): Promise<ModelSet> {
  const lookup = lookupOf(models);
  return loadModelSet(pinModelSet(models.set, lookup), lookup);
}

/** Loads them; throws what a name that means nothing or a package that is broken throws. */
export async function openModelsInUse(parameters: OpenModelsInUseParameters): Promise<ModelsInUse> {
  const { config, journal, logger, given, nowSeconds } = parameters;
  const { set: asked, registry } = config.models;
  const lookup = lookupOf(config.models);
  let seen = registryStamp(registry);
  let failed: string | null = null;
  let now = given ?? (await loadConfigured(config));
  journal.recordModels({ asked, modelSet: now.id, models: identities(now), block: null, atSeconds: nowSeconds() });

  return {
    get now() {
      return now;
    },
    async follow({ number, timestamp }) {
      const stamp = registryStamp(registry);
      if (given !== undefined || stamp === seen) return;
      try {
        const wanted = pinModelSet(asked, lookup);
        if (wanted !== now.id) {
          const next = await loadModelSet(wanted, lookup);
          const before = now.id;
          journal.recordModels({
            ...{ asked, modelSet: next.id, models: identities(next) },
            ...{ block: number, atSeconds: timestamp },
          });
          now = next;
          logger.info({ stage: "models", block: number, models: now.id, before }, `${asked} is ${now.id} from now on`);
        }
        seen = stamp;
      } catch (error) {
        // Tried again with the next block, said once.
        if (failed !== stamp)
          logger.warn(
            { stage: "models", block: number },
            `${now.id} goes on: ${asked} cannot be read: ${explain(error)}`,
          );
        failed = stamp;
      }
    },
  };
}

const identities = ({ volatility, il, yield: fees }: ModelSet): readonly ModelIdentity[] =>
  [volatility, il, fees].map(({ task, id, version, sha256 }) => ({ task, id, version, sha256 }));
