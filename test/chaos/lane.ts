import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Mischief, type RpcProxy, startRpcProxy } from "../support/rpcProxy.ts";
import { type Fleet, type FleetMarket, openFleet } from "./fleet.ts";
import { type RedisServer, startRedisServer } from "./redisServer.ts";

/** Scenarios after which a lane takes a fresh anvil: one that was put back often keeps what it forgot in memory. */
const SCENARIOS_PER_ANVIL = 40;

/** Chain, Redis and proxy that scenarios are played on, one after the other. */
export interface Lane {
  readonly fleet: Fleet;
  readonly bundle: string;
  readonly folder: string;
  /** Where journals lie: a file system of its own where this process may mount one, so that it can be filled. */
  readonly journals: string;
  readonly mounted: boolean;
  readonly market: FleetMarket;
  readonly redis: RedisServer;
  readonly proxy: RpcProxy;
  /** The same node under another address, which answers as it should. */
  readonly secondProxy: RpcProxy;
  setMischief(mischief: Mischief): void;
  /** The deployed chain and an empty Redis again. */
  reset(): Promise<void>;
  stop(): Promise<void>;
}

export interface OpenLaneParameters {
  readonly fleet: Fleet;
  readonly bundle: string;
  readonly folder: string;
  /** Whether journals may be put on a file system of their own. */
  readonly mounts?: boolean;
}

/** Starts a lane's processes; stops them again when one does not start. */
export async function openLane({ fleet, bundle, folder, mounts = true }: OpenLaneParameters): Promise<Lane> {
  const journals = join(folder, "journals");
  mkdirSync(journals, { recursive: true });
  const mounted = mounts && mount(journals);
  let market: FleetMarket | null = null;
  let proxy: RpcProxy | null = null;
  let secondProxy: RpcProxy | null = null;
  let redis: RedisServer | null = null;
  let mischief: Mischief = () => null;
  let played = 0;
  let snapshot = "";
  const open = async () => {
    await proxy?.stop();
    await secondProxy?.stop();
    await market?.stop();
    market = await openFleet(fleet);
    proxy = await startRpcProxy(market.anvil.url, (call, forward) => mischief(call, forward));
    secondProxy = await startRpcProxy(market.anvil.url, () => null);
    snapshot = await market.rpc.call<string>("evm_snapshot");
  };
  const stop = async () => {
    await Promise.all([proxy?.stop(), secondProxy?.stop(), market?.stop(), redis?.kill({ wipe: true })]);
    if (mounted) execFileSync("umount", ["-l", journals], { stdio: "ignore" });
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await open();
    redis = await startRedisServer(join(folder, "redis"));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    fleet,
    bundle,
    folder,
    journals,
    mounted,
    get market() {
      return market as FleetMarket;
    },
    get proxy() {
      return proxy as RpcProxy;
    },
    get secondProxy() {
      return secondProxy as RpcProxy;
    },
    redis,
    setMischief(next) {
      mischief = next;
    },
    async reset() {
      mischief = () => null;
      if (++played % SCENARIOS_PER_ANVIL === 0) await open();
      else {
        const { rpc } = market as FleetMarket;
        await rpc.call("evm_revert", [snapshot]);
        await rpc.call("anvil_dropAllTransactions");
        await rpc.call("anvil_setNextBlockBaseFeePerGas", ["0x0"]);
        snapshot = await rpc.call<string>("evm_snapshot");
      }
      await redis?.kill({ wipe: true });
      await redis?.start();
    },
    stop,
  };
}

function mount(folder: string): boolean {
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=24m", "tmpfs", folder], { stdio: "ignore" });
    return true;
  } catch {
    // Not root, or no such file system here: the disk is then "full" by a limit on the size of files.
    return false;
  }
}
