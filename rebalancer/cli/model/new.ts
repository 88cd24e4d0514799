import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join, relative, resolve } from "node:path";
import { type Command, Option } from "commander";
import { writeRule } from "../../../ml/registry/ruleTemplate.ts";
import type { ModelTask } from "../../../ml/types.ts";
import { ConfigError } from "../../errors.ts";
import { answer, examples, guarded } from "../options.ts";

interface NewOptions {
  readonly template: "rule" | "lightgbm" | "jax";
  readonly task: ModelTask;
  readonly json?: boolean;
}

const TRAIN = join(import.meta.dirname, "../../../ml/train");
/** From where one stands. */
const PYTHON = relative(process.cwd(), join(import.meta.dirname, "../../../scripts/python-env.mjs"));

/** `model new`: a folder to begin with. */
export function registerModelNew(model: Command): void {
  const verb = model
    .command("new")
    .description("a folder to begin with: a rule that passes every check, or a trainer")
    .argument("<folder>", "to be made; its last part is the model's name")
    .addOption(
      new Option("--template <kind>", "what to begin with").choices(["rule", "lightgbm", "jax"]).default("rule"),
    )
    .addOption(
      new Option("--task <task>", "what it forecasts").choices(["volatility", "il", "yield"]).default("volatility"),
    )
    .option("--json", "answer in JSON")
    .action((folder: string, options: NewOptions) =>
      guarded(options, async () => {
        const files = await begin(folder, options);
        const next =
          options.template === "rule"
            ? `rangekeeper model check ${folder}`
            : `node ${PYTHON} -- python ${join(folder, "train.py")} --data DATASET --out ${folder}`;
        answer(options, { folder, files, next }, () =>
          [`wrote ${files.map((file) => join(folder, file)).join("\n      ")}`, `next: ${next}`].join("\n"),
        );
      }),
    );
  examples(verb, "rangekeeper model new my-rule", "rangekeeper model new my-trees --template lightgbm");
}

async function begin(folder: string, { template, task }: NewOptions): Promise<string[]> {
  const name = basename(resolve(folder));
  if (!/^[a-z0-9-]+$/.test(name)) {
    throw new ConfigError(
      `folder: ${name}; rule: its last part names the model, in lower-case letters, digits, hyphens`,
    );
  }
  if (existsSync(folder) && readdirSync(folder).length > 0) {
    throw new ConfigError(`folder: ${folder}; rule: it must not exist yet, or be empty`);
  }
  if (template === "rule") {
    await writeRule({ folder, name, task, createdAt: new Date().toISOString().slice(0, 10) });
    return readdirSync(folder).sort();
  }
  if (task !== "volatility") {
    throw new ConfigError(`--task: ${task}; rule: the ${template} trainer is of task volatility; begin with its file`);
  }
  const source = readFileSync(join(TRAIN, "examples", `${template}_volatility.py`), "utf8")
    .replace("Path(__file__).resolve().parents[1])", `${JSON.stringify(resolve(TRAIN))})`)
    .replaceAll(`${template}_volatility.py`, "train.py")
    .replace(/^NAME = .*$/m, `NAME = ${JSON.stringify(name)}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "train.py"), source);
  return [relative(folder, join(folder, "train.py"))];
}
