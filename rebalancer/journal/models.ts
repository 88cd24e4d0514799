import type { ModelIdentity } from "../../ml/types.ts";
import { decodeJson, encodeJson } from "../json.ts";
import type { Database } from "./database.ts";

/** Who has decided from a block on. */
export interface ModelsRecord {
  /** As the configuration names them: a set, an alias. */
  readonly asked: string;
  /** What that meant, with versions. */
  readonly modelSet: string;
  readonly models: readonly ModelIdentity[];
  /** The newest block when they began; null at the start of a worker. */
  readonly block: number | null;
  readonly atSeconds: number;
}

export const MODELS_SCHEMA = `
CREATE TABLE IF NOT EXISTS models_in_use (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT, asked TEXT NOT NULL, model_set TEXT NOT NULL, models TEXT NOT NULL,
  block INTEGER, at_seconds INTEGER NOT NULL
) STRICT;
`;

/** Which models decide, and which did before. */
export interface ModelsStore {
  /** Nothing new when the same ones decide already. */
  recordModels(record: ModelsRecord): void;
  /** Oldest first; the last ones decide now. */
  modelsInUse(): readonly ModelsRecord[];
}

/** The models of an open journal. */
export function modelsStore({ run, all, one, transaction }: Database): ModelsStore {
  return {
    recordModels({ asked, modelSet, models, block, atSeconds }) {
      const text = encodeJson(models);
      transaction(() => {
        const last = one("SELECT asked, model_set, models FROM models_in_use ORDER BY sequence DESC LIMIT 1");
        if (last?.asked === asked && last.model_set === modelSet && last.models === text) return;
        run(
          "INSERT INTO models_in_use (asked, model_set, models, block, at_seconds) VALUES (?, ?, ?, ?, ?)",
          ...[asked, modelSet, text, block, atSeconds],
        );
      });
    },
    modelsInUse: () =>
      all("SELECT * FROM models_in_use ORDER BY sequence").map((row) => ({
        asked: String(row.asked),
        modelSet: String(row.model_set),
        models: decodeJson<readonly ModelIdentity[]>(String(row.models)),
        block: row.block === null ? null : Number(row.block),
        atSeconds: Number(row.at_seconds),
      })),
  };
}
