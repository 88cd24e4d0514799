/** Holds the exact engine to the real pool bytecode and to recorded markets: `npm run exact -- COMMAND`. */
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { formatTable } from "../../rebalancer/cli/table.ts";
import { ENGINES, engineOf } from "./engines.ts";
import { type FuzzReport, fuzz } from "./fuzz.ts";
import { createProgress } from "./progress.ts";

const whole = (text: string): number => {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0 || text.trim() === "") {
    throw new InvalidArgumentError("it must be a whole number that is not negative");
  }
  return value;
};

const engineOption = () => new Option("--engine <name>", "which engine").choices(ENGINES).default("reference");

const program = new Command("exact")
  .description("Holds the exact engine to the real pool bytecode and to recorded markets")
  .exitOverride();

program
  .command("fuzz")
  .description("random operations against the real bytecode in forge, compared after every one")
  .option("--operations <n>", "how many", whole, 20_000)
  .option("--seed <n>", "which ones", whole, 1)
  .option("--chunk <n>", "operations of one pool", whole, 500)
  .addOption(engineOption())
  .option("--json", "one JSON object")
  .action(async ({ operations, seed, chunk, engine, json }) => {
    const progress = createProgress(operations, json === true);
    const start = performance.now();
    const report = await fuzz({ createPool: await engineOf(engine), operations, seed, chunk, progress });
    progress.end();
    const seconds = (performance.now() - start) / 1000;
    process.stdout.write(json ? `${toJson({ engine, seed, seconds, ...report })}\n` : fuzzText(engine, report));
    if (report.difference) process.exitCode = 1;
  });

function fuzzText(engine: string, { operations, pools, kinds, difference }: FuzzReport): string {
  const rows = Object.entries(kinds).map(([kind, { done, reverted }]) => [kind, String(done), String(reverted)]);
  const columns = [{ title: "operation" }, { title: "done", align: "right" }, { title: "reverted", align: "right" }];
  const table = formatTable(columns as Parameters<typeof formatTable>[0], rows);
  if (difference === null) {
    return `${table}\n\n${operations.toLocaleString("en-US")} operations in ${pools} pools: engine "${engine}" and bytecode equal after each\n`;
  }
  const what = difference.played ? toJson(difference.played) : "only what the end of the chunk compares";
  return `${table}\n\npool ${difference.chunk}, operation ${difference.operation}: engine "${engine}" and bytecode differ\n${what}\n`;
}

const toJson = (value: unknown): string => JSON.stringify(value, (_, v) => (typeof v === "bigint" ? String(v) : v));

try {
  await program.parseAsync();
} catch (error) {
  // Commander has printed what is wrong; help is no failure.
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? 0 : 2;
}
