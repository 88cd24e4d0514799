import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as ort from "onnxruntime-web";
import { beforeAll, describe, expect, it } from "vitest";

const fixture = (name: string): Buffer =>
  readFileSync(fileURLToPath(new URL(`./regime.fixture.${name}`, import.meta.url)));
const recorded: Record<"rows" | "days" | "columns", number> & Record<"sequence" | "mask" | "regime", number[]> =
  JSON.parse(fixture("json").toString("utf8"));
const { rows, days, columns } = recorded;
const perRow = days * columns;

let session: ort.InferenceSession;
beforeAll(async () => {
  ort.env.wasm.numThreads = 1;
  session = await ort.InferenceSession.create(new Uint8Array(fixture("onnx")));
});

/** Answers for rows from..to of the fixture, its sequences changed first. */
async function ask(from: number, to: number, change = (value: number, _at: number) => value): Promise<number[]> {
  const part = (values: readonly number[]) => values.slice(from * perRow, to * perRow);
  const tensor = (values: readonly number[]) =>
    new ort.Tensor("float32", Float32Array.from(values), [to - from, days, columns]);
  const answers = await session.run({
    sequence: tensor(part(recorded.sequence).map(change)),
    mask: tensor(part(recorded.mask)),
  });
  const data = answers.regime?.data;
  if (!(data instanceof Float32Array)) throw new TypeError("regime must be an output of float32");
  return [...data];
}

describe("the regime model's graph in onnxruntime-web", () => {
  it("says what the trainer said", async () => {
    const answers = await ask(0, rows);
    expect(answers).toHaveLength(rows * 4);
    for (const [i, value] of answers.entries()) expect(value).toBeCloseTo(recorded.regime[i] ?? Number.NaN, 3);
  });

  it("says the same of a row alone and in a batch, in probabilities that add up", async () => {
    const [batch, single] = [await ask(0, rows), await ask(1, 2)];
    for (const [i, value] of single.entries()) expect(value).toBeCloseTo(batch[4 + i] ?? Number.NaN, 5);
    expect((single[0] ?? 0) + (single[1] ?? 0) + (single[2] ?? 0)).toBeCloseTo(1, 5);
  });

  it("does not look at what is masked, and looks at what is not", async () => {
    const first = await ask(0, 1);
    const masked = await ask(0, 1, (value, at) => (recorded.mask[at] === 1 ? 1e3 : value));
    for (const [i, value] of masked.entries()) expect(value).toBeCloseTo(first[i] ?? Number.NaN, 5);
    const seen = await ask(0, 1, (value, at) => (recorded.mask[at] === 0 ? value + 1 : value));
    expect(Math.abs((seen[3] ?? 0) - (first[3] ?? 0))).toBeGreaterThan(0.01);
  });
});
