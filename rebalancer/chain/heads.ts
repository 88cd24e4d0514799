import { type BlockStamp, readHeader } from "../chain.ts";
import { explain } from "../errors.ts";
import { displayUrl } from "./displayUrl.ts";
import { wholeNumber } from "./quantities.ts";
import { openTextSocket, type TextSocket } from "./webSocket.ts";

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
  /** Told when heads are announced from now on (null), and why a socket was given up. */
  readonly onChange?: (failure: string | null) => void;
  /** Time between two questions whether somebody is still there, and how long an answer may take. */
  readonly checkMilliseconds?: number;
  readonly timeoutMilliseconds?: number;
}

const FIRST_WAIT_MILLISECONDS = 250;
const LONGEST_WAIT_MILLISECONDS = 5_000;
/** Blocks that polling may be ahead before a socket counts as silent. */
const SILENT_BLOCKS = 3;
const MAX_MESSAGE_BYTES = 1_048_576;
/** Ids of the only two questions that are asked. */
const [CHAIN_ID, SUBSCRIBE] = [1, 2];

/** Listens for new heads until closed: opens the socket again whenever it breaks, lies or falls silent. */
export function listenForHeads(parameters: ListenForHeadsParameters): Heads {
  const { url, chainId, onHead, onChange, checkMilliseconds = 15_000, timeoutMilliseconds = 5_000 } = parameters;
  let [newest, lastFailure, announced]: [number | null, string | null, string | null] = [null, null, null];
  let [headers, opened, unannounced, failures] = [0, 0, 0, 0];
  let socket: TextSocket | null = null;
  let isOpen = false;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;

  /** Ends this connection; the next is opened a while later, longer each time in a row. */
  function giveUp(why: string): void {
    if (closed) return;
    socket?.close();
    socket = null;
    isOpen = false;
    clearTimeout(timer);
    if (announced !== why) onChange?.(why);
    announced = why;
    lastFailure = why;
    failures += 1;
    const wait = Math.min(FIRST_WAIT_MILLISECONDS * 2 ** (failures - 1), LONGEST_WAIT_MILLISECONDS);
    timer = setTimeout(() => void open(), wait);
  }

  async function open(): Promise<void> {
    try {
      const found = await openTextSocket({
        url,
        timeoutMilliseconds,
        maxMessageBytes: MAX_MESSAGE_BYTES,
        onText: (text) => {
          if (socket === found) hear(text);
        },
        onEnd: (why) => {
          if (socket === found) giveUp(why);
        },
      });
      if (closed) return found.close();
      socket = found;
      ask();
    } catch (error) {
      giveUp(explain(error));
    }
  }

  /** Asks for the chain's id: first to know it, then now and then because a broken line may never say so. */
  function ask(): void {
    socket?.send(JSON.stringify({ jsonrpc: "2.0", id: CHAIN_ID, method: "eth_chainId", params: [] }));
    clearTimeout(timer);
    timer = setTimeout(() => giveUp(`no answer in ${timeoutMilliseconds} ms`), timeoutMilliseconds);
  }

  function hear(text: string): void {
    try {
      const message = JSON.parse(text) as { id?: unknown; method?: unknown; params?: unknown; result?: unknown };
      if (message.method === "eth_subscription") takeHead((message.params as { result?: unknown }).result);
      else if (message.id === CHAIN_ID) takeChainId(message.result);
      else if (message.id === SUBSCRIBE) takeSubscription(message.result);
    } catch (error) {
      giveUp(`a message that is none: ${explain(error)}`);
    }
  }

  function takeSubscription(result: unknown): void {
    if (typeof result !== "string") throw new Error("newHeads was refused");
    isOpen = true;
    opened += 1;
    unannounced = 0;
    announced = null;
    onChange?.(null);
  }

  function takeChainId(result: unknown): void {
    const found = wholeNumber.safeParse(result).data;
    if (found !== chainId) {
      giveUp(`chain ${found ?? "unknown"}; rule: must be ${chainId}`);
      return;
    }
    clearTimeout(timer);
    timer = setTimeout(ask, checkMilliseconds);
    if (isOpen) return;
    socket?.send(JSON.stringify({ jsonrpc: "2.0", id: SUBSCRIBE, method: "eth_subscribe", params: ["newHeads"] }));
  }

  function takeHead(result: unknown): void {
    const head = readHeader(result, "announced head");
    headers += 1;
    newest = head.number;
    unannounced = 0;
    failures = 0;
    onHead(head);
  }

  void open();
  let polled = -1;
  return {
    health: () => ({ url: displayUrl(url), open: isOpen, newest, headers, opened, lastFailure }),
    reached(block) {
      if (block === polled) return;
      polled = block;
      if (!isOpen || (newest !== null && block <= newest)) return;
      unannounced += 1;
      if (unannounced >= SILENT_BLOCKS) giveUp(`silent for ${unannounced} blocks`);
    },
    close() {
      closed = true;
      isOpen = false;
      clearTimeout(timer);
      socket?.close();
    },
  };
}
