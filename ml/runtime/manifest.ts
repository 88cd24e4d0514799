import { createHash } from "node:crypto";
import { z } from "zod";
import { FEATURE_NAMES, FEATURE_SCHEMA, featureVersion } from "../features/index.ts";
import type { Features, Hex } from "../types.ts";
import { ModelFeatureError, ModelOverlapError, ModelPackageError } from "./errors.ts";

/**
 * What a model package says about itself. The graph takes `features` and `mask` as float32 [N, fields] (a missing value is
 * 0 with mask 1) and, for ranges, `range` as float32 [N, 3] = (lower offset, upper offset, ln(horizon / 1 day)); it answers
 * `quantiles` as float32 [N, Q]. All normalisation is inside the graph.
 */
const hex32 = z
  .string()
  .regex(/^(0x)?[0-9a-fA-F]{64}$/, "must be 32 bytes as hex")
  .transform((value) => `0x${value.replace(/^0x/, "").toLowerCase()}` as Hex);

const tensor = z.looseObject({
  name: z.string().min(1),
  dtype: z.literal("float32"),
  /** A string is a free dimension. */
  shape: z.array(z.union([z.int().positive(), z.string()])).min(1),
});

const common = {
  id: z.string().regex(/^[a-z0-9-]+$/, "must be lower-case letters, digits and hyphens"),
  version: z.string().regex(/^\d+\.\d+\.\d+$/, "must be a version like 1.0.0"),
  task: z.enum(["volatility", "il", "yield"]),
  file: z.string().regex(/^[\w.-]+$/, "must be a file name without folders"),
  sha256: hex32,
  featureSchema: z.looseObject({
    id: z.string(),
    hash: hex32,
    fields: z.array(z.string()).min(1),
  }),
  inputs: z.array(tensor).min(2),
  outputs: z.array(tensor.extend({ unit: z.string() })).min(1),
  /** What the model was trained to look ahead; range models take any horizon between the least and the greatest. */
  horizonSeconds: z.union([
    z
      .int()
      .positive()
      .transform((value) => [value]),
    z.array(z.int().positive()).min(1),
  ]),
  metrics: z.record(z.string(), z.unknown()),
  /** Per field that the model reads: what the middle 98 % of its training rows held. */
  domain: z.record(z.string(), z.object({ p1: z.number(), p99: z.number() })),
  /** How far an answer may be from sample.json. */
  samples: z.looseObject({ relative: z.number().nonnegative(), absolute: z.number().positive() }),
};

const source = z.looseObject({ file: z.string(), sha256: hex32, licence: z.string() });
const unixSeconds = z.int().nonnegative();

const DEFAULT_LATENCY_MS = 50;

/** The packages of the first release. */
const firstSchema = z
  .looseObject({
    schemaVersion: z.literal(1),
    ...common,
    trainedOn: z.looseObject({ sources: z.array(source).min(1) }),
  })
  .transform((manifest) => ({
    ...manifest,
    format: "onnx" as const,
    testedOn: null,
    runtime: { maxLatencyMs: DEFAULT_LATENCY_MS },
  }));

const secondSchema = z.looseObject({
  schemaVersion: z.literal(2),
  ...common,
  /** An ONNX graph, or one TypeScript file that exports `forecast`. */
  format: z.enum(["onnx", "typescript"]),
  /** Null: a rule, fitted to nothing. Times are unix seconds; `to` is the end of the last label. */
  trainedOn: z
    .looseObject({
      sources: z.array(source).min(1),
      from: unixSeconds,
      to: unixSeconds,
      dataHash: z.string(),
      split: z.string(),
      purgeSeconds: z.int().nonnegative(),
      embargoSeconds: z.int().nonnegative(),
    })
    .nullable(),
  /** The span of the scores: held out, or by walk-forward, each window fitted on its own past. */
  testedOn: z.looseObject({ from: unixSeconds, to: unixSeconds, by: z.enum(["held-out", "walk-forward"]) }).nullable(),
  runtime: z.looseObject({ maxLatencyMs: z.number().positive() }),
  onOutOfDomain: z.literal("hold"),
});

const manifestSchema = z.discriminatedUnion("schemaVersion", [firstSchema, secondSchema]);

export type Manifest = z.infer<typeof manifestSchema>;

/** Identifies names and order of a feature schema: sha256 of the JSON list [schema, ...names]. */
export const featureSchemaHash = (schema: string, names: readonly string[]): Hex =>
  `0x${createHash("sha256")
    .update(JSON.stringify([schema, ...names]))
    .digest("hex")}`;

/** Parses manifest.json; refuses a package that was trained on features other than those computed here. */
export function parseManifest(text: string, file: string): Manifest {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new ModelPackageError(`${file} is not JSON: ${(cause as Error).message}`, { cause, details: { file } });
  }
  const parsed = manifestSchema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new ModelPackageError(`${file}: ${issue?.path.join(".") || "manifest"} ${issue?.message}`, {
      details: { file, issues: parsed.error.issues },
    });
  }
  const manifest = checkFeatureSchema(parsed.data, file);
  checkSpans(manifest, file);
  return manifest;
}

/** Name and version of a field; a bare name is the first version of its feature. */
function splitField(field: string): { name: string; version: number } {
  const [name = "", version = "1"] = field.split("@");
  return { name, version: Number(version) };
}

