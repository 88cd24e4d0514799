import type { Command } from "commander";
import { registerModelAdd } from "./model/add.ts";
import { registerModelCheck } from "./model/check.ts";
import { registerModelCompare } from "./model/compare.ts";
import { registerModelNew } from "./model/new.ts";
import { registerModelPromote } from "./model/promote.ts";
import { registerModelRetire } from "./model/retire.ts";
import { registerModelRollback } from "./model/rollback.ts";
import { registerModelShow } from "./model/show.ts";
import { registerModelSign } from "./model/sign.ts";

/** `model`: packages from the first file to champion and back. */
export function registerModel(program: Command): void {
  const model = program.command("model").description("model packages: make, check, sign, register, promote, roll back");
  registerModelNew(model);
  registerModelCheck(model);
  registerModelSign(model);
  registerModelAdd(model);
  registerModelShow(model);
  registerModelCompare(model);
  registerModelPromote(model);
  registerModelRollback(model);
  registerModelRetire(model);
}
