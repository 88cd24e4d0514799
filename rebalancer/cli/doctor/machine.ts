import { accessSync, constants, existsSync, mkdirSync, statfsSync } from "node:fs";
import { createServer } from "node:net";
import { dirname } from "node:path";
import type { Config } from "../../config.ts";
import { openJournal } from "../../journal.ts";
import { type Check, fail, look, ok, warn } from "./check.ts";

const LEAST_NODE = [20, 19] as const;
const MEBIBYTE = 2 ** 20;
/** A journal grows by some kilobytes per decision; below this a busy worker has days. */
const WARN_BYTES = 1_024 * MEBIBYTE;
const LEAST_BYTES = 100 * MEBIBYTE;

/** What this machine must have: Node, a place for journal and log, disk space, free ports. */
export async function checkMachine(config: Config): Promise<readonly Check[]> {
  return [
    await look("node", "install Node 20.19 or newer", () => checkNode(process.versions.node)),
    await look("journal", `make ${dirname(config.journal.path)} writable for this user`, () => checkJournal(config)),
    await look("disk", "free some space", () => checkDisk(config.journal.path)),
    ...(config.log.file === undefined ? [] : [await checkLogFile(config.log.file)]),
    ...(config.metrics.listen === undefined ? [] : [await checkPort("metrics", config.metrics.listen)]),
  ];
}

function checkNode(version: string) {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const enough = major > LEAST_NODE[0] || (major === LEAST_NODE[0] && minor >= LEAST_NODE[1]);
  return enough ? ok(version) : fail(version, `install Node ${LEAST_NODE.join(".")} or newer`);
}

function checkJournal({ journal }: Config) {
  const { path } = journal;
  const folder = dirname(path);
  if (!existsSync(folder)) return fail(`${folder} does not exist`, `mkdir -p ${folder}`);
  accessSync(folder, constants.W_OK);
  if (!existsSync(path)) return ok(`${path} will be created`);
  accessSync(path, constants.W_OK);
  const store = openJournal(path, () => "doctor");
  try {
    const [last] = store.decisions({ limit: 1 });
    return ok(`${path}, ${last ? `last decision at block ${last.block}` : "no decision yet"}`);
  } finally {
    store.close();
  }
}

function checkDisk(path: string) {
  const { bavail, bsize } = statfsSync(nearestFolder(dirname(path)));
  const free = bavail * bsize;
  const text = `${(free / MEBIBYTE / 1_024).toFixed(1)} GiB free beside the journal`;
  if (free < LEAST_BYTES) return fail(text, "free at least 1 GiB; a worker that cannot journal does nothing");
  return free < WARN_BYTES ? warn(text, "free some space before the journal grows") : ok(text);
}

const nearestFolder = (folder: string): string => (existsSync(folder) ? folder : nearestFolder(dirname(folder)));

const checkLogFile = (file: string): Promise<Check> =>
  look("log file", `make ${dirname(file)} writable for this user`, () => {
    mkdirSync(dirname(file), { recursive: true });
    accessSync(existsSync(file) ? file : dirname(file), constants.W_OK);
    return ok(file);
  });

/** A port is free, or a worker of ours answers there already. */
function checkPort(name: string, listen: string): Promise<Check> {
  const [host = "127.0.0.1", port = "0"] = listen.split(":");
  const fix = `choose another ${name}.listen, or stop what listens at ${listen}`;
  return look(name, fix, async () => {
    const error = await new Promise<NodeJS.ErrnoException | null>((resolve) => {
      const server = createServer();
      server.once("error", resolve);
      server.listen(Number(port), host, () => server.close(() => resolve(null)));
    });
    if (error === null) return ok(`${listen} is free`);
    if (error.code !== "EADDRINUSE") throw error;
    const answer = await fetch(`http://${listen}/healthz`, { signal: AbortSignal.timeout(2_000) }).catch(() => null);
    return answer?.ok ? ok(`a worker answers at ${listen}`) : fail(`something else listens at ${listen}`, fix);
  });
}
