import { BaseError, InvalidInputError } from "./errors.ts";

/** Runs `main` where `file` (import.meta.filename) is the program itself; bad input is a line of its own and status 2. */
export async function runAsProgram(file: string, main: () => void | Promise<void>): Promise<void> {
  if (file !== process.argv[1]) return;
  try {
    await main();
  } catch (error) {
    if (!(error instanceof BaseError)) throw error;
    console.error(`${error.name}: ${error.message}`);
    process.exitCode = 2;
  }
}

/** The folder that --data names, else RANGEKEEPER_DATA. */
export function dataFolderOf(named: string | undefined): string {
  return required("data", named ?? process.env.RANGEKEEPER_DATA, "the data folder");
}

/** The value of an option that must be given. */
export function required(option: string, value: string | undefined, what: string): string {
  if (value === undefined) throw new InvalidInputError(`--${option} is missing: it must name ${what}`);
  return value;
}
