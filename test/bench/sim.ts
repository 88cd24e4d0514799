import { join } from "node:path";
import { readPoolState } from "../../ml/data/state.ts";
import { packOrders } from "../../ml/sim/exact/batch.ts";
import { createPool, type FastPool } from "../../ml/sim/exact/pool.ts";
import { createReferencePool } from "../../ml/sim/exact/reference.ts";
import type { ExactPool, PoolSnapshot, SwapOrder } from "../../ml/sim/exact/types.ts";
import { type Bench, type BenchRow, cpuSeconds, median } from "./bench.ts";
import { type Ended, type PlayAll, sdkPlayer, simulatorPlayer } from "./sim/peers.ts";
import { positions, workload, workloadPool } from "./sim/workload.ts";

const RUNS = 5;

/**
 * Swaps per second of processor time of our engines and of others, on the same pool with the same orders; what copies of
 * a pool cost. Options: --swaps N (default 20000), --seed N.
 */
export const bench: Bench = async ({ options, progress }) => {
  const option = (name: string, otherwise: number) => {
    const at = options.indexOf(`--${name}`);
    return at < 0 ? otherwise : Number(options[at + 1]);
  };
  progress("making the pool and the orders");
  const { orders, crossing } = workload(option("swaps", 20_000), option("seed", 7));
  const speeds = await swapSpeeds(orders, progress);
  const figure = (name: string, value: number, unit: string): BenchRow => ({
    name,
    value,
    unit,
    against: "",
    ratio: null,
  });
  return [
    figure("swaps that cross a tick", 100 * crossing, "%"),
    ...speeds,
    ...copyRows("600 ticks", workloadPool(createPool, 300), progress),
    ...realPoolRows(progress),
    figure("fees of one position, to the unit", feeQuerySeconds() * 1e9, "ns"),
  ];
};

async function swapSpeeds(orders: readonly SwapOrder[], progress: (line: string) => void): Promise<BenchRow[]> {
  const packed = packOrders(orders);
  const fast = workloadPool(createPool);
  const single = fast.fork();
  const start = workloadPool(createReferencePool).state();
  const names = { sdk: "@uniswap/v3-sdk, chained", simulator: "uniswap-v3-simulator 0.1.5" };
  const each = (pool: ExactPool) => () => {
    for (const order of orders) pool.swap(order);
  };
  const reference = workloadPool(createReferencePool);
  const batch = await speedOf(
    "fast engine, in a batch",
    orders.length,
    20,
    fromStart(fast, () => fast.swapMany(packed)),
  );
  const call = await speedOf("fast engine, one by one", orders.length, 10, fromStart(single, each(single)));
  const readable = await speedOf("readable engine", orders.length, 1, fromStart(reference, each(reference)));
  progress(`timing ${names.sdk}`);
  const sdk = await speedOf(names.sdk, orders.length, 1, playing(sdkPlayer(start.ticks, start.liquidity), orders));
  const simulator = simulatorPlayer(progress);
  const measured = [batch, call, readable, sdk];
  if (typeof simulator === "string") {
    progress(`${simulator}; its row is left out`);
  } else {
    progress(`timing ${names.simulator}`);
    measured.push(await speedOf(names.simulator, orders.length, 1, playing(simulator, orders)));
  }
  for (const { name, ended } of measured) {
    if (ended.sqrtPriceX96 !== batch.ended.sqrtPriceX96 || ended.liquidity !== batch.ended.liquidity) {
      throw new Error(
        `${name} ended at ${ended.sqrtPriceX96}, ${ended.liquidity}; the fast engine at ` +
          `${batch.ended.sqrtPriceX96}, ${batch.ended.liquidity}: they did not do the same swaps`,
      );
    }
  }
  const peers = measured.filter(({ name }) => name === names.sdk || name === names.simulator);
  const row = ({ name, speed }: Speed, against = "", ratio: number | null = null): BenchRow => ({
    name,
    value: speed,
    unit: "swaps/s",
    against,
    ratio,
  });
  return [
    ...[batch, call, readable].flatMap((ours) => peers.map((peer) => row(ours, peer.name, ours.speed / peer.speed))),
    ...peers.map((peer) => row(peer)),
  ];
}

