import { type Config, resolveVaults } from "../config.ts";
import { explain } from "../errors.ts";

/** Something that the schema allows and a person should know. */
export interface Finding {
  /** `error` = a worker would not start; `warning` = it would, and probably not do what is wanted. */
  readonly level: "error" | "warning";
  readonly field: string;
  readonly message: string;
}

const ZERO = /^0x0{40}$/;
const LOOPBACK = /^(127\.\d+\.\d+\.\d+|localhost):/;

/** What a configuration means where its fields are read together, each finding as field and sentence. */
export function findingsOf(config: Config): readonly Finding[] {
  const findings: Finding[] = [];
  const find = (level: Finding["level"], field: string, message: string) => findings.push({ level, field, message });
  const { evaluate, rpc, worker, decision, trips } = config;

  try {
    resolveVaults(config);
  } catch (error) {
    // The deploy script reads the same file before there is a deployment.
    find(
      "warning",
      "vaults",
      `are not all known yet, so no worker would start: ${explain(error).replace(/^config /, "")}`,
    );
  }
  config.vaults.forEach((vault, index) => {
    const at = `vaults.${index}`;
    for (const field of ["vault", "pool", "lens", "strategyContract"] as const) {
      const value = vault[field];
      if (value !== undefined && ZERO.test(value))
        find("warning", `${at}.${field}`, "is the zero address: nothing is there");
    }
    if (vault.keeper === vault.signer) {
      find("warning", `${at}.keeper`, `is also the signer (${vault.signer}): a lost keeper is then a lost model key`);
    }
    for (const role of ["keeper", "signer"] as const) {
      const name = vault[role];
      if (name !== role && !(name in config.keys)) {
        find(
          "warning",
          `${at}.${role}`,
          `names the key ${name}, which [keys] does not list; it is read from the environment`,
        );
      }
    }
  });
  if (evaluate.minHistorySeconds > evaluate.lookbackSeconds) {
    find(
      "warning",
      "evaluate.minHistorySeconds",
      `is above lookbackSeconds ${evaluate.lookbackSeconds}: nothing would ever move`,
    );
  }
  if (evaluate.horizonSeconds < evaluate.everySeconds) {
    find(
      "warning",
      "evaluate.horizonSeconds",
      `is below everySeconds ${evaluate.everySeconds}: a move is judged before the next look`,
    );
  }
  if (decision.hysteresisBps === 0)
    find("warning", "decision.hysteresisBps", "is 0: a vault moves for any gain at all");
  if (worker.priorityFeeGwei > worker.maxFeePerGasGwei) {
    find(
      "error",
      "worker.priorityFeeGwei",
      `is above maxFeePerGasGwei ${worker.maxFeePerGasGwei}: nothing could be sent`,
    );
  }
  if (worker.mode === "live" && trips.keeperMoves === 0) {
    find("warning", "trips.keeperMoves", "is 0: nobody is told when the keeper runs out of money");
  }
  if (worker.mode === "live" && trips.headLagSeconds === undefined) {
    find("warning", "trips.headLagSeconds", "is not set: a node that stands still does not stop the worker");
  }
  if (rpc.fallbackUrls.includes(config.rpcUrl)) {
    find("warning", "rpc.fallbackUrls", "holds rpcUrl: the same node twice is no fail-over");
  }
  if (new Set(rpc.fallbackUrls).size < rpc.fallbackUrls.length) {
    find("warning", "rpc.fallbackUrls", "names one node twice");
  }
  if (config.models.challengers.includes(config.models.set)) {
    find("warning", "models.challengers", `holds the champion ${config.models.set}`);
  }
  for (const [field, place] of [
    ["api.listen", config.api.listen],
    ["metrics.listen", config.metrics.listen],
  ] as const) {
    if (place !== undefined && !LOOPBACK.test(place))
      find("warning", field, `is ${place}: reachable from other machines`);
  }
  if (config.metrics.listen === config.api.listen)
    find("error", "metrics.listen", "is api.listen: one port answers once");
  return findings;
}
