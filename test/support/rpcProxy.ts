import { Agent, createServer, request } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";

export interface ProxiedCall {
  readonly id: number;
  readonly method: string;
  readonly params: readonly unknown[];
  /** How many calls of this method came before. */
  readonly nth: number;
}

export type Reply = { result?: unknown; error?: { code: number; message: string } };

/**
 * What a proxy does with a call: null = pass it on; a string is sent as it is; a number is an HTTP status. Of the calls
 * of one batch, one that hangs, has a status or is a string decides for all.
 */
export type Mischief = (call: ProxiedCall, forward: Forward) => Promise<Answer> | Answer;
/** The node's own answer: to the call, or to the same one with other parameters. */
export type Forward = (params?: readonly unknown[]) => Promise<Reply>;
type Answer = null | string | number | Reply | "hang";

export interface RpcProxy {
  readonly url: string;
  /** The same node over WebSocket; its messages are passed on as they are. */
  readonly webSocketUrl: string;
  readonly calls: readonly ProxiedCall[];
  /** Holds every request back until the function it returns is called. */
  hold(): () => void;
  /** Breaks the WebSocket connections that are open; returns how many there were. */
  cutWebSockets(): number;
  stop(): Promise<void>;
}

interface RawCall {
  id: number;
  method: string;
  params: unknown[];
}

/** A JSON-RPC node that passes calls, batches and WebSockets on to a real one, except where `mischief` says otherwise. */
export async function startRpcProxy(target: string, mischief: Mischief): Promise<RpcProxy> {
  const calls: ProxiedCall[] = [];
  const counts = new Map<string, number>();
  const agent = new Agent({ keepAlive: true, noDelay: true });
  const tunnels = new Set<Socket>();
  let gate: Promise<void> | null = null;

  const register = ({ id, method, params }: RawCall): ProxiedCall => {
    const nth = counts.get(method) ?? 0;
    counts.set(method, nth + 1);
    const call = { id, method, params, nth };
    calls.push(call);
    return call;
  };
  const forward = async (call: RawCall): Promise<Reply> => JSON.parse(await post(target, agent, JSON.stringify(call)));

  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", () => {
      serve(Buffer.concat(chunks).toString("utf8")).catch(() => response.destroy());
    });
    async function serve(body: string): Promise<void> {
      await gate;
      const parsed = JSON.parse(body) as RawCall | RawCall[];
      const list = Array.isArray(parsed) ? parsed : [parsed];
      const answers = await Promise.all(
        list.map((call) =>
          mischief(register(call), (params = call.params) => forward({ ...call, params: [...params] })),
        ),
      );
      if (answers.includes("hang")) return;
      const status = answers.find((answer) => typeof answer === "number");
      if (status !== undefined) {
        response.writeHead(status as number).end("no");
        return;
      }
      response.writeHead(200, { "content-type": "application/json" });
      const text = answers.find((answer) => typeof answer === "string");
      if (text !== undefined) response.end(text);
      else if (answers.every((answer) => answer === null)) response.end(await post(target, agent, body));
      else {
        const replies = await Promise.all(
          list.map(async (call, i) => ({
            jsonrpc: "2.0",
            ...((answers[i] as Reply | null) ?? (await forward(call))),
            id: call.id,
          })),
        );
        response.end(JSON.stringify(Array.isArray(parsed) ? replies : replies[0]));
      }
    }
  });
  // A WebSocket is passed on as bytes: what it carries is the node's own.
  server.on("upgrade", (incoming, socket: Socket, head) => {
    const { hostname, port } = new URL(target);
    const upstream = connect(Number(port), hostname, () => {
      const lines = [`${incoming.method} ${incoming.url} HTTP/1.1`];
      for (let i = 0; i < incoming.rawHeaders.length; i += 2)
        lines.push(`${incoming.rawHeaders[i]}: ${incoming.rawHeaders[i + 1]}`);
      upstream.write(`${lines.join("\r\n")}\r\n\r\n`);
      upstream.write(head);
      socket.pipe(upstream).pipe(socket);
    });
    tunnels.add(socket);
    const close = () => {
      tunnels.delete(socket);
      socket.destroy();
      upstream.destroy();
    };
    for (const end of [socket, upstream]) end.on("error", close).on("close", close);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const cutWebSockets = () => {
    const open = tunnels.size;
    for (const socket of tunnels) socket.destroy();
    return open;
  };
  return {
    url: `http://127.0.0.1:${port}`,
    webSocketUrl: `ws://127.0.0.1:${port}`,
    calls,
    hold() {
      let release = () => {};
      const held = new Promise<void>((resolve) => {
        release = () => {
          if (gate === held) gate = null;
          resolve();
        };
      });
      gate = held;
      return release;
    },
    cutWebSockets,
    stop: () =>
      new Promise((resolve) => {
        cutWebSockets();
        agent.destroy();
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

function post(url: string, agent: Agent, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const call = request(url, { method: "POST", agent, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => resolve(Buffer.concat(chunks).toString("utf8")));
      response.on("error", reject);
    });
    call.on("error", reject);
    call.end(body);
  });
}