interface Speed {
  readonly name: string;
  readonly speed: number;
  readonly ended: Ended;
}

interface Player {
  play(): void | Promise<void>;
  ended(): Ended;
  reset(): void;
}

function fromStart(pool: ExactPool, play: () => unknown): Player {
  const start = pool.snapshot();
  return {
    play: () => {
      play();
    },
    ended: () => ({ sqrtPriceX96: pool.sqrtPriceX96, liquidity: pool.liquidity }),
    reset: () => pool.restore(start),
  };
}

function playing(all: PlayAll, orders: readonly SwapOrder[]): Player {
  let last: Ended = { sqrtPriceX96: 0n, liquidity: 0n };
  return {
    play: async () => {
      last = await all(orders);
    },
    ended: () => last,
    reset: () => {},
  };
}

/** Median of several runs after one to warm up; each plays the orders from the start so many times. */
async function speedOf(name: string, swaps: number, times: number, player: Player): Promise<Speed> {
  const speeds: number[] = [];
  for (let run = 0; run <= RUNS; run++) {
    let seconds = 0;
    for (let time = 0; time < times; time++) {
      player.reset();
      // Processor time of the whole process: some of these answer with promises.
      const before = process.cpuUsage();
      await player.play();
      const { user, system } = process.cpuUsage(before);
      seconds += (user + system) / 1e6;
    }
    if (run > 0) speeds.push((swaps * times) / seconds);
  }
  return { name, speed: median(speeds), ended: player.ended() };
}

const perSecond = (times: number, work: () => void): number =>
  median(
    Array.from({ length: RUNS }, () =>
      cpuSeconds(() => {
        for (let i = 0; i < times; i++) work();
      }),
    ).map((seconds) => times / seconds),
  );

/** Forks per second, and returns to a snapshot per second, each with one swap so that the copy is really used. */
function copyRows(label: string, pool: FastPool, progress: (line: string) => void): BenchRow[] {
  progress(`copying a pool: ${label}`);
  const { sqrtPriceX96 } = pool;
  const down = { zeroForOne: true, amountSpecified: 1000n, sqrtPriceLimitX96: sqrtPriceX96 / 2n };
  const readable = createReferencePool(pool.state());
  const forks = (of: ExactPool, times: number) => perSecond(times, () => of.fork().swap(down));
  const returns = (of: ExactPool, times: number) => {
    const start: PoolSnapshot = of.snapshot();
    return perSecond(times, () => {
      of.restore(start);
      of.swap(down);
    });
  };
  const row = (name: string, value: number, unit: string, slow: number | null): BenchRow => ({
    name: `${name}, ${label}`,
    value,
    unit,
    against: slow === null ? "" : "readable engine",
    ratio: slow === null ? null : value / slow,
  });
  const snapshot = pool.snapshot() as PoolSnapshot & { readonly bytes: ArrayBuffer };
  return [
    row("forks", forks(pool, 3000), "forks/s", forks(readable, 100)),
    row("returns to a snapshot", returns(pool, 3000), "returns/s", returns(readable, 100)),
    row("snapshot", snapshot.bytes.byteLength, "bytes", null),
  ];
}

/** With RANGEKEEPER_DATA set: the WBTC/WETH pool of mainnet block 16,731,552. */
function realPoolRows(progress: (line: string) => void): BenchRow[] {
  const data = process.env.RANGEKEEPER_DATA;
  if (!data) {
    progress("RANGEKEEPER_DATA is not set: the rows of a real pool are left out");
    return [];
  }
  const state = readPoolState(join(data, "pools/ethereum_wbtc_weth_03_state_block16731552.json.gz"));
  return copyRows("WBTC/WETH", createPool(state), progress);
}

function feeQuerySeconds(): number {
  const pool = workloadPool(createPool);
  const keys = positions(100);
  let at = 0;
  return 1 / perSecond(50_000, () => pool.uncollectedFees(keys[at++ % keys.length] ?? positions(1)[0] ?? never()));
}

function never(): never {
  throw new Error("there are positions");
}
