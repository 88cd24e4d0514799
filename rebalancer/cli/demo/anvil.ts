import { type ChildProcess, spawn } from "node:child_process";
import { BaseError } from "../../../ml/errors.ts";
import { foundryBinary } from "../../../scripts/foundry.mjs";
import { killWhenOrphaned } from "./killWhenOrphaned.ts";
import { freePort } from "./redis.ts";

/** Something else listens on the port that was asked for. */
export class PortInUseError extends BaseError {
  override name = "PortInUseError";
}

/** anvil stopped, or did not listen in time; the message carries its last words. */
export class AnvilStartError extends BaseError {
  override name = "AnvilStartError";
}

export interface AnvilParameters {
  /** 0 or absent = a free one. */
  readonly port?: number;
  /** Unix seconds of the genesis block. */
  readonly timestamp: number;
  readonly chainId?: number;
  /** Wei per gas of the first block; 0 by default, so that accounts without ether can act. */
  readonly baseFeeWei?: bigint;
  /** Gas of one block. */
  readonly gasLimit?: bigint;
  /** States of past blocks that can still be read; older ones are dropped, their blocks and logs are not. */
  readonly keptStates?: number;
  /** Mine a block per transaction; false = only when told to. */
  readonly automine?: boolean;
}

export interface AnvilHandle {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Ends the process; safe to call twice. */
  stop(): Promise<void>;
}

/**
 * Starts anvil from the native binary on a loopback port. Every account is unlocked, transactions keep the order in
 * which they arrive, and the process ends with this one however this one ends.
 */
export async function startAnvil(parameters: AnvilParameters): Promise<AnvilHandle> {
  const { timestamp, chainId = 31337, baseFeeWei = 0n, gasLimit = 1_000_000_000n, keptStates = 256 } = parameters;
  const port = parameters.port || (await freePort());
  const child = spawn(
    foundryBinary("anvil"),
    [
      ["--host", "127.0.0.1", "--port", port],
      ["--chain-id", chainId, "--timestamp", timestamp, "--order", "fifo", "--auto-impersonate"],
      ["--gas-limit", gasLimit, "--block-base-fee-per-gas", baseFeeWei, "--disable-min-priority-fee"],
      ["--no-request-size-limit", "--prune-history", keptStates],
      parameters.automine === false ? ["--no-mining"] : [],
    ]
      .flat()
      .map(String),
    // Its own process group: Ctrl-C reaches this process alone, which then stops anvil in order.
    { stdio: ["ignore", "pipe", "pipe"], detached: true },
  );
  killWhenOrphaned(child);
  await waitUntilListening(child, port);
  const pid = child.pid;
  if (pid === undefined) throw new AnvilStartError("anvil has no process id", { details: { port } });
  const killNow = () => child.kill("SIGKILL");
  process.once("exit", killNow);
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    pid,
    async stop() {
      process.off("exit", killNow);
      if (child.exitCode !== null || child.signalCode !== null) return;
      await new Promise<void>((resolve) => {
        child.ref();
        child.once("exit", () => resolve());
        child.kill("SIGKILL");
      });
    },
  };
}

function waitUntilListening(child: ChildProcess, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let output = "";
    const listen = (chunk: Buffer) => {
      output = (output + chunk).slice(-4000);
      if (output.includes("Listening on")) settle();
    };
    const stopped = () => {
      const inUse = /in use/i.test(output);
      const details = { port, output };
      settle(
        inUse
          ? new PortInUseError(`port ${port} is in use: stop what listens there, or choose another port`, { details })
          : new AnvilStartError(`anvil stopped before it listened on port ${port}: ${output.trim().slice(-400)}`, {
              details,
            }),
      );
    };
    const failed = (cause: Error) =>
      settle(new AnvilStartError(`anvil cannot be started: ${cause.message}`, { cause, details: { port } }));
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      settle(new AnvilStartError(`anvil did not listen on port ${port} within 20 s`, { details: { port, output } }));
    }, 20_000);
    function settle(error?: BaseError) {
      clearTimeout(timer);
      child.off("exit", stopped);
      child.off("error", failed);
      // Its log is not needed, but a full pipe would stop it.
      for (const stream of [child.stdout, child.stderr]) {
        stream?.off("data", listen);
        stream?.resume();
        (stream as unknown as { unref?: () => void } | null)?.unref?.();
      }
      child.unref();
      if (error) reject(error);
      else resolve();
    }
    child.stdout?.on("data", listen);
    child.stderr?.on("data", listen);
    child.once("exit", stopped);
    child.once("error", failed);
  });
}
