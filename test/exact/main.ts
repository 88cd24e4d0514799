/** Holds the exact engine to the real pool bytecode and to recorded markets: `npm run exact -- COMMAND`. */
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { formatTable } from "../../rebalancer/cli/table.ts";
import { type AnvilReport, fuzzOnAnvil } from "./anvilFuzz.ts";
import { ENGINES, engineOf } from "./engines.ts";
import { withFeeRoundedDown } from "./fault.ts";
import { type MarketReport, replayLiquidity, replayMarkets } from "./files.ts";
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
    const report = await fuzz({ createPool: engineOf(engine), operations, seed, chunk, progress });
    progress.end();
    const seconds = (performance.now() - start) / 1000;
    process.stdout.write(json ? `${toJson({ engine, seed, seconds, ...report })}\n` : fuzzText(engine, report));
    if (report.difference) process.exitCode = 1;
  });

program
  .command("anvil")
  .description("random operations on anvil, compared every batch; a difference is narrowed down to its operation")
  .option("--operations <n>", "how many", whole, 10_000)
  .option("--seed <n>", "which ones", whole, 1)
  .option("--chunk <n>", "operations of one pool", whole, 2500)
  .option("--batch <n>", "operations between comparisons", whole, 500)
  .option("--fault <n>", "break the engine on purpose after this many swaps of a pool", whole)
  .addOption(engineOption())
  .option("--json", "one JSON object")
  .action(async ({ engine, json, fault, ...counts }) => {
    const progress = createProgress(counts.operations, json === true);
    const sound = engineOf(engine);
    const createPool = fault === undefined ? sound : withFeeRoundedDown(sound, fault);
    const start = performance.now();
    const report = await fuzzOnAnvil({ ...counts, createPool, progress });
    progress.end();
    const seconds = (performance.now() - start) / 1000;
    process.stdout.write(json ? `${toJson({ engine, ...counts, seconds, ...report })}\n` : anvilText(engine, report));
    if (report.difference) process.exitCode = 1;
  });

program
  .command("files")
  .description("recorded markets of a data folder, and a file of mints and burns against the real bytecode")
  .requiredOption("--data <folder>", "where the recorded markets are")
  .addOption(engineOption())
  .option("--json", "one JSON object")
  .action(async ({ data, engine, json }) => {
    const createPool = engineOf(engine);
    const say = (text: string) => {
      if (!json) process.stderr.write(`${text}\n`);
    };
    const markets = replayMarkets(data, createPool, say);
    say("mints and burns of USDC/WETH 0.3 %, in the engine and in forge");
    const liquidity = await replayLiquidity(data, createPool);
    process.stdout.write(json ? `${toJson({ engine, markets, liquidity })}\n` : filesText(markets, liquidity));
    const wrong = markets.some(({ start, swaps, exact }) => start === "state" && exact < swaps);
    if (wrong || liquidity?.difference) process.exitCode = 1;
  });

type Liquidity = Awaited<ReturnType<typeof replayLiquidity>>;

function filesText(markets: readonly MarketReport[], liquidity: Liquidity): string {
  const right = (title: string) => ({ title, align: "right" }) as const;
  const columns = [{ title: "market", max: 41 }, right("swaps"), right("exact"), right("mints, burns"), right("exact")];
  const rows = markets.map((m) => [
    m.name.replace(/_events_/, " "),
    ...[m.swaps, m.exact, m.liquidityEvents, m.liquidityExact].map(String),
  ]);
  const lines = [formatTable(columns, rows), ""];
  for (const { name, start, exactIn, exactOut, atLimit, unlike } of markets) {
    lines.push(`${name.replace(/_events_/, " ")} from ${start === "state" ? "its state" : "a reconstructed state"}:`);
    lines.push(`  exact in ${exactIn}, exact out ${exactOut}, at a price limit ${atLimit}`);
    const reasons = [
      [unlike.first, "sets the starting price, so it cannot be checked"],
      [unlike.rounding, "off by up to 3 units: rounded at a tick that the file does not tell of"],
      [unlike.liquidity, "went through liquidity that no swap of the file ended in"],
    ] as const;
    for (const [count, reason] of reasons) if (count > 0) lines.push(`  ${count} ${reason}`);
  }
  if (liquidity === null) return `${lines.join("\n")}\n`;
  const { report, operations, difference } = liquidity;
  lines.push(
    "",
    `USDC/WETH 0.3 %, mints and burns from the pool's first: ${report.events}`,
    `  amounts that one price explains, and equal: ${report.exact}`,
    `  ticks equal to the direct sums: ${report.ticksEqual} of ${report.ticks}, ${report.initialisedTicks} initialised at the end`,
    `  in-range liquidity equal to the direct sum: ${report.inRangeEqual ? "yes" : "no"}`,
    `  operations in the real bytecode, ${report.moves} of them swaps that bring the price there:`,
    difference === null
      ? `  ${operations}, equal after each`
      : `  ${operations}, first unequal after operation ${difference.operation}`,
  );
  return `${lines.join("\n")}\n`;
}

function anvilText(engine: string, { operations, pools, batch, difference }: AnvilReport): string {
  const count = operations.toLocaleString("en-US");
  if (difference === null) {
    return `${count} operations in ${pools} pools: engine "${engine}" and bytecode equal every ${batch}\n`;
  }
  const { chunk, operation, played, words } = difference;
  const rows = words.map(({ word, engine: ours, real }) => [word, String(ours), String(real)]);
  const columns = [{ title: "word", max: 44 }, { title: "engine" }, { title: "bytecode" }];
  const states =
    rows.length > 0 ? formatTable(columns, rows) : "every word of the state is equal: what the call returned differs";
  return [
    `${count} operations equal, then pool ${chunk}, operation ${operation} differs:`,
    toJson(played),
    `engine answers   ${difference.answered.engine}`,
    `bytecode answers ${difference.answered.real}`,
    states,
    "",
  ].join("\n");
}

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
