import { readFileSync } from "node:fs";
import { Command } from "commander";
import { registerAlerts } from "./alerts.ts";
import { registerApi } from "./api.ts";
import { tellWhenSlow } from "./atWork.ts";
import { registerBacktest } from "./backtest.ts";
import { registerCalibration } from "./calibration.ts";
import { registerChallengers } from "./challengers.ts";
import { checkConfigEverywhere } from "./checkedConfig.ts";
import { registerCompletion } from "./completion.ts";
import { registerConfig } from "./config.ts";
import { registerData } from "./data.ts";
import { registerDataset } from "./dataset.ts";
import { registerDemo } from "./demo.ts";
import { registerDoctor } from "./doctor.ts";
import { registerFeatures } from "./features.ts";
import { registerHead } from "./head.ts";
import { registerJournal } from "./journal.ts";
import { registerKeys } from "./keys.ts";
import { registerLogs } from "./logs.ts";
import { registerMarket } from "./market.ts";
import { registerModel } from "./model.ts";
import { registerParity } from "./parity.ts";
import { registerQueue } from "./queue.ts";
import { registerRebalance } from "./rebalance.ts";
import { registerReport } from "./report.ts";
import { registerRisk } from "./risk.ts";
import { registerScore } from "./score.ts";
import { registerShadow } from "./shadow.ts";
import { registerStatus } from "./status.ts";
import { registerStops } from "./stops.ts";
import { registerWorker } from "./worker.ts";

/** The command line with all its verbs, one line each. */
export function createProgram(): Command {
  const program = new Command("rangekeeper")
    .description("Keeps liquidity of ERC-4626 vaults in the right Uniswap v3 range")
    .version(version(), "--version", "print the version")
    // Options after a verb below a verb are its own: `backtest check --policy`, not `backtest --policy`.
    .enablePositionalOptions()
    .exitOverride();
  registerDemo(program);
  registerWorker(program);
  registerShadow(program);
  registerApi(program);
  registerBacktest(program);
  registerMarket(program);
  registerRisk(program);
  registerCalibration(program);
  registerScore(program);
  registerRebalance(program);
  registerQueue(program);
  registerStatus(program);
  registerLogs(program);
  registerStops(program);
  registerAlerts(program);
  registerConfig(program);
  registerDoctor(program);
  registerKeys(program);
  registerJournal(program);
  registerData(program);
  registerDataset(program);
  registerFeatures(program);
  registerHead(program);
  registerModel(program);
  registerParity(program);
  registerChallengers(program);
  registerReport(program);
  registerCompletion(program);
  checkConfigEverywhere(program);
  tellWhenSlow(program);
  return program;
}

const version = (): string =>
  (JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { version: string }).version;
