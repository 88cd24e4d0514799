import { type Command, InvalidArgumentError, Option } from "commander";
import type { Config } from "../config.ts";
import { ConfigError, RefusedError } from "../errors.ts";
import type { DeadLetter } from "../journal/deadLetters.ts";
import type { Journal } from "../journal.ts";
import {
  ensureJob,
  openQueues,
  parsePayload,
  payloadSchemas,
  type QueueName,
  type Queues,
  queuePrefix,
} from "../queues/queue.ts";
import { bullConnection, connectRedis } from "../queues/redis.ts";
import { withJournal } from "./journalFile.ts";
import { answer, type CommonOptions, examples, guarded, readConfig, withCommonOptions } from "./options.ts";
import { formatTable } from "./table.ts";
import { wrap } from "./wrap.ts";

const QUEUES = Object.keys(payloadSchemas) as QueueName[];
const COUNTED = ["waiting", "active", "delayed", "failed", "completed"] as const;
const TAKEN_OUT = ["waiting", "delayed", "prioritized"] as const;

/** `queue ls|show|retry|drain`: the worker's jobs, and the dead letters that a person reads and replays. */
export function registerQueue(program: Command): void {
  const queue = program.command("queue").description("the worker's jobs, and those it gave up");
  const ls = withCommonOptions(queue.command("ls").description("how many jobs wait, run and failed; the dead letters"))
    .option("--all", "letters that were replayed or dropped too")
    .action((options: CommonOptions & { all?: boolean }) => guarded(options, () => list(options)));
  examples(ls, "rangekeeper queue ls --config vaults.toml", "rangekeeper queue ls --all --json");

  const show = withCommonOptions(
    queue
      .command("show")
      .argument("<what>", "number of a dead letter, or QUEUE/JOB")
      .description("one dead letter or one job, whole"),
  ).action((what: string, options: CommonOptions) => guarded(options, () => showOne(what, options)));
  examples(show, "rangekeeper queue show 3", "rangekeeper queue show evaluate/1-0x88e6...5640-19000000");

  const retry = withCommonOptions(
    queue
      .command("retry")
      .argument("[letters...]", "numbers of dead letters")
      .description("put given-up jobs back, after what broke them is mended"),
  )
    .option("--all", "every letter that waits")
    .action((letters: string[], options: CommonOptions & { all?: boolean }) =>
      guarded(options, () => retryLetters(letters, options)),
    );
  examples(retry, "rangekeeper queue retry 3", "rangekeeper queue retry --all");

  const drain = withCommonOptions(
    queue.command("drain").description("take out the jobs that wait; the journal loses nothing by it"),
  )
    .addOption(new Option("--queue <name>", "one queue only").choices(QUEUES))
    .addOption(new Option("--letters <n...>", "drop these dead letters instead").argParser(letterNumbers))
    .action((options: DrainOptions) => guarded(options, () => drainQueues(options)));
  examples(
    drain,
    "rangekeeper queue drain --queue evaluate",
    "rangekeeper queue drain --letters 3 4",
    "",
    "What the journal knows to be unfinished is put back at the next start.",
    "To stop a vault from moving use `pause` or `kill`.",
  );
}

interface DrainOptions extends CommonOptions {
  readonly queue?: QueueName;
  readonly letters?: readonly number[];
}

function letterNumbers(text: string, before: readonly number[] = []): readonly number[] {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new InvalidArgumentError(`${text}; rule: the number of a dead letter.`);
  return [...before, Number(text)];
}

/** Opens journal and queues of the configured worker. */
async function withQueues<T>(config: Config, work: (journal: Journal, queues: Queues) => Promise<T>): Promise<T> {
  return withJournal(config.journal.path, async (journal) => {
    // asked first because the queue library would wait for a Redis that is not there
    (await connectRedis(config.redis, () => undefined)).disconnect();
    const options = { connection: bullConnection(config.redis), prefix: queuePrefix(config, journal.identity) };
    const queues = openQueues(options, () => undefined);
    try {
      return await work(journal, queues);
    } finally {
      await queues.close();
    }
  });
}

async function list(options: CommonOptions & { all?: boolean }): Promise<void> {
  await withQueues(readConfig(options), async (journal, queues) => {
    const counted = QUEUES.map(async (name) => ({ name, ...(await queues[name].getJobCounts(...COUNTED)) }));
    const counts = (await Promise.all(counted)) as ({ name: QueueName } & Record<string, number>)[];
    const letters = journal.deadLetters({ all: options.all === true, limit: 100 });
    answer(options, { queues: counts, deadLetters: letters }, () => {
      const right = { align: "right" as const };
      const table = formatTable(
        [{ title: "queue" }, ...COUNTED.map((title) => ({ title, ...right }))],
        counts.map((row) => [row.name, ...COUNTED.map((state) => String(row[state] ?? 0))]),
      );
      return [table, "", ...(letters.length === 0 ? ["no dead letters"] : [formatLetters(letters)])].join("\n");
    });
  });
}

