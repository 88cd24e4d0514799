/** A fetch in a process of its own, to be killed: URL POOL OUT FROM TO CHUNK. It commits after every request. */
import { fetchEvents } from "../../rebalancer/data/fetchEvents.ts";
import { createDataRpc } from "../../rebalancer/data/rpc.ts";

const [url = "", pool = "", out = "", from = "", to = "", chunk = ""] = process.argv.slice(2);
const now = () => performance.now();
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
await fetchEvents({
  rpc: createDataRpc({ urls: [url], confirmations: 0, requestsPerSecond: 10_000, now, sleep }),
  pool: pool as `0x${string}`,
  out,
  fromBlock: Number(from),
  toBlock: Number(to),
  confirmations: 0,
  firstChunk: Number(chunk),
  largestChunk: Number(chunk),
  commitMs: 0,
  now,
});
