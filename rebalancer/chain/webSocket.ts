import { WebSocket } from "ws";

/** One connection of text messages. */
export interface TextSocket {
  send(text: string): void;
  close(): void;
}

export interface OpenTextSocketParameters {
  readonly url: string;
  readonly timeoutMilliseconds: number;
  /** Longest message that is read. */
  readonly maxMessageBytes: number;
  readonly onText: (text: string) => void;
  /** Called once, when the connection is over for whatever reason but `close`. */
  readonly onEnd: (why: string) => void;
}

/**
 * Opens a WebSocket without extensions, its messages bounded. Rejects with an Error whose message holds nothing of the
 * address: the library's own messages may quote it, so only codes are passed on.
 */
export function openTextSocket(parameters: OpenTextSocketParameters): Promise<TextSocket> {
  const { url, timeoutMilliseconds, maxMessageBytes, onText, onEnd } = parameters;
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, {
      handshakeTimeout: timeoutMilliseconds,
      maxPayload: maxMessageBytes,
      perMessageDeflate: false,
    });
    let opened = false;
    let over = false;
    const end = (why: string) => {
      if (over) return;
      over = true;
      socket.terminate();
      if (opened) onEnd(why);
      else reject(new Error(`cannot be opened (${why})`));
    };
    socket.on("unexpected-response", (_request, { statusCode }) => end(`HTTP status ${statusCode}`));
    socket.on("error", (error: NodeJS.ErrnoException) => end(codeOf(error, maxMessageBytes)));
    socket.on("close", () => end("the connection broke"));
    socket.on("message", (data, isBinary) => {
      if (isBinary) end("a message that is no text");
      else if (!over) onText(String(data));
    });
    socket.on("open", () => {
      opened = true;
      resolve({
        send: (text) => {
          if (!over) socket.send(text);
        },
        close() {
          over = true;
          socket.terminate();
        },
      });
    });
  });
}

function codeOf({ code, message }: NodeJS.ErrnoException, maxMessageBytes: number): string {
  if (code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH") return `a message of more than ${maxMessageBytes} bytes`;
  if (message.includes("handshake has timed out")) return "no answer in time";
  return code ?? "broken connection";
}
