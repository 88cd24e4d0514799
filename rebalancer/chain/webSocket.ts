import { createHash, randomBytes } from "node:crypto";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import type { Duplex } from "node:stream";

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

/** What RFC 6455 appends to the client's key. */
const HANDSHAKE = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG] = [0x0, 0x1, 0x2, 0x8, 0x9, 0xa];

/**
 * Opens a WebSocket (RFC 6455, no extensions): Node has one of its own only from version 22 on, and what is read here
 * must be bounded. Rejects with an Error whose message holds nothing of the address.
 */
export function openTextSocket(parameters: OpenTextSocketParameters): Promise<TextSocket> {
  const { url, timeoutMilliseconds } = parameters;
  const target = new URL(url);
  const key = randomBytes(16).toString("base64");
  const user = `${decodeURIComponent(target.username)}:${decodeURIComponent(target.password)}`;
  return new Promise((resolve, reject) => {
    const sent = (target.protocol === "wss:" ? httpsRequest : httpRequest)({
      hostname: target.hostname.replace(/^\[|\]$/g, ""),
      port: target.port,
      path: `${target.pathname}${target.search}`,
      method: "GET",
      headers: { connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13", "sec-websocket-key": key },
      ...(user === ":" ? {} : { auth: user }),
    });
    const fail = (why: string) => {
      clearTimeout(timer);
      sent.destroy();
      reject(new Error(why));
    };
    const timer = setTimeout(() => fail(`not open after ${timeoutMilliseconds} ms`), timeoutMilliseconds);
    sent.on("error", (error: NodeJS.ErrnoException) => fail(`cannot be opened (${error.code ?? "broken connection"})`));
    sent.on("response", ({ statusCode }) => fail(`cannot be opened (HTTP status ${statusCode})`));
    sent.on("upgrade", ({ headers }, stream: Duplex, first: Buffer) => {
      const wanted = createHash("sha1").update(`${key}${HANDSHAKE}`).digest("base64");
      if (headers["sec-websocket-accept"] !== wanted) {
        stream.destroy();
        return fail("cannot be opened (wrong handshake)");
      }
      clearTimeout(timer);
      resolve(talk(stream, first, parameters));
    });
    sent.end();
  });
}

function talk(stream: Duplex, first: Buffer, parameters: OpenTextSocketParameters): TextSocket {
  const { maxMessageBytes, onText, onEnd } = parameters;
  let waiting = first;
  let message: Buffer[] = [];
  let over = false;

  function end(why: string | null): void {
    if (over) return;
    over = true;
    stream.destroy();
    if (why !== null) onEnd(why);
  }
  function send(opcode: number, payload: Buffer): void {
    if (!over) stream.write(frame(opcode, payload));
  }
  function takeText(payload: Buffer, isLast: boolean): void {
    message.push(payload);
    const length = message.reduce((sum, part) => sum + part.length, 0);
    if (length > maxMessageBytes) end(`a message of more than ${maxMessageBytes} bytes`);
    else if (isLast) {
      const text = Buffer.concat(message).toString("utf8");
      message = [];
      onText(text);
    }
  }
  function take({ fin, opcode, payload }: Frame): void {
    if (opcode === PING) send(PONG, payload);
    else if (opcode === CLOSE) end("closed by the node");
    else if (opcode === BINARY) end("a message that is no text");
    else if (opcode === TEXT || opcode === CONTINUATION) takeText(payload, fin);
    else if (opcode !== PONG) end(`a frame of unknown kind ${opcode}`);
  }
  function read(chunk: Buffer): void {
    waiting = waiting.length === 0 ? chunk : Buffer.concat([waiting, chunk]);
    for (let found = nextFrame(waiting, maxMessageBytes); !over && found; found = nextFrame(waiting, maxMessageBytes)) {
      if (found === "too-long") end(`a frame of more than ${maxMessageBytes} bytes`);
      else {
        waiting = waiting.subarray(found.size);
        take(found);
      }
    }
  }

  stream.on("data", read);
  stream.on("error", () => end("the connection broke"));
  stream.on("close", () => end("the connection broke"));
  // What came with the handshake is read after the caller has the socket in hand.
  setImmediate(() => read(Buffer.alloc(0)));
  return {
    send: (text) => send(TEXT, Buffer.from(text, "utf8")),
    close() {
      send(CLOSE, Buffer.alloc(0));
      end(null);
    },
  };
}

interface Frame {
  readonly fin: boolean;
  readonly opcode: number;
  readonly payload: Buffer;
  /** Bytes that it takes up with its header. */
  readonly size: number;
}

/** The first whole frame of a buffer; null when there is none yet. Frames of a server are not masked. */
function nextFrame(buffer: Buffer, maxBytes: number): Frame | "too-long" | null {
  if (buffer.length < 2) return null;
  const [head = 0, second = 0] = buffer;
  const short = second & 0x7f;
  const start = short === 126 ? 4 : short === 127 ? 10 : 2;
  if (buffer.length < start) return null;
  const length = short === 126 ? buffer.readUInt16BE(2) : short === 127 ? Number(buffer.readBigUInt64BE(2)) : short;
  if (length > maxBytes || second >= 0x80) return "too-long";
  if (buffer.length < start + length) return null;
  const payload = buffer.subarray(start, start + length);
  return { fin: head >= 0x80, opcode: head & 0x0f, payload, size: start + length };
}

/** A frame as a client must send it: masked. */
function frame(opcode: number, payload: Buffer): Buffer {
  const mask = randomBytes(4);
  const { length } = payload;
  const header = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  header[0] = 0x80 | opcode;
  if (length < 126) header[1] = 0x80 | length;
  else if (length < 65_536) {
    header[1] = 0x80 | 126;
    header.writeUInt16BE(length, 2);
  } else {
    header[1] = 0x80 | 127;
    header.writeBigUInt64BE(BigInt(length), 2);
  }
  const masked = Buffer.from(payload.map((byte, index) => byte ^ (mask[index % 4] as number)));
  return Buffer.concat([header, mask, masked]);
}
