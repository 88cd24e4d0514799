import { loadModelSet } from "../../../ml/models/index.ts";
import { lookupOf } from "../../config/modelsSection.ts";
import type { Config } from "../../config.ts";
import { type Check, type Finding, fail, few, look, ok } from "./check.ts";

/** The model files are what their manifests say. */
export async function checkModels({ models }: Config): Promise<Check> {
  return look(
    "models",
    "see models.set, models.registry and models.signers; git checkout puts a file that ships back",
    async () => {
      const names: string[] = [];
      for (const id of new Set([models.set, ...models.challengers])) {
        const set = await loadModelSet(id, lookupOf(models));
        names.push(`${id} (${[set.volatility, set.il, set.yield].map(({ sha256 }) => sha256.slice(0, 10)).join(" ")})`);
      }
      return ok(names.join(", "));
    },
  );
}

/** Every sink has an address in the environment, and it is one. Nothing is sent. */
export function checkWebhooks({ alerts }: Config, env: NodeJS.ProcessEnv): Promise<Check> {
  return look("webhooks", "see alerts.sinks", (): Finding => {
    if (alerts.sinks.length === 0) return ok("no sink is configured: nobody is told of trouble");
    const broken: string[] = [];
    for (const { name, kind } of alerts.sinks) {
      const variable = `RANGEKEEPER_WEBHOOK_${name.toUpperCase().replaceAll("-", "_")}`;
      const value = env[variable];
      if (!value) broken.push(`${variable} is not set`);
      else if (kind !== "telegram" && !/^https?:\/\/[^/\s]+/.test(value)) broken.push(`${variable} is no address`);
    }
    if (broken.length > 0) return fail(few(broken), "export each sink's address; it never goes into the file");
    return ok(few(alerts.sinks.map(({ name, kind }) => `${name} (${kind})`)));
  });
}
