import { chainFaults } from "./faults/chain.ts";
import { clockFaults } from "./faults/clock.ts";
import { journalFaults } from "./faults/journal.ts";
import type { FaultKind } from "./faults/kind.ts";
import { nodeFaults } from "./faults/nodes.ts";
import { processFaults } from "./faults/process.ts";
import { redisFaults } from "./faults/redis.ts";
import { rivalFaults } from "./faults/rivals.ts";
import { rpcFaults } from "./faults/rpc.ts";
import { transactionFaults } from "./faults/transactions.ts";

const all = {
  ...processFaults,
  ...redisFaults,
  ...rivalFaults,
  ...rpcFaults,
  ...transactionFaults,
  ...chainFaults,
  ...clockFaults,
  ...journalFaults,
  ...nodeFaults,
};

export type FaultName = keyof typeof all;

/** Every kind of fault there is. A new kind is an entry in its group's file. */
export const FAULTS: Readonly<Record<FaultName, FaultKind>> = all;
