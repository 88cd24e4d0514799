import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { type AnvilHandle, PortInUseError, startAnvil } from "../../../../rebalancer/cli/demo/anvil.ts";
import { createRpc, RpcCallError, RpcUnreachableError } from "../../../../rebalancer/cli/demo/rpc.ts";

const running: AnvilHandle[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((anvil) => anvil.stop()));
});

async function start(options: Partial<Parameters<typeof startAnvil>[0]> = {}) {
  const anvil = await startAnvil({ timestamp: 1_600_000_000, ...options });
  running.push(anvil);
  return anvil;
}

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

describe("anvil", () => {
  it("starts at the asked time on a free port and is gone after stop", async () => {
    const anvil = await start();
    const rpc = createRpc(anvil.url);
    const block = await rpc.call<{ timestamp: string }>("eth_getBlockByNumber", ["latest", false]);
    expect(Number(block.timestamp)).toBe(1_600_000_000);
    expect(Number(await rpc.call("eth_chainId"))).toBe(31337);
    await anvil.stop();
    await anvil.stop();
    expect(alive(anvil.pid)).toBe(false);
    await expect(rpc.call("eth_chainId")).rejects.toThrow(RpcUnreachableError);
  });

  it("says which port is in use", async () => {
    const server = createServer();
    const port = await new Promise<number>((resolve) => {
      server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port));
    });
    await expect(startAnvil({ timestamp: 1, port })).rejects.toThrow(PortInUseError);
    await expect(startAnvil({ timestamp: 1, port })).rejects.toThrow(`port ${port} is in use`);
    server.close();
  });

  it("ends with the process that started it, even when that is killed", async () => {
    const script = `import { startAnvil } from "./rebalancer/cli/demo/anvil.ts";
      startAnvil({ timestamp: 1 }).then((anvil) => console.log("pid", anvil.pid));
      setInterval(() => {}, 1000);`;
    const parent = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const pid = await new Promise<number>((resolve) => {
      let text = "";
      parent.stdout.on("data", (chunk: Buffer) => {
        text += chunk;
        const match = /pid (\d+)\n/.exec(text);
        if (match) resolve(Number(match[1]));
      });
    });
    expect(alive(pid)).toBe(true);
    parent.kill("SIGKILL");
    await expect.poll(() => alive(pid), { timeout: 10_000, interval: 20 }).toBe(false);
  });
});

describe("the RPC client", () => {
  it("names the method that the node refuses, inside a batch too", async () => {
    const rpc = createRpc((await start()).url);
    const calls = [
      { method: "eth_blockNumber", params: [] },
      { method: "eth_nonsense", params: [] },
    ];
    await expect(rpc.batch(calls)).rejects.toThrow(RpcCallError);
    await expect(rpc.batch(calls)).rejects.toThrow("eth_nonsense failed");
    expect(await rpc.batch([])).toEqual([]);
  });

  it("answers a batch in the order of its calls", async () => {
    const rpc = createRpc((await start()).url);
    const results = await rpc.batch([
      { method: "eth_chainId", params: [] },
      { method: "eth_blockNumber", params: [] },
      { method: "eth_chainId", params: [] },
    ]);
    expect(results).toEqual(["0x7a69", "0x0", "0x7a69"]);
  });
});
