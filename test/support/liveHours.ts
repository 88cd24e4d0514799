import { toQuantity } from "../../rebalancer/cli/demo/rpc.ts";
import type { Config } from "../../rebalancer/config.ts";
import { run } from "../../rebalancer/main.ts";
import type { LocalDeployment } from "./deployment.ts";
import { settled } from "./lockstep.ts";

const ONE = 10n ** 18n;

/** Hours in which the market falls, then comes back: the vault's range is left behind twice. */
const DRIFT: Readonly<Record<number, bigint>> = { 4: -30_000n, 5: -40_000n, 12: 40_000n, 13: 45_000n };

export interface LiveHoursParameters {
  readonly local: LocalDeployment;
  /** Of `local.configure`. */
  readonly changes?: Record<string, unknown>;
  readonly hours: number;
  /** Wei per gas of the first block; each block after it follows from how full the one before was. Absent = free. */
  readonly baseFeePerGas?: bigint;
  /** Called when an hour's decision rests. */
  readonly afterHour?: (config: Config, hour: number) => Promise<void>;
}

/**
 * Runs a live worker in this process through hours of a market that trades every few minutes, sometimes at a block
 * without a swap of the pool, and drifts; returns the configuration it ran with.
 */
export async function liveHours({ local, changes = {}, hours, baseFeePerGas, afterHour }: LiveHoursParameters) {
  const { path, config } = local.configure(changes);
  if (baseFeePerGas !== undefined)
    await local.market.rpc.call("anvil_setNextBlockBaseFeePerGas", [toQuantity(baseFeePerGas)]);
  const stop = new AbortController();
  const running = run({ config, signal: stop.signal, live: config.worker.mode === "live", env: local.env });
  const ended = running.then(() => {
    throw new Error("the worker ended by itself");
  });
  ended.catch(() => undefined);
  const rest = (block: number) => Promise.race([settled(local, block), ended]);
  try {
    for (let hour = 0; hour < hours; hour++) {
      const drift = DRIFT[hour] ?? 0n;
      const start = local.time + 3_600 - (local.time % 3_600);
      if (drift !== 0n) {
        local.time = start - 1_800;
        const amountIn = (drift < 0n ? -drift : drift) * ONE;
        await local.market.swap(local.time, [{ zeroForOne: drift < 0n, amountIn }]);
      }
      // Every third hour begins with a block in which nobody trades.
      const block = hour % 3 === 2 ? await quiet(local, start - local.time) : await local.tick(start - local.time);
      await rest(block);
      await afterHour?.(config, hour);
      // What was sent is mined in the next block.
      await rest(await quiet(local, 12));
      await local.tick(600 + hour * 7);
    }
  } finally {
    stop.abort();
    await running;
  }
  return { path, config };
}

/** Mines a block without a swap. */
async function quiet(local: LocalDeployment, seconds: number): Promise<number> {
  local.time += seconds;
  return local.market.swap(local.time, []);
}
