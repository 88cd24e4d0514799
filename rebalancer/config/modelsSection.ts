import { z } from "zod";
import type { LoadOptions } from "../../ml/models/index.ts";
import { REGISTRY_FOLDER } from "../../ml/registry/files.ts";
import { GATE_RULES } from "../../ml/registry/gate.ts";
import type { Hex } from "../../ml/types.ts";
import { modelPackage } from "./deploySections.ts";
import { text, whole } from "./fields.ts";

const part = z.number().min(0).max(1);

/** `[models]`: who forecasts, where packages are registered, and what a champion must have shown. */
export const modelsSection = z.strictObject({
  set: text
    .describe("Who decides: a set that ships, or packages by folder, alias or NAME[@VERSION], joined with +")
    .default("rangekeeper"),
  challengers: z
    .array(text)
    .describe("Model sets that decide on the same inputs beside it; journaled, never executed")
    .default([]),
  registry: text.describe("Folder of registry.json and of the registered packages").default(REGISTRY_FOLDER),
  signers: z
    .array(
      z
        .string()
        .regex(/^0x[0-9a-f]{64}$/, "an ed25519 public key is 0x and 64 hexadecimal digits, all small")
        .transform((key) => key as Hex),
    )
    .describe("Who may sign packages; where any is named, one from outside that none of them signed is refused")
    .default([]),
  gate: z
    .strictObject({
      shadowDays: z
        .number()
        .nonnegative()
        .max(3_650)
        .describe("Days beside the champion, at least")
        .default(GATE_RULES.shadowDays),
      decisions: whole.describe("Decisions answered beside the champion, at least").default(GATE_RULES.decisions),
      drawdownSlack: part
        .describe("How much deeper than the champion's the worst fall may be, part of the capital")
        .default(GATE_RULES.drawdownSlack),
      outOfDomain: part
        .describe("Greatest part of its decisions that it may have held as out of domain")
        .default(GATE_RULES.outOfDomain),
      parityDifferences: whole
        .describe("Most decisions that may come out otherwise in the backtester")
        .default(GATE_RULES.parityDifferences),
    })
    .describe("What a version must have shown before it is promoted to champion")
    .prefault({}),
  packages: z.array(modelPackage).describe("The packages that the set is made of, for the record on chain").default([]),
});

export type ModelsConfig = z.output<typeof modelsSection>;

/** Where the models that a configuration names are looked up, and by whom they must be signed. */
export const lookupOf = ({ registry, signers }: Pick<ModelsConfig, "registry" | "signers">): LoadOptions => ({
  registry,
  signers,
});
