/** Exactly once under every fault: `npm run test:chaos -- --help`. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { bundleWorker } from "./bundle.ts";
import { FAULTS, type FaultName } from "./faults.ts";
import { buildFleet } from "./fleet.ts";
import { openLane } from "./lane.ts";
import { type Outcome, play } from "./play.ts";
import { SABOTAGES } from "./sabotage.ts";
import { drawScenario } from "./scenario.ts";
import { storyText } from "./story.ts";
import { failureText, line, summarise, summaryText } from "./summary.ts";

const whole = (text: string): number => {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError("it must be a whole number");
  return value;
};

const vaultCount = (text: string): number => {
  const value = whole(text);
  if (value < 1 || value > 4) throw new InvalidArgumentError("it must be 1 to 4");
  return value;
};

interface Options {
  readonly scenarios: number;
  readonly seed: number;
  readonly from: number;
  readonly lanes: number;
  readonly patience: number;
  readonly only?: FaultName;
  readonly vaults?: number;
  readonly sabotage?: string;
  readonly story?: number;
  readonly log?: boolean;
  readonly json?: boolean;
}

const program = new Command("test:chaos")
  .description("Plays seeded scenarios against the real worker, Redis and contracts, and checks what must always hold")
  .option("--scenarios <n>", "how many", whole, 500)
  .option("--seed <n>", "which ones", whole, 1)
  .option("--from <i>", "index of the first one", whole, 0)
  .option("--lanes <n>", "how many at the same time", whole, 2)
  .option("--patience <n>", "multiply the time a block may take: for a machine that is busy", whole, 1)
  .addOption(new Option("--only <kind>", "one kind of fault").choices(Object.keys(FAULTS)))
  .option("--vaults <n>", "how many the worker keeps, 1 to 4; by default drawn", vaultCount)
  .addOption(new Option("--sabotage <name>", "break the worker on purpose").choices(Object.keys(SABOTAGES)))
  .option("--story <seed>", "tell one kill -9 line by line", whole)
  .option("--log", "with each failing scenario, all that its workers wrote")
  .option("--json", "one JSON object")
  .exitOverride();

async function main(options: Options): Promise<void> {
  const story = options.story !== undefined;
  const { seed, from, scenarios, lanes, only, patience, vaults } = story
    ? { ...options, seed: options.story as number, scenarios: 1, lanes: 1, only: "kill-at-milestone" as const }
    : options;
  const drawn = { seed, alone: story, ...(only ? { only } : {}), ...(vaults ? { vaults } : {}) };
  const folder = mkdtempSync(join(tmpdir(), "rangekeeper-chaos-"));
  const began = performance.now();
  const outcomes: Outcome[] = [];
  const bundle = await bundleWorker(options.sabotage);
  try {
    const fleet = await buildFleet();
    let next = from;
    let files = 0;
    const lane = async () => {
      const open = () => openLane({ fleet, bundle: bundle.path, folder: join(folder, `lane-${files++}`) });
      let opened = await open();
      try {
        while (next < from + scenarios && !interrupted) {
          const scenario = drawScenario({ ...drawn, index: next++ });
          const outcome = await play(opened, scenario, patience).catch(async (error: unknown) => {
            // The stage broke, not the worker: once more on a new one, and then it counts.
            process.stderr.write(
              `${scenario.index}  is played again: ${error instanceof Error ? error.message : error}\n`,
            );
            await opened.stop();
            opened = await open();
            return play(opened, scenario, patience);
          });
          outcomes.push(outcome);
          if (outcome.violations.length > 0 && !options.json) process.stdout.write(failureText(outcome, options));
          if (!options.json && !story) process.stderr.write(`${line(outcome)} (${outcomes.length} of ${scenarios})\n`);
        }
      } finally {
        await opened.stop();
      }
    };
    // All lanes end before the folder goes, whatever happens in one.
    const ended = await Promise.allSettled(Array.from({ length: Math.max(1, Math.min(lanes, scenarios)) }, lane));
    for (const result of ended) if (result.status === "rejected") throw result.reason;
  } finally {
    bundle.remove();
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
  const seconds = (performance.now() - began) / 1_000;
  const summary = summarise(outcomes, { seed, seconds });
  const [told] = outcomes;
  if (story && told) process.stdout.write(storyText(told));
  else process.stdout.write(options.json ? `${JSON.stringify(summary, null, 2)}\n` : summaryText(summary));
  if (summary.violations > 0) process.exitCode = 1;
}

let interrupted = false;
process.once("SIGINT", () => {
  interrupted = true;
});
try {
  await program.action((options: Options) => main(options)).parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? 0 : 2;
}
