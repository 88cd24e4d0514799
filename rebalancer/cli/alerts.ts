import type { Command } from "commander";
import { alertsKey, createAlertMemory } from "../alerts/memory.ts";
import type { AlertMessage } from "../alerts/message.ts";
import { deliver, openSinks } from "../alerts/sinks.ts";
import { ConfigError } from "../errors.ts";
import { connectRedis } from "../queues/redis.ts";
import { answer, type CommonOptions, examples, guarded, readConfig, withCommonOptions } from "./options.ts";
import { wrap } from "./wrap.ts";

interface TestOptions extends CommonOptions {
  readonly sink?: string;
}

/** `alerts test` and `alerts ls`: whether the sinks can be reached, and what fires. */
export function registerAlerts(program: Command): void {
  const alerts = program.command("alerts").description("what needs a person, and who is told");
  const ls = withCommonOptions(
    alerts.command("ls").description("alerts that fire, and what happened in the last day"),
  ).action((options: CommonOptions) => guarded(options, () => list(options)));
  examples(ls, "rangekeeper alerts ls --config vaults.toml", "rangekeeper alerts ls --config vaults.toml --json");
  const test = withCommonOptions(alerts.command("test").description("send a test message to the sinks"))
    .option("--sink <name>", "only this one of alerts.sinks (default: all)")
    .action((options: TestOptions) => guarded(options, () => sendTest(options)));
  examples(test, "rangekeeper alerts test --config vaults.toml --sink on-call");
}

async function list(options: CommonOptions): Promise<void> {
  const config = readConfig(options);
  const redis = await connectRedis(config.redis, () => undefined);
  try {
    if (redis.status !== "ready") await new Promise<void>((resolve) => redis.once("ready", () => resolve()));
    const memory = createAlertMemory(redis, alertsKey(config.redis.prefix, config.chainId));
    const firing = [...(await memory.firing()).values()].sort((a, b) => a.sinceMilliseconds - b.sinceMilliseconds);
    const events = [...(await memory.events()).values()].sort((a, b) => a.atMilliseconds - b.atMilliseconds);
    const time = (milliseconds: number) => new Date(milliseconds).toISOString().slice(0, 19);
    answer(options, { firing, events }, () =>
      [
        firing.length === 0 ? "nothing fires" : `${firing.length} firing`,
        ...firing.map(({ name, severity, summary, sinceMilliseconds, seenAtMilliseconds }) => {
          const when = `since ${time(sinceMilliseconds)}, last seen ${time(seenAtMilliseconds)}`;
          return `${name} (${severity}) ${when}\n  ${wrap(summary, 2)}`;
        }),
        ...(events.length === 0 ? [] : [`${events.length} in the last day`]),
        ...events.map(({ name, summary, atMilliseconds, resolves }) => {
          const what = resolves ? "over" : "happened";
          return `${name} ${what} at ${time(atMilliseconds)}\n  ${wrap(summary, 2)}`;
        }),
      ].join("\n"),
    );
  } finally {
    redis.disconnect();
  }
}

async function sendTest(options: TestOptions): Promise<void> {
  const config = readConfig(options);
  const names = config.alerts.sinks.map(({ name }) => name);
  if (names.length === 0) throw new ConfigError("config alerts.sinks: none; rule: a test needs a sink to send to");
  if (options.sink !== undefined && !names.includes(options.sink)) {
    throw new ConfigError(`--sink: ${options.sink}; rule: one of ${names.join(", ")}`);
  }
  const sinks = config.alerts.sinks.filter(({ name }) => options.sink === undefined || options.sink === name);
  const at = Date.now();
  const message: AlertMessage = {
    id: `test-${at}`,
    name: "HeadLag",
    scope: "all",
    severity: "ticket",
    summary: "this is a test of the way to you; nothing is wrong",
    status: "test",
    chainId: config.chainId,
    atMilliseconds: at,
    sinceMilliseconds: at,
  };
  const told = await Promise.all(
    openSinks({ alerts: { ...config.alerts, sinks } }, process.env).map(async (open) => ({
      sink: open.sink.name,
      kind: open.sink.kind,
      // one try: whoever asks is waiting
      ...(await deliver({ ...open, attempts: 1 }, message, new AbortController().signal)),
    })),
  );
  answer(options, told, () =>
    told.map(({ sink, kind, result, detail }) => `${sink} (${kind}): ${result}, ${detail}`).join("\n"),
  );
  if (told.some(({ result }) => result !== "sent")) process.exitCode = 1;
}
