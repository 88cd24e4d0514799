import { type Command, Option } from "commander";
import { z } from "zod";
import { ConfigError } from "../errors.ts";
import { follow, lastLines, linesOfStandardInput } from "./logs/lines.ts";
import { answer, type CommonOptions, examples, guarded, readConfig, withCommonOptions } from "./options.ts";
import { wholeAbove0 } from "./score.ts";
import { vaultNamed } from "./vaultNamed.ts";
import { wrap } from "./wrap.ts";

const LEVELS = ["debug", "info", "warn", "error"] as const;
type Level = (typeof LEVELS)[number];

interface LogsOptions extends CommonOptions {
  readonly follow?: boolean;
  readonly lines: number;
  readonly vault?: string;
  readonly decision?: string;
  readonly level: Level;
}

/** `logs`: the worker's log for a person, or filtered as JSON. */
export function registerLogs(program: Command): void {
  const logs = withCommonOptions(
    program
      .command("logs")
      .argument("[file]", "a log; - is standard input (default: log.file of the configuration)")
      .description("the worker's log in words, filtered by vault, decision and level"),
  )
    .option("-f, --follow", "wait for what comes")
    .addOption(new Option("-n, --lines <n>", "how many of the newest lines").argParser(wholeAbove0).default(200))
    .option("--vault <vault>", "of one vault, by name or address")
    .option("--decision <id>", "of one decision or proposal: a part of its id, digest or transaction")
    .addOption(new Option("--level <level>", "at least this important").choices(LEVELS).default("info"))
    .action((file: string | undefined, options: LogsOptions) => guarded(options, () => showLogs(file, options)));
  examples(
    logs,
    "rangekeeper logs -f --config vaults.toml",
    'rangekeeper logs --vault "Rangekeeper WETH" --level warn',
    "rangekeeper logs --decision 0x3f9a --json",
    "journalctl -u rangekeeper -o cat | rangekeeper logs -",
  );
}

/** A line of the log: these fields and any others. */
const lineSchema = z.looseObject({
  ts: z.string().optional(),
  level: z.enum(LEVELS).catch("info"),
  msg: z.string().optional(),
  stage: z.string().optional(),
  vault: z.string().optional(),
  block: z.number().optional(),
});
type LogLine = z.output<typeof lineSchema>;

async function showLogs(file: string | undefined, options: LogsOptions): Promise<void> {
  const wanted = filterOf(options);
  const print = (line: string) => {
    const parsed = parseLine(line);
    // A line that is no JSON is not the log's: a crash, or what another program wrote. Nobody should miss it.
    if (parsed === null) {
      if (line.trim() !== "" && !options.json) process.stdout.write(`${line}\n`);
    } else if (wanted(parsed, line)) answer(options, parsed, () => formatLine(parsed));
  };
  if (file === "-") {
    for await (const line of linesOfStandardInput()) print(line);
    return;
  }
  const path = file ?? readConfig(options).log.file;
  if (path === undefined)
    throw new ConfigError("config log.file: missing; rule: set it, name a file, or pipe a log in (rangekeeper logs -)");
  const { lines, end } = lastLines(path, options.lines, (line) => {
    const parsed = parseLine(line);
    return parsed === null ? !options.json : wanted(parsed, line);
  });
  for (const line of lines) print(line);
  if (options.follow) for await (const line of follow(path, end)) print(line);
}

function parseLine(line: string): LogLine | null {
  if (!line.startsWith("{")) return null;
  try {
    return lineSchema.parse(JSON.parse(line));
  } catch {
    return null;
  }
}

function filterOf(options: LogsOptions): (line: LogLine, text: string) => boolean {
  const least = LEVELS.indexOf(options.level);
  const vault = options.vault === undefined ? null : addressOf(options.vault, options);
  return (line, text) =>
    LEVELS.indexOf(line.level) >= least &&
    (vault === null || text.toLowerCase().includes(vault)) &&
    (options.decision === undefined || text.includes(options.decision));
}

/** A name is looked up where there is a configuration; an address needs none. */
function addressOf(wanted: string, options: LogsOptions): string {
  if (/^0x[0-9a-fA-F]{40}$/.test(wanted)) return wanted.toLowerCase();
  return vaultNamed(readConfig(options), wanted, "--vault").vault.toLowerCase();
}

/** One line for a person: when, how important, where in the pipeline, which vault and block, what. */
function formatLine({ ts, level, msg, stage, vault, block, ...rest }: LogLine): string {
  const when = ts?.slice(5, 19).replace("T", " ") ?? "-";
  const where = [stage, vault?.slice(0, 8), block === undefined ? undefined : `#${block}`].filter(Boolean).join(" ");
  const text =
    msg ??
    Object.entries(rest)
      .map(([name, value]) => `${name} ${JSON.stringify(value)}`)
      .join(", ");
  return wrap(`${when} ${level.toUpperCase().padEnd(5)} ${where}${where && text ? ": " : ""}${text}`, 4);
}
