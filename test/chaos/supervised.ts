import { type ChildProcess, spawn } from "node:child_process";

export interface LogLine {
  /** Milliseconds since the scenario began. */
  readonly at: number;
  readonly worker: string;
  readonly text: string;
}

/** How a worker's process ended without being told to by the suite. */
export interface Death {
  readonly at: number;
  readonly worker: string;
  readonly code: number | null;
  readonly lastWords: string;
}

/** A worker under a supervisor that starts it again whenever it is gone, as a service manager does. */
export interface Supervised {
  readonly name: string;
  readonly pid: () => number | undefined;
  /** Ends of the process that nobody ordered. */
  readonly deaths: readonly Death[];
  /** How often a process died at the milestone that `crashNext` named. */
  readonly crashes: () => number;
  /** SIGKILL now. */
  kill(): void;
  /** SIGKILL when the next process, or one after it, reaches a milestone for the nth time in its life. */
  crashNext(at: string): void;
  signal(name: NodeJS.Signals): void;
  /** Shifts the clock of this and of every later process. */
  shiftClock(milliseconds: number): void;
  /** SIGTERM and no new start; false when it had to be killed. */
  stop(): Promise<boolean>;
}

export interface SuperviseParameters {
  readonly name: string;
  readonly bundle: string;
  readonly env: NodeJS.ProcessEnv;
  readonly log: (worker: string, text: string) => void;
  readonly now: () => number;
  readonly restartMilliseconds: number;
  /** Not started again after an exit with this status: a refusal is an answer. */
  readonly finalCode?: number;
}

const PATIENCE_MILLISECONDS = 30_000;

export function supervise(parameters: SuperviseParameters): Supervised {
  const { name, bundle, env, log, now, restartMilliseconds, finalCode } = parameters;
  const deaths: Death[] = [];
  let child: ChildProcess | null = null;
  let timer: NodeJS.Timeout | null = null;
  let stopping = false;
  let crashes = 0;
  let killed = false;
  let crashAt = "";
  let clock: number | null = null;
  let onGone: (() => void) | null = null;

  function launch(): void {
    timer = null;
    let lastWords = "";
    const process_ = spawn(process.execPath, [bundle], {
      env: { ...env, CHAOS_CRASH_AT: crashAt },
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    const armed = crashAt;
    crashAt = "";
    killed = false;
    child = process_;
    log(name, `process ${process_.pid} started`);
    if (clock !== null) process_.send({ clockMilliseconds: clock });
    for (const stream of [process_.stdout, process_.stderr]) {
      let rest = "";
      stream?.on("data", (chunk: Buffer) => {
        const lines = (rest + chunk.toString("utf8")).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) {
          lastWords = `${lastWords}\n${line}`.slice(-1_500);
          log(name, line);
        }
      });
    }
    process_.on("error", () => {});
    process_.once("close", (code, signal) => {
      child = null;
      log(name, `process ${process_.pid} ended: ${signal ?? code}`);
      const crashed = armed !== "" && signal === "SIGKILL" && !killed;
      if (crashed) crashes += 1;
      // Something else ended it before it got there: its successor dies at that place.
      else if (crashAt === "") crashAt = armed;
      if (signal !== "SIGKILL" && !stopping)
        deaths.push({ at: now(), worker: name, code, lastWords: lastWords.trim() });
      onGone?.();
      if (!stopping && !(code !== null && code === finalCode)) timer = setTimeout(launch, restartMilliseconds);
    });
  }
  launch();
  return {
    name,
    deaths,
    pid: () => child?.pid,
    crashes: () => crashes,
    kill() {
      killed = true;
      child?.kill("SIGKILL");
    },
    crashNext(at) {
      crashAt = at;
    },
    signal: (signal) => void child?.kill(signal),
    shiftClock(milliseconds) {
      clock = milliseconds;
      child?.send({ clockMilliseconds: milliseconds }, () => {});
    },
    async stop() {
      stopping = true;
      if (timer) clearTimeout(timer);
      const running = child;
      if (!running) return true;
      const gone = new Promise<void>((resolve) => {
        onGone = resolve;
      });
      running.kill("SIGCONT");
      running.kill("SIGTERM");
      let willing = true;
      const impatience = setTimeout(() => {
        willing = false;
        running.kill("SIGKILL");
      }, PATIENCE_MILLISECONDS);
      await gone;
      clearTimeout(impatience);
      return willing;
    },
  };
}
