import { getWebSocketRpcClient } from "viem/utils";
import { type BlockStamp, readHeader } from "../chain.ts";
import { explain } from "../errors.ts";
import { displayUrl } from "./displayUrl.ts";
import { wholeNumber } from "./quantities.ts";

/** Headers as a node announces them over a WebSocket: a reason to look, never more. */
export interface Heads {
  health(): HeadsHealth;
  /** Tells which block polling has reached; a socket that stays silent meanwhile is opened anew. */
  reached(block: number): void;
  close(): void;
}

export interface HeadsHealth {
  /** The address without what may be a key. */
  readonly url: string;
  readonly open: boolean;
  /** Newest block announced; null before the first. */
  readonly newest: number | null;
  readonly headers: number;
  /** Times that it was opened, the first one too. */
  readonly opened: number;
  readonly lastFailure: string | null;
}

export interface ListenForHeadsParameters {
  readonly url: string;
  readonly chainId: number;
  readonly onHead: (head: BlockStamp) => void;
  /** Told when the socket opens (null) and why it was given up. */
  readonly onChange?: (failure: string | null) => void;
  /** Time between two questions whether somebody is still there. */
  readonly checkMilliseconds?: number;
}

type Client = Awaited<ReturnType<typeof getWebSocketRpcClient>>;

const OPEN_TIMEOUT_MILLISECONDS = 5_000;
const FIRST_WAIT_MILLISECONDS = 250;
const LONGEST_WAIT_MILLISECONDS = 5_000;
/** Blocks that polling may be ahead before a socket counts as silent. */
const SILENT_BLOCKS = 3;

/** Listens for new heads until closed: opens the socket again whenever it breaks, lies or falls silent. */
export function listenForHeads(parameters: ListenForHeadsParameters): Heads {
  const { url, chainId, onHead, onChange, checkMilliseconds = 15_000 } = parameters;
  let [newest, lastFailure]: [number | null, string | null] = [null, null];
  let [headers, opened, polled] = [0, 0, 0];
  let client: Client | null = null;
  let closed = false;
  let failures = 0;
  let timer: NodeJS.Timeout | undefined;

  function giveUp(failed: Client | null, why: string): void {
    if (closed || failed !== client) return;
    client = null;
    failed?.close();
    clearTimeout(timer);
    if (lastFailure !== why || failures === 0) onChange?.(why);
    lastFailure = why;
    failures += 1;
    timer = setTimeout(open, Math.min(FIRST_WAIT_MILLISECONDS * 2 ** (failures - 1), LONGEST_WAIT_MILLISECONDS));
  }

  async function open(): Promise<void> {
    let mine: Client | null = null;
    try {
      mine = await connect(url);
      if (closed) return mine.close();
      client = mine;
      await checkChainId(mine);
      if (mine !== client) return;
      mine.request({
        body: { method: "eth_subscribe", params: ["newHeads"] },
        onError: (error) => giveUp(mine, error instanceof Error ? explain(error) : "the connection broke"),
        onResponse: (response) => hear(mine as Client, response),
      });
      opened += 1;
      polled = 0;
      watch(mine);
    } catch (error) {
      client = mine;
      giveUp(mine, explain(error));
    }
  }

  async function checkChainId(of: Client): Promise<void> {
    const response = await of.requestAsync({ body: { method: "eth_chainId" }, timeout: OPEN_TIMEOUT_MILLISECONDS });
    const found = wholeNumber.safeParse(response.result).data;
    if (found !== chainId) throw new Error(`chain ${found ?? "unknown"}; rule: must be ${chainId}`);
  }

  /** Asks now and then whether somebody is still there: a broken line may never say so. */
  function watch(of: Client): void {
    clearTimeout(timer);
    timer = setTimeout(() => {
      checkChainId(of).then(
        () => of === client && watch(of),
        (error) => giveUp(of, explain(error)),
      );
    }, checkMilliseconds);
    timer.unref();
  }

  function hear(from: Client, response: { error?: unknown; method?: unknown; params?: unknown }): void {
    if (from !== client) return;
    if (response.error) {
      giveUp(from, `newHeads: ${JSON.stringify(response.error).slice(0, 120)}`);
      return;
    }
    if (response.method !== "eth_subscription") {
      onChange?.(null);
      return;
    }
    try {
      const head = readHeader((response.params as { result?: unknown } | undefined)?.result, "announced head");
      headers += 1;
      newest = head.number;
      polled = 0;
      failures = 0;
      onHead(head);
    } catch (error) {
      giveUp(from, explain(error));
    }
  }

  void open();
  return {
    health: () => ({ url: displayUrl(url), open: client !== null, newest, headers, opened, lastFailure }),
    reached(block) {
      if (client === null || (newest !== null && block <= newest)) return;
      polled += 1;
      if (polled >= SILENT_BLOCKS) giveUp(client, `silent for ${polled} blocks`);
    },
    close() {
      closed = true;
      clearTimeout(timer);
      client?.close();
      client = null;
    },
  };
}

/** A connection, or an error within a bounded time; one that comes later is closed again. */
async function connect(url: string): Promise<Client> {
  const opening = getWebSocketRpcClient(url, { keepAlive: false, reconnect: false });
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      opening.then((client) => client.close()).catch(() => undefined);
      reject(new Error(`not open after ${OPEN_TIMEOUT_MILLISECONDS} ms`));
    }, OPEN_TIMEOUT_MILLISECONDS);
  });
  try {
    return await Promise.race([opening, late]);
  } catch (error) {
    // the socket's own error event carries little, and its message may carry the address
    if (error instanceof Error && error.message.startsWith("not open")) throw error;
    throw new Error("cannot be opened");
  } finally {
    clearTimeout(timer);
  }
}
