#!/usr/bin/env -S npx tsx
import { Command, CommanderError } from "commander";
import { registerBacktest } from "./backtest.ts";
import { registerConfig } from "./config.ts";
import { registerData } from "./data.ts";
import { registerDemo } from "./demo.ts";
import { registerDoctor } from "./doctor.ts";
import { registerJournal } from "./journal.ts";
import { registerMarket } from "./market.ts";
import { registerRisk } from "./risk.ts";
import { registerScore } from "./score.ts";
import { registerStatus } from "./status.ts";
import { registerStops } from "./stops.ts";
import { registerWorker } from "./worker.ts";

const program = new Command("rangekeeper")
  .description("Keeps liquidity of ERC-4626 vaults in the right Uniswap v3 range")
  // Options after a verb below a verb are its own: `backtest check --policy`, not `backtest --policy`.
  .enablePositionalOptions()
  .exitOverride();
registerDemo(program);
registerWorker(program);
registerBacktest(program);
registerMarket(program);
registerRisk(program);
registerScore(program);
registerStatus(program);
registerStops(program);
registerConfig(program);
registerDoctor(program);
registerJournal(program);
registerData(program);

try {
  await program.parseAsync();
} catch (error) {
  // Commander has printed what is wrong; help and version are no failure.
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? 0 : 2;
}
