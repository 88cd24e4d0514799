/**
 * An open load: requests leave at a constant rate whatever the answers do, and each one's time runs from when it should
 * have left. Reads its orders as JSON from standard input and answers with `LoadResult` as JSON.
 */
import { Agent, get, type IncomingMessage } from "node:http";

export interface LoadOrders {
  readonly url: string;
  readonly perSecond: number;
  readonly seconds: number;
  /** Asked one after another, over and over. */
  readonly paths: readonly string[];
  /** Readers of the event stream beside it. */
  readonly streams: number;
  /** Requests that take at least so many milliseconds are told one by one. */
  readonly slowMilliseconds: number;
}

/** One request. */
export interface SlowRequest {
  readonly path: string;
  /** When it should have left, in milliseconds from the first one. */
  readonly dueMilliseconds: number;
  /** How long after that it left, and how long after it was due its answer had come. */
  readonly leftAfterMilliseconds: number;
  readonly tookMilliseconds: number;
}

export interface LoadResult {
  readonly sent: number;
  readonly answered: number;
  /** Answers other than 200, by status; 0 = none came. */
  readonly failed: Readonly<Record<string, number>>;
  readonly bytes: number;
  readonly events: number;
  readonly seconds: number;
  /** Milliseconds from when a request should have left to the end of its answer. */
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly most: number;
  /** How late the generator itself was at the 99th percentile: above the target it is what was measured. */
  readonly lateP99: number;
  /** Unix milliseconds of when the first request was due. */
  readonly beganAtMilliseconds: number;
  readonly slow: readonly SlowRequest[];
}

const STEP_MILLISECONDS = 2;
const PATIENCE_MILLISECONDS = 10_000;

async function main(): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  const orders = JSON.parse(Buffer.concat(chunks).toString("utf8")) as LoadOrders;
  process.stdout.write(`${JSON.stringify(await load(orders))}\n`, () => process.exit(0));
}

async function load({ url, perSecond, seconds, paths, streams, slowMilliseconds }: LoadOrders): Promise<LoadResult> {
  const { hostname, port } = new URL(url);
  const agent = new Agent({ keepAlive: true, maxSockets: 128 });
  const times: number[] = [];
  const late: number[] = [];
  const slow: SlowRequest[] = [];
  const failed: Record<string, number> = {};
  let [sent, bytes, events] = [0, 0, 0];
  for (let i = 0; i < streams; i++)
    get({ hostname, port, path: "/v1/events" }, (answer: IncomingMessage) => {
      answer.on("data", (chunk: Buffer) => {
        events += chunk.toString("latin1").split("\nevent: ").length - 1;
      });
    }).on("error", () => undefined);

  const ask = (path: string, due: number) =>
    new Promise<void>((resolve) => {
      const leftAfterMilliseconds = performance.now() - due;
      late.push(leftAfterMilliseconds);
      const finish = (status: number) => {
        const tookMilliseconds = performance.now() - due;
        if (tookMilliseconds >= slowMilliseconds)
          slow.push({ path, dueMilliseconds: due - began, leftAfterMilliseconds, tookMilliseconds });
        if (status === 200) times.push(tookMilliseconds);
        else failed[status] = (failed[status] ?? 0) + 1;
        resolve();
      };
      const request = get({ hostname, port, path, agent, timeout: PATIENCE_MILLISECONDS }, (answer) => {
        answer.on("data", (chunk: Buffer) => {
          bytes += chunk.length;
        });
        answer.on("end", () => finish(answer.statusCode ?? 0));
        answer.on("error", () => finish(0));
      });
      request.on("timeout", () => request.destroy());
      request.on("error", () => finish(0));
    });

  const began = performance.now();
  const beganAtMilliseconds = Date.now();
  const total = perSecond * seconds;
  const asked: Promise<void>[] = [];
  while (sent < total) {
    for (; sent < total; sent++) {
      const due = began + (sent * 1_000) / perSecond;
      if (due > performance.now()) break;
      asked.push(ask(paths[sent % paths.length] ?? "/healthz", due));
    }
    await new Promise((resolve) => setTimeout(resolve, STEP_MILLISECONDS));
  }
  await Promise.all(asked);
  const sorted = times.sort((a, b) => a - b);
  const at = (values: readonly number[], part: number) =>
    values[Math.min(values.length - 1, Math.floor(values.length * part))] ?? Number.NaN;
  return {
    sent,
    answered: times.length,
    failed,
    bytes,
    events,
    seconds: (performance.now() - began) / 1_000,
    p50: at(sorted, 0.5),
    p99: at(sorted, 0.99),
    p999: at(sorted, 0.999),
    most: sorted.at(-1) ?? Number.NaN,
    lateP99: at(
      late.sort((a, b) => a - b),
      0.99,
    ),
    beganAtMilliseconds,
    slow,
  };
}

void main();
