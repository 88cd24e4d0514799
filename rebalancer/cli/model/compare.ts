import type { Command } from "commander";
import { type Manifest, overlapsTraining, trainingSpan } from "../../../ml/runtime/manifest.ts";
import { answer, examples, guarded } from "../options.ts";
import { formatTable } from "../table.ts";
import { wrap } from "../wrap.ts";
import { type ModelOptions, modelsConfig, packageNamed, withModelOptions } from "./shared.ts";

/** `model compare`: what two packages measured, side by side. */
export function registerModelCompare(model: Command): void {
  const verb = withModelOptions(
    model
      .command("compare")
      .description("what two packages measured, side by side")
      .argument("<one>", "a folder, NAME[@VERSION], or the id of a model that ships")
      .argument("<other>", "the same"),
  ).action((one: string, other: string, options: ModelOptions) =>
    guarded(options, async () => {
      const { registry } = modelsConfig(options);
      const pair = [one, other].map((name) => packageNamed(name, registry).manifest) as [Manifest, Manifest];
      const rows = comparisonOf(...pair);
      const sameData = hashOf(pair[0]) !== null && hashOf(pair[0]) === hashOf(pair[1]);
      const inSample = inSampleOf(...pair);
      answer(options, { one, other, sameData, inSample, rows }, () =>
        [
          formatTable(
            [
              { title: "figure", max: 40 },
              { title: pair[0].id, align: "right", max: 18 },
              { title: pair[1].id, align: "right", max: 18 },
            ],
            rows.map(({ figure, one: left, other: right }) => [figure, show(left), show(right)]),
          ),
          sameData
            ? "both were fitted on the same dataset"
            : "fitted on different data: figures of different spans are not to be ranked",
          ...inSample.map((line) => wrap(line, 2)),
        ].join("\n"),
      );
    }),
  );
  examples(verb, "rangekeeper model compare ./my-trees volatility-har-net");
}

const hashOf = ({ trainedOn }: Manifest): string | null =>
  typeof trainedOn?.dataHash === "string" ? trainedOn.dataHash : null;

/** For each, whether the span of the other's figures reaches into what it was trained on. */
export function inSampleOf(one: Manifest, other: Manifest): string[] {
  const against = (trained: Manifest, { id, sha256, testedOn }: Manifest): string[] => {
    if (testedOn === null || trained.sha256 === sha256) return [];
    const { from, to } = testedOn;
    if (!overlapsTraining(trained, { fromSeconds: from, toSeconds: to })) return [];
    return [
      `in-sample: ${trained.id} was trained on ${trainingSpan(trained)}, ${id}'s figures are of ${day(from)} to ${day(to)}`,
    ];
  };
  return [...against(one, other), ...against(other, one)];
}

const day = (seconds: number): string => new Date(seconds * 1000).toISOString().slice(0, 10);

type Figure = string | number | null;
const show = (value: Figure): string =>
  value === null ? "-" : typeof value === "number" ? String(Number(value.toPrecision(5))) : value;

/** Every figure that either manifest names, by its path. */
export function comparisonOf(one: Manifest, other: Manifest) {
  const [left, right] = [figuresOf(one), figuresOf(other)];
  return [...new Set([...left.keys(), ...right.keys()])].map((figure) => ({
    figure,
    one: left.get(figure) ?? null,
    other: right.get(figure) ?? null,
  }));
}

function figuresOf({ version, task, format, featureSchema, metrics }: Manifest): Map<string, Figure> {
  const found = new Map<string, Figure>([
    ["version", version],
    ["task", task],
    ["format", format],
    ["features", featureSchema.fields.length],
  ]);
  const walk = (value: unknown, path: string): void => {
    if (typeof value === "number" || typeof value === "string") found.set(path, value);
    else if (value !== null && typeof value === "object" && !Array.isArray(value)) {
      for (const [key, inner] of Object.entries(value)) walk(inner, path ? `${path}.${key}` : key);
    }
  };
  walk(metrics, "");
  return found;
}
