import type { Command } from "commander";
import { createPublicClient, http } from "viem";
import { type Config, resolveVaults } from "../config.ts";
import type { Check, CheckStatus } from "./doctor/check.ts";
import { look, ok, warn } from "./doctor/check.ts";
import { checkContracts } from "./doctor/contracts.ts";
import { checkKeys } from "./doctor/keys.ts";
import { checkMachine } from "./doctor/machine.ts";
import { checkNodes } from "./doctor/nodes.ts";
import { checkKillSwitch, checkRedis } from "./doctor/redis.ts";
import { checkModels, checkWebhooks } from "./doctor/services.ts";
import { answer, type CommonOptions, examples, guarded, readConfig, withCommonOptions } from "./options.ts";
import { patiently } from "./progress.ts";
import { wrap } from "./wrap.ts";

/** `doctor`: one line per thing a worker needs, what to do where one is missing, and exit status 1 then. */
export function registerDoctor(program: Command): void {
  const doctor = withCommonOptions(
    program.command("doctor").description("check everything that a worker needs, and say what to do"),
  ).action((options: CommonOptions) =>
    guarded(options, async () => {
      const config = readConfig(options);
      let at = "this machine";
      const checks = await patiently(
        options,
        () => `doctor: looking at ${at}`,
        diagnose(config, (what) => (at = what)),
      );
      answer(options, { ok: !checks.some(({ status }) => status === "fail"), checks }, () => formatChecks(checks));
      if (checks.some(({ status }) => status === "fail")) process.exitCode = 1;
    }),
  );
  examples(
    doctor,
    "rangekeeper doctor --config deploy/config/mainnet.toml",
    "rangekeeper doctor --config vaults.toml --mode live --json",
  );
}

/** Looks at everything, one thing after the other; `say` is told what comes next. */
async function diagnose(config: Config, say: (what: string) => void): Promise<readonly Check[]> {
  const checks: Check[] = [...(await checkMachine(config))];
  say("Redis");
  checks.push(...(await checkRedis(config)), await checkKillSwitch(config));
  say("the nodes");
  const { checks: nodes, head } = await checkNodes(config, Math.floor(Date.now() / 1_000));
  checks.push(...nodes);
  say("the models");
  checks.push(await checkModels(config), await checkWebhooks(config, process.env));
  const resolved = await look("addresses", "give them in [[vaults]] or by `addresses`", () => {
    return ok(`${resolveVaults(config).length} vault(s)`);
  });
  if (resolved.status !== "ok") checks.push(resolved);
  const vaults = resolved.status === "ok" ? resolveVaults(config) : [];
  const client = head === null ? null : createPublicClient({ transport: http(config.rpcUrl, { batch: { wait: 0 } }) });
  const right = nodes.find(({ name }) => name === "rpc")?.status === "ok";
  if (client !== null && head !== null && right) {
    say("the contracts");
    checks.push(...(await checkContracts({ client, config, vaults, head })));
  } else {
    checks.push({ name: "vaults", ...warn("not looked at: the first node is no help", "mend rpc first") });
  }
  say("the keys");
  checks.push(...(await checkKeys({ client: right ? client : null, config, vaults, head, env: process.env })));
  return checks;
}

const MARKS: Readonly<Record<CheckStatus, string>> = { ok: "OK  ", warn: "WARN", fail: "FAIL" };

function formatChecks(checks: readonly Check[]): string {
  const lines = checks.flatMap(({ name, status, detail, fix }) => [
    `${MARKS[status]} ${wrap(`${name}: ${detail}`, 5)}`,
    ...(fix === null ? [] : [`     ${wrap(`-> ${fix}`, 8)}`]),
  ]);
  const count = (status: CheckStatus) => checks.filter((check) => check.status === status).length;
  return [...lines, "", `${count("ok")} ok, ${count("warn")} to know of, ${count("fail")} to mend`].join("\n");
}
