/**
 * Gas of every operation on the real pool, beside a bare caller in the same run and the best peers. `--spent` prints
 * what each is spent on instead; `--update` writes the snapshot that test/gas checks, and docs/gas.md.
 */
import { writeFileSync } from "node:fs";
import type { Bench } from "./bench.ts";
import { measureGas } from "./gas/measure.ts";
import { benchRows, gasPage, spentRows, toSnapshot } from "./gas/page.ts";

export const GAS_SNAPSHOT = "test/gas/snapshot.json";
export const GAS_PAGE = "docs/gas.md";

export const bench: Bench = async ({ options, progress }) => {
  const rows = await measureGas({ progress });
  if (options.includes("--update")) {
    const snapshot = toSnapshot(rows);
    writeFileSync(GAS_SNAPSHOT, `${JSON.stringify(snapshot, null, 2)}\n`);
    writeFileSync(GAS_PAGE, gasPage(snapshot));
    progress(`wrote ${GAS_SNAPSHOT} and ${GAS_PAGE}`);
  }
  return options.includes("--spent") ? spentRows(rows) : benchRows(rows);
};
