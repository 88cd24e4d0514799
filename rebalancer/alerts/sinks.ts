import type { Config } from "../config.ts";
import { ConfigError } from "../errors.ts";

import { type AlertMessage, requestOf, type Sink } from "./message.ts";

const ATTEMPTS = 6;
const FIRST_PAUSE_MILLISECONDS = 1_000;
const LONGEST_PAUSE_MILLISECONDS = 60_000;
const LONGEST_RETRY_AFTER_MILLISECONDS = 600_000;
const TIMEOUT_MILLISECONDS = 10_000;
/** Messages that wait for one sink; older ones give way, because newer ones say how things are. */
const MOST_WAITING = 100;

/** A sink with its address. */
export interface OpenSink {
  readonly sink: Sink;
  readonly secret: string;
}

export type Delivery = "sent" | "refused" | "failed" | "dropped";

/** Where a sink's address or token comes from. */
export const sinkVariable = (name: string): string => `RANGEKEEPER_WEBHOOK_${name.toUpperCase().replaceAll("-", "_")}`;

/** Every configured sink with its address; throws ConfigError naming the variable of a missing or bad one. */
export function openSinks(config: Pick<Config, "alerts">, env: NodeJS.ProcessEnv): readonly OpenSink[] {
  return config.alerts.sinks.map((sink) => {
    const variable = sinkVariable(sink.name);
    const secret = env[variable];
    if (!secret) throw new ConfigError(`${variable}: missing; rule: the address of sink ${sink.name}`);
    const isAddress = URL.canParse(secret) && /^https?:$/.test(new URL(secret).protocol);
    const isToken = sink.kind === "telegram" && /^\d+:[\w-]{20,}$/.test(secret);
    if (!isAddress && !isToken) {
      const rule = sink.kind === "telegram" ? "a bot's token, or http(s)://HOST/bot<token>" : "an http(s) address";
      throw new ConfigError(`${variable}: [redacted]; rule: ${rule}`);
    }
    return { sink, secret };
  });
}

export interface CourierParameters extends OpenSink {
  readonly onDelivery: (message: AlertMessage, result: Delivery, detail: string) => void;
  readonly fetch?: typeof fetch;
  /** Tries of one message before it is left to the next look at the alerts; 6. */
  readonly attempts?: number;
  /** Waits so long, or until the signal fires. */
  readonly sleep?: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

/** Delivers one sink's messages in order, in the background. */
export interface Courier {
  readonly name: string;
  /** Takes a message; returns at once. The oldest waiting one is dropped when too many wait. */
  send(message: AlertMessage): void;
  /** Resolves when nothing waits. */
  idle(): Promise<void>;
  /** Ends deliveries, also one that waits. */
  stop(): Promise<void>;
}

/** A courier for a sink. */
export function startCourier(parameters: CourierParameters): Courier {
  const { sink, onDelivery } = parameters;
  const waiting: AlertMessage[] = [];
  const stopping = new AbortController();
  let running: Promise<void> | null = null;

  async function run(): Promise<void> {
    for (let message = waiting.shift(); message && !stopping.signal.aborted; message = waiting.shift()) {
      const { result, detail } = await deliver(parameters, message, stopping.signal);
      onDelivery(message, result, detail);
    }
    running = null;
  }
  return {
    name: sink.name,
    send(message) {
      if (stopping.signal.aborted) return;
      waiting.push(message);
      const oldest = waiting.length > MOST_WAITING ? waiting.shift() : undefined;
      if (oldest) onDelivery(oldest, "dropped", `more than ${MOST_WAITING} messages wait`);
      running ??= run();
    },
    idle: () => running ?? Promise.resolve(),
    async stop() {
      stopping.abort();
      waiting.length = 0;
      await running;
    },
  };
}

/** Sends one message, again and again while it may help. Never throws, and never says where it sent it. */
export async function deliver(
  { sink, secret, fetch: request = fetch, sleep = pause, attempts = ATTEMPTS }: Omit<CourierParameters, "onDelivery">,
  message: AlertMessage,
  signal: AbortSignal,
): Promise<{ readonly result: Delivery; readonly detail: string }> {
  const { url, body } = requestOf(sink, secret, message);
  let detail = "not tried";
  for (let attempt = 0; attempt < attempts && !signal.aborted; attempt++) {
    let wait = Math.min(FIRST_PAUSE_MILLISECONDS * 2 ** attempt, LONGEST_PAUSE_MILLISECONDS);
    try {
      const response = await request(url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
        redirect: "error",
        signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MILLISECONDS)]),
      });
      const text = (await response.text()).slice(0, 2_000);
      if (response.ok) return { result: "sent", detail: `status ${response.status}` };
      detail = `status ${response.status}`;
      if (response.status !== 429 && response.status < 500) return { result: "refused", detail };
      wait = Math.max(wait, retryAfterMilliseconds(response.headers.get("retry-after"), text));
    } catch (error) {
      // only the kind of failure: the message may quote the address
      detail = error instanceof Error && error.cause instanceof Error ? codeOf(error.cause) : codeOf(error);
    }
    if (attempt + 1 < attempts) await sleep(wait, signal);
  }
  return { result: "failed", detail };
}

/** What the sink asks to wait: Retry-After in seconds or as a date, or Discord's and Telegram's own field. */
function retryAfterMilliseconds(header: string | null, body: string): number {
  let seconds = header === null ? Number.NaN : Number(header);
  if (Number.isNaN(seconds) && header !== null) seconds = (Date.parse(header) - Date.now()) / 1_000;
  const [, told] = /"retry_after"\s*:\s*([\d.]+)/.exec(body) ?? [];
  const longest = Math.max(Number.isFinite(seconds) ? seconds : 0, Number(told ?? 0));
  return Math.min(Math.max(0, longest * 1_000), LONGEST_RETRY_AFTER_MILLISECONDS);
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return "failed";
  const { code } = error as { code?: unknown };
  return typeof code === "string" ? code : error.name;
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener("abort", done, { once: true });
    function done() {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
  });
}
