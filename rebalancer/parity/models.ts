import { InvalidInputError } from "../../ml/errors.ts";
import type { ModelIdentity, ModelSet } from "../../ml/types.ts";
import { ConfigError } from "../errors.ts";

/** What an alias that means nothing any more was completed by. */
const FILLING = "rules";

const isSame = (one: ModelIdentity, other: ModelIdentity): boolean =>
  one.id === other.id && one.version === other.version && one.sha256 === other.sha256;

/**
 * The set as it was when it decided: an alias may mean others by now, but a registered version never changes. What cannot
 * be found any more is as the set has it today, and makes the decisions differ.
 */
export async function modelsThen(
  set: string,
  made: readonly ModelIdentity[],
  load: (set: string) => Promise<ModelSet>,
): Promise<ModelSet> {
  const found = async (reference: string): Promise<ModelSet | null> => {
    try {
      return await load(reference);
    } catch (error) {
      if (error instanceof InvalidInputError || error instanceof ConfigError) return null;
      throw error;
    }
  };
  let models = (await found(set)) ?? (made.length > 0 ? await load(FILLING) : await load(set));
  for (const then of made) {
    const { task } = then;
    if (isSame(models[task], then)) continue;
    const registered = (await found(`${then.id}@${then.version}`))?.[task];
    if (registered !== undefined && isSame(registered, then)) models = { ...models, [task]: registered };
  }
  return models;
}