const formatLetters = (letters: readonly DeadLetter[]): string =>
  formatTable(
    [
      { title: "letter", align: "right" },
      { title: "at" },
      { title: "queue" },
      { title: "" },
      { title: "why", max: 34 },
    ],
    letters.map(({ id, queue, message, atMilliseconds, ended }) => [
      String(id),
      new Date(atMilliseconds).toISOString().slice(5, 16).replace("T", " "),
      queue,
      ended ?? "waits",
      message,
    ]),
  );

async function showOne(what: string, options: CommonOptions): Promise<void> {
  const config = readConfig(options);
  if (/^\d+$/.test(what)) {
    await withJournal(config.journal.path, (journal) => {
      const letter = letterOf(journal, Number(what));
      answer(options, letter, () => fields(letter));
    });
    return;
  }
  const [name = "", ...rest] = what.split("/");
  if (!QUEUES.includes(name as QueueName))
    throw new ConfigError(
      `what: ${what}; rule: a letter's number, or QUEUE/JOB with QUEUE one of ${QUEUES.join(", ")}`,
    );
  await withQueues(config, async (_journal, queues) => {
    const job = await queues[name as QueueName].getJob(rest.join("/"));
    if (!job) throw new ConfigError(`what: ${what}; rule: a job that the queue still holds`);
    const { id, data, attemptsMade, failedReason, timestamp, processedOn, finishedOn, progress } = job;
    const state = await job.getState();
    const found = {
      queue: name,
      id,
      state,
      data,
      attemptsMade,
      failedReason,
      timestamp,
      processedOn,
      finishedOn,
      progress,
    };
    answer(options, found, () => fields(found));
  });
}

const fields = (record: object): string =>
  Object.entries(record)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => wrap(`${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`, 2))
    .join("\n");

function letterOf(journal: Journal, id: number): DeadLetter {
  const letter = journal.deadLetter(id);
  if (letter) return letter;
  throw new ConfigError(`letter: ${id}; rule: the number of a dead letter (queue ls --all lists them)`);
}

async function retryLetters(numbers: readonly string[], options: CommonOptions & { all?: boolean }): Promise<void> {
  if ((numbers.length === 0) === (options.all !== true))
    throw new ConfigError("letters: name some numbers, or give --all; rule: one of the two");
  const wanted = numbers.flatMap((text) => letterNumbers(text));
  await withQueues(readConfig(options), async (journal, queues) => {
    const letters = options.all ? [...journal.deadLetters()].reverse() : wanted.map((id) => letterOf(journal, id));
    const replayed: number[] = [];
    const refused: { id: number; message: string }[] = [];
    for (const letter of letters) {
      try {
        await replay(journal, queues, letter);
        replayed.push(letter.id);
      } catch (error) {
        refused.push({ id: letter.id, message: error instanceof Error ? error.message : String(error) });
      }
    }
    answer(options, { replayed, refused }, () =>
      [
        replayed.length === 0 ? "nothing put back" : `put back: ${replayed.join(", ")}`,
        ...refused.map(({ id, message }) => wrap(`letter ${id}: ${message}`, 2)),
      ].join("\n"),
    );
    if (refused.length > 0) process.exitCode = 3;
  });
}

/** Queues a given-up job again; throws what makes it unfit, so that a letter is never ended without its job. */
async function replay(journal: Journal, queues: Queues, letter: DeadLetter): Promise<void> {
  if (letter.ended !== null) throw new RefusedError(`was ${letter.ended} before; rule: a letter is replayed once`);
  const name = letter.queue as QueueName;
  if (!QUEUES.includes(name)) throw new RefusedError(`queue ${name}; rule: a queue of this version`);
  const payload = parsePayload(name, JSON.parse(letter.payload));
  await ensureJob(queues, name, payload, { again: true });
  journal.endDeadLetter(letter.id, "replayed", Date.now());
}

async function drainQueues(options: DrainOptions): Promise<void> {
  await withQueues(readConfig(options), async (journal, queues) => {
    if (options.letters) {
      for (const id of options.letters) letterOf(journal, id);
      const dropped = options.letters.filter((id) => journal.endDeadLetter(id, "dropped", Date.now()));
      answer(options, { dropped }, () => (dropped.length === 0 ? "nothing dropped" : `dropped: ${dropped.join(", ")}`));
      return;
    }
    const names = options.queue ? [options.queue] : QUEUES;
    const drained: Record<string, number> = {};
    for (const name of names) {
      const counts = await queues[name].getJobCounts(...TAKEN_OUT);
      await queues[name].drain(true);
      drained[name] = Object.values(counts).reduce((sum, count) => sum + count, 0);
    }
    answer(options, { drained }, () =>
      Object.entries(drained)
        .map(([name, count]) => `${name}: ${count} taken out`)
        .join("\n"),
    );
  });
}
