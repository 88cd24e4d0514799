import { readFileSync, writeFileSync } from "node:fs";
import type { Command } from "commander";
import { calibrateCycle, simulatedPaths } from "../../ml/sim/cycle/calibrate.ts";
import { createCycle } from "../../ml/sim/cycle/cycle.ts";
import { describeSeries } from "../../ml/sim/cycle/describe.ts";
import { cycleOfMarket } from "../../ml/sim/cycle/fromMarket.ts";
import { type CycleParameters, defaultCycleParameters, parseCycleParameters } from "../../ml/sim/cycle/parameters.ts";
import { readBarSource, readEventSource } from "../../ml/sim/cycle/sources.ts";
import { parseMarketParameters } from "../../ml/sim/parameters.ts";
import { quantile } from "../../ml/sim/statistics.ts";
import { ConfigError } from "../errors.ts";
import { answer, guarded } from "./options.ts";
import { formatTable } from "./table.ts";
import { wrap } from "./wrap.ts";

interface CalibrateOptions {
  readonly data?: string;
  readonly market?: string;
  readonly bars: readonly string[];
  readonly pool?: string;
  readonly base?: string;
  readonly out: string;
  readonly json?: boolean;
}

interface SimulateOptions {
  readonly params?: string;
  readonly environments: string;
  readonly days: string;
  readonly seed: string;
  readonly json?: boolean;
}

const collect = (text: string, before: readonly string[]): readonly string[] => [...before, text];

/** `market calibrate`: fits the market cycle to files. `market simulate`: looks at what it makes. */
export function registerMarket(program: Command): void {
  const market = program.command("market").description("the simulated market that agents train in");
  market
    .command("calibrate")
    .description("fit its parameters to recorded events or bars")
    .option("--data <dir>", "a data folder; with --market")
    .option("--market <name>", "an event file of it, without .csv.gz")
    .option("--bars <file>", "candles, pool minutes or pool hours; may be repeated", collect, [])
    .option("--pool <name>", "chain_token0_token1_fee, where the bars' names do not tell it")
    .option("--base <file>", "parameters that fill what the files do not tell")
    .requiredOption("--out <file>", "where to write the parameters")
    .option("--json", "answer in JSON")
    .addHelpText("after", "\nExamples:\n  rangekeeper market calibrate --data DIR --market NAME --json\n")
    .action((options: CalibrateOptions) => guarded(options, async () => calibrate(options)));
  market
    .command("simulate")
    .description("play it under a rule and describe prices, fees and losses")
    .option("--params <file>", "parameters (default: those that ship)")
    .option("--environments <n>", "how many markets at once, a multiple of 8", "256")
    .option("--days <n>", "how long", "30")
    .option("--seed <n>", "another seed, other markets", "1")
    .option("--json", "answer in JSON")
    .addHelpText("after", "\nExamples:\n  rangekeeper market simulate --environments 64 --days 7 --seed 3\n")
    .action((options: SimulateOptions) => guarded(options, async () => simulate(options)));
}

function calibrate(options: CalibrateOptions): void {
  if ((options.market === undefined) !== (options.data === undefined)) {
    throw new ConfigError("market calibrate: --data and --market are given together or not at all");
  }
  const sources = [
    ...(options.data && options.market ? [readEventSource(options.data, options.market)] : []),
    ...options.bars.map((path) => readBarSource(path, options.pool)),
  ];
  if (sources.length === 0) throw new ConfigError("market calibrate: give --data and --market, or --bars");
  const base = options.base ? readParameters(options.base) : defaultCycleParameters();
  const fitted = calibrateCycle(sources, base);
  writeFileSync(options.out, `${JSON.stringify(fitted, null, 2)}\n`);
  answer(options, { out: options.out, parameters: fitted }, () => describeFit(fitted, options.out));
}

function describeFit({ provenance }: CycleParameters, out: string): string {
  const rows = provenance.residuals.map(({ statistic, unit, real, simulated }) => [
    statistic,
    real === null ? "-" : String(real),
    String(simulated),
    unit,
  ]);
  const right = { align: "right" as const };
  const table = formatTable(
    [{ title: "statistic" }, { title: "real", ...right }, { title: "simulated", ...right }, { title: "unit" }],
    rows,
  );
  const how = Object.entries(provenance.how).map(([name, text]) => wrap(`${name}: ${text}`, 2));
  return [table, "", ...how, "", `written to ${out}`].join("\n");
}

function simulate(options: SimulateOptions): void {
  const parameters = options.params ? readParameters(options.params) : defaultCycleParameters();
  const [environments, days, seed] = [options.environments, options.days, options.seed].map(Number);
  for (const [name, value] of Object.entries({ days, seed })) {
    if (!Number.isInteger(value) || Number(value) < 1) {
      throw new ConfigError(`market simulate: --${name} is ${value}, but it must be a whole number of at least 1`);
    }
  }
  const [count = 256, span = 30, first = 1] = [environments, days, seed];
  const cycle = createCycle(parameters, { environments: count, horizonSteps: span * 24 });
  cycle.reset(first);
  cycle.runRule(span * 24);
  const { fees, lvr, cost, moves } = cycle.fields;
  const net = Array.from(fees, (fee, i) => fee - (lvr[i] ?? 0) - (cost[i] ?? 0));
  const spread = (values: ArrayLike<number>) =>
    [0.05, 0.25, 0.5, 0.75, 0.95].map((share) => quantile(Array.from(values), share));
  const agents = { fees: spread(fees), lvr: spread(lvr), cost: spread(cost), net: spread(net), moves: spread(moves) };
  const prices = describeSeries(simulatedPaths(parameters, Math.min(count, 64), span, first));
  answer(options, { market: parameters.market, environments: count, days: span, seed: first, prices, agents }, () => {
    const right = { align: "right" as const };
    const percent = (name: string, values: readonly number[]) => [
      name,
      ...values.map((value) => (name === "moves" ? value.toFixed(0) : `${(value * 100).toFixed(2)}%`)),
    ];
    return [
      wrap(`${parameters.market}: ${count} markets of ${span} days, ±10 % recentred at its edge`, 2),
      "",
      formatTable(
        [
          { title: "of the capital" },
          ...["5 %", "25 %", "median", "75 %", "95 %"].map((title) => ({ title, ...right })),
        ],
        Object.entries(agents).map(([name, values]) => percent(name, values)),
      ),
      "",
      formatTable(
        [{ title: "prices" }, { title: "", ...right }],
        Object.entries(prices).map(([name, value]) => [name, value.toPrecision(4)]),
      ),
    ].join("\n");
  });
}

/** Parameters of the cycle, or those of the synthetic market turned into them. */
function readParameters(path: string): CycleParameters {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new ConfigError(`parameters ${path}: must be a readable JSON file`, { cause });
  }
  const version = (value as { version?: unknown } | null)?.version;
  return version === "sim-market@1" ? cycleOfMarket(parseMarketParameters(value)) : parseCycleParameters(value);
}
