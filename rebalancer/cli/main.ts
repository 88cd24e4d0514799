#!/usr/bin/env -S npx tsx
import { CommanderError } from "commander";
import { createProgram } from "./program.ts";

// A reader that has seen enough (`rangekeeper logs | head`) is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

try {
  await createProgram().parseAsync();
} catch (error) {
  // Commander has printed what is wrong; help and version are no failure.
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? 0 : 2;
}
