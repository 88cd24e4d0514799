import type { Command } from "commander";
import { registerBars } from "./data/bars.ts";
import { registerFetch } from "./data/fetch.ts";
import { registerImport } from "./data/import.ts";
import { registerList } from "./data/list.ts";
import { registerSample } from "./data/sample.ts";
import { registerVerify } from "./data/verify.ts";

/** `data …`: market data into the store, checked, listed, looked at, and made into bars. */
export function registerData(program: Command): void {
  const data = program.command("data").description("market data: fetch, import, verify, list, sample, bars");
  registerFetch(data);
  registerImport(data);
  registerVerify(data);
  registerList(data);
  registerSample(data);
  registerBars(data);
}
