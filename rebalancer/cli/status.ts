import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import type { Command } from "commander";
import { openChain } from "../chain/open.ts";
import { getBlock } from "../chain.ts";
import { resolveVaults } from "../config.ts";
import type { ModelsRecord } from "../journal/models.ts";
import { openJournal } from "../journal.ts";
import { openQueues, type QueueName, queuePrefix } from "../queues/queue.ts";
import { bullConnection, connectRedis } from "../queues/redis.ts";
import { createKillSwitch, describeStop, type StopOrder } from "../stops/killSwitch.ts";
import { answer, type CommonOptions, examples, guarded, readConfig, withCommonOptions } from "./options.ts";
import { patiently } from "./progress.ts";
import { type Standing, standings, stateWord } from "./standing.ts";
import { formatTable } from "./table.ts";
import { vaultNamed } from "./vaultNamed.ts";
import { wrap } from "./wrap.ts";

type StatusOptions = CommonOptions & { readonly vault?: string };

/** `status`: the chain's head, the kill switch, who works, what waits, and where each vault stands. */
export function registerStatus(program: Command): void {
  const status = withCommonOptions(program.command("status").description("where chain, workers and vaults stand"))
    .option("--vault <vault>", "one vault, with everything about it")
    .action((options: StatusOptions) =>
      guarded(options, async () => {
        const found = await patiently(options, "asking chain and Redis", look(options));
        answer(options, found, () => format(found));
      }),
    );
  examples(
    status,
    "rangekeeper status --config vaults.toml",
    'rangekeeper status --vault "Rangekeeper WETH"',
    "rangekeeper status --json | jq '.vaults[] | select(.inRange == false) | .name'",
  );
}

/** What `status --json` answers. */
interface Status {
  readonly chainId: number;
  readonly head: number;
  readonly headAgeSeconds: number;
  readonly mode: string;
  readonly stops: readonly StopOrder[];
  /** Null without a journal: queues are a worker's, and the journal names it. */
  readonly queues: Readonly<Record<QueueName, Record<string, number>>> | null;
  readonly deadLetters: number;
  /** Who decides, since when; null before a worker's first start. */
  readonly models: ModelsRecord | null;
  readonly vaults: readonly Standing[];
}

async function look(options: StatusOptions): Promise<Status> {
  const config = readConfig(options);
  const { chainId } = config;
  const vaults = options.vault === undefined ? resolveVaults(config) : [vaultNamed(config, options.vault, "--vault")];
  const { client, endpoints } = await openChain(config);
  const redis = await connectRedis(config.redis, () => undefined);
  const journal = existsSync(config.journal.path) ? openJournal(config.journal.path, randomUUID) : null;
  const connection = bullConnection(config.redis);
  const queues = journal && openQueues({ connection, prefix: queuePrefix(config, journal.identity) }, () => undefined);
  try {
    const head = await getBlock(client, "latest");
    const orders = await createKillSwitch({ redis, journal, prefix: config.redis.prefix, chainId }).orders();
    const names = ["evaluate", "execute", "confirm", "housekeeping"] as const;
    const count = async (name: QueueName) =>
      [name, await queues?.[name].getJobCounts("waiting", "active", "delayed", "failed")] as const;
    return {
      chainId,
      head: head.number,
      headAgeSeconds: Math.floor(Date.now() / 1_000) - head.timestamp,
      mode: config.worker.mode,
      stops: orders.filter(({ level }) => level > 0),
      queues: queues && (Object.fromEntries(await Promise.all(names.map(count))) as Status["queues"]),
      deadLetters: journal?.deadLetters().length ?? 0,
      models: journal?.modelsInUse().at(-1) ?? null,
      vaults: await standings({ config, client, redis, journal, vaults, head }),
    };
  } finally {
    await queues?.close();
    journal?.close();
    redis.disconnect();
    endpoints.close();
  }
}

function format(status: Status): string {
  const { vaults, stops, queues, models } = status;
  const workers = new Set(vaults.flatMap(({ worker }) => worker ?? []));
  const waiting = (name: QueueName) => {
    const { waiting = 0, active = 0, delayed = 0 } = queues?.[name] ?? {};
    return `${name} ${waiting + active + delayed}`;
  };
  return [
    wrap(`chain ${status.chainId}, block ${status.head}, ${age(status.headAgeSeconds)} old, mode ${status.mode}`, 2),
    `${workers.size} worker(s) on ${vaults.filter(({ worker }) => worker !== null).length} of ${vaults.length} vault(s)`,
    queues === null
      ? "no journal yet"
      : `jobs: ${waiting("evaluate")}, ${waiting("execute")}, ${waiting("confirm")}; dead letters ${status.deadLetters}`,
    ...(models === null ? [] : [wrap(modelsLine(models), 2)]),
    ...stops.map((stop) => wrap(`KILL SWITCH ${describeStop(stop)}`, 2)),
    "",
    ...(vaults.length === 1 && vaults[0] ? oneVault(vaults[0]) : [manyVaults(vaults)]),
  ].join("\n");
}

/** Who decides. */
function modelsLine({ asked, modelSet, block, models }: ModelsRecord): string {
  const since = block === null ? "since the start" : `since block ${block}`;
  const means = asked === modelSet ? asked : `${asked} = ${modelSet}`;
  return `models ${means} ${since}: ${models.map(({ id, version }) => `${id}@${version}`).join(", ")}`;
}

function oneVault(standing: Standing): string[] {
  const { name, vault, state, trouble, marker, last, lastMove, worker } = standing;
  const line = (text: string) => `  ${wrap(text, 4)}`;
  return [
    `${name} ${vault}: ${stateWord(standing)}`,
    line(`worker ${worker ?? "- (nobody holds its lease)"}`),
    line(`settled up to block ${marker ? `${marker.block} (${marker.state})` : "-"}`),
    ...(state === null
      ? [line(`cannot be read: ${trouble}`)]
      : [
          line(`calm ${state.calm}; paused ${state.paused}; moves today ${state.movesToday}`),
          line(`nav ${state.nav}, share price ${state.sharePrice} per 1e18`),
          ...state.positions.map(({ lowerTick, upperTick }) => `  position ${lowerTick}..${upperTick}`),
        ]),
    line(`last decision: ${last ? `${last.action} at block ${last.block}: ${last.reason}` : "-"}`),
    line(
      `last move: ${lastMove ? `${lastMove.status} in block ${lastMove.block}${lastMove.transaction ? `, ${lastMove.transaction}` : ""}` : "-"}`,
    ),
  ];
}

const manyVaults = (vaults: readonly Standing[]): string =>
  formatTable(
    [
      { title: "vault", max: 20 },
      { title: "state", max: 8 },
      { title: "range", max: 16 },
      { title: "last decision", max: 20 },
      { title: "move", align: "right", max: 9 },
      { title: "by" },
    ],
    vaults.map((standing) => [
      standing.name,
      stateWord(standing),
      standing.state?.positions.map(({ lowerTick, upperTick }) => `${lowerTick}..${upperTick}`).join(" ") || "-",
      standing.last ? `${standing.last.action} ${standing.last.reasonKey}` : "-",
      standing.lastMove ? String(standing.lastMove.block) : "-",
      standing.worker ? standing.worker.slice(0, 4) : "-",
    ]),
  );

/** Seconds as a person says them. */
export function age(seconds: number): string {
  if (Math.abs(seconds) < 120) return `${seconds} s`;
  if (Math.abs(seconds) < 7_200) return `${Math.round(seconds / 60)} min`;
  return Math.abs(seconds) < 172_800 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} days`;
}
