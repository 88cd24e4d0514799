import type { Command } from "commander";
import { createLogger } from "../log/log.ts";
import { type CommonOptions, examples, guarded, readConfig, withCommonOptions } from "./options.ts";

type ApiOptions = CommonOptions & { readonly listen?: string };

/** `api start` and `api openapi`: the HTTP interface, a process of its own beside the workers. */
export function registerApi(program: Command): void {
  const api = program.command("api").description("the HTTP interface for dashboards and tools");
  const start = withCommonOptions(api.command("start").description("serve until stopped"))
    .option("--listen <host:port>", "in place of api.listen")
    .action((options: ApiOptions) =>
      guarded(options, async () => {
        const config = readConfig(options);
        const logger = createLogger({ level: config.log.level });
        // loaded late: other verbs start without it
        const { startApi } = await import("../api/server.ts");
        const running = await startApi({
          config,
          env: process.env,
          logger,
          ...(options.listen === undefined ? {} : { listen: options.listen }),
        });
        process.stdout.write(options.json ? `${JSON.stringify({ url: running.url })}\n` : `${running.url}\n`);
        await new Promise<void>((resolve) => {
          process.once("SIGINT", resolve);
          process.once("SIGTERM", resolve);
        });
        await running.stop();
      }),
    );
  examples(
    start,
    "rangekeeper api start --config deploy/config/local.toml",
    "rangekeeper api start --listen 127.0.0.1:9000",
  );
  const openapi = api
    .command("openapi")
    .description("print the OpenAPI 3.1 document of every route")
    .option("--json", "answer in JSON (it always does)")
    .action(() =>
      guarded({}, async () => {
        const { specification } = await import("../api/specification.ts");
        process.stdout.write(`${JSON.stringify(specification(), null, 2)}\n`);
      }),
    );
  examples(openapi, "rangekeeper api openapi > openapi.json");
}