/** The manifest with the bare names of its features, each of which is computed here in the version that it wants. */
function checkFeatureSchema(manifest: Manifest, file: string): Manifest {
  const { featureSchema, domain } = manifest;
  const fail = (field: string, value: unknown, rule: string): never => {
    throw new ModelFeatureError(`${file}: ${field} is ${JSON.stringify(value)}, but ${rule}`, {
      details: { file, field },
    });
  };
  if (!isKnownSchema(featureSchema.id))
    fail("featureSchema.id", featureSchema.id, `features here are ${FEATURE_SCHEMA}`);
  const fields = featureSchema.fields.map(splitField);
  for (const { name, version } of [...fields, ...Object.keys(domain).map(splitField)]) {
    if (!FEATURE_NAMES.includes(name)) fail("featureSchema.fields", name, `${FEATURE_SCHEMA} has no such feature`);
    const here = featureVersion(name);
    if (version !== here)
      fail("featureSchema.fields", `${name}@${version}`, `${name}@${here} is what is computed here`);
  }
  const expected = featureSchemaHash(featureSchema.id, featureSchema.fields);
  if (featureSchema.hash !== expected) fail("featureSchema.hash", featureSchema.hash, `its fields hash to ${expected}`);
  return { ...manifest, featureSchema: { ...featureSchema, fields: fields.map(({ name }) => name) } };
}

/** Of this feature set, or of an earlier one, whose features are all still there. */
function isKnownSchema(id: string): boolean {
  const [name, version] = id.split("@");
  const [ours, newest] = FEATURE_SCHEMA.split("@");
  return (
    name === ours && Number.isInteger(Number(version)) && Number(version) >= 1 && Number(version) <= Number(newest)
  );
}

/** A score counts as out of sample only where training had ended. */
function checkSpans({ trainedOn, testedOn }: Manifest, file: string): void {
  if (testedOn === null || testedOn.by !== "held-out" || trainedOn === null) return;
  const until = Number(trainedOn.to) + Number(trainedOn.purgeSeconds);
  if (until <= testedOn.from) return;
  throw new ModelOverlapError(
    `${file}: testedOn.from is ${testedOn.from}, but must not be before training ended with its purge, ${until}`,
    { details: { file, trainedUntil: until, testedFrom: testedOn.from } },
  );
}

/** From when to when a model was trained; null where it was fitted to nothing. */
function trainedBetween({ trainedOn }: Pick<Manifest, "trainedOn">): { from: number; to: number } | null {
  if (trainedOn === null) return null;
  // Packages of the first schema need not say when: such a one may have seen anything.
  const { from = 0, to = Number.POSITIVE_INFINITY } = trainedOn as { readonly from?: number; readonly to?: number };
  return { from, to };
}

/** What a model was trained on, in days. */
export function trainingSpan(manifest: Pick<Manifest, "trainedOn">): string {
  const span = trainedBetween(manifest);
  if (span === null) return "nothing";
  const day = (seconds: number) => new Date(seconds * 1000).toISOString().slice(0, 10);
  return Number.isFinite(span.to) ? `${day(span.from)} to ${day(span.to)}` : "it does not say what";
}

/** Whether a span reaches into what a model was trained on: what it scores there is in-sample. */
export function overlapsTraining(
  manifest: Pick<Manifest, "trainedOn">,
  { fromSeconds, toSeconds }: { readonly fromSeconds: number; readonly toSeconds: number },
): boolean {
  const span = trainedBetween(manifest);
  return span !== null && span.from < toSeconds && fromSeconds < span.to;
}

type Domain = Pick<Manifest, "domain">;

/** How far a value may lie outside of p1..p99, in spans of p1..p99, and still be handed to the graph as it is. */
const KNOWN_SPANS = 0.5;
/** How far it may lie outside before the market itself, or the unit of the feature, must be doubted. */
const DOUBT_SPANS = 2;

/** Variances: too high a one cannot be drawn back into the domain without playing down a risk. */
const isRisk = (name: string): boolean => /^log_(gk|rv|parkinson|down)_/.test(name);

/**
 * The features with each one drawn to the edge of what the model knows, so that a net never extrapolates far. For a
 * market calmer than any in training this errs on the side of caution.
 */
export function clampToDomain(features: Features, { domain }: Domain): Features {
  const values = features.values.slice();
  for (const { index, least, most } of edgesOf(domain)) {
    // NaN passes through both: missing stays missing.
    values[index] = Math.min(Math.max(values[index] ?? Number.NaN, least), most);
  }
  return { ...features, values };
}

interface Edge {
  readonly index: number;
  readonly least: number;
  readonly most: number;
}

const knownEdges = new WeakMap<Manifest["domain"], readonly Edge[]>();

/** Worked out once for each package. */
function edgesOf(domain: Manifest["domain"]): readonly Edge[] {
  const known = knownEdges.get(domain);
  if (known !== undefined) return known;
  const edges = Object.entries(domain).map(([name, { p1, p99 }]) => {
    const slack = KNOWN_SPANS * (p99 - p1);
    return { index: FEATURE_NAMES.indexOf(name), least: p1 - slack, most: p99 + slack };
  });
  knownEdges.set(domain, edges);
  return edges;
}

/**
 * Names of the features for which clamping is no answer: variances above what the model knows, and anything so far out
 * that the market is of another kind. A missing feature is not outside.
 */
export function outOfDomain(features: Features, { domain }: Domain): string[] {
  return Object.entries(domain).flatMap(([name, { p1, p99 }]) => {
    const value = features.values[FEATURE_NAMES.indexOf(name)] ?? Number.NaN;
    const span = p99 - p1;
    const above = (isRisk(name) ? KNOWN_SPANS : DOUBT_SPANS) * span;
    return value < p1 - DOUBT_SPANS * span || value > p99 + above ? [name] : [];
  });
}
