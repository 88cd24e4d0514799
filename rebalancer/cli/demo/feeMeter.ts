import type { Address, Numeraire } from "../../../ml/types.ts";
import { rangeVaultAbi } from "../../../sdk/abi/rangeVault.ts";
import { decode, fetchLogs } from "../../report/chainEvents.ts";
import { worthOf } from "../../report/worth.ts";
import type { Snapshot } from "./recorder.ts";
import type { Rpc } from "./rpc.ts";

export interface FeeMeterParameters {
  readonly rpc: Rpc;
  readonly vault: Address;
  readonly numeraire: Numeraire;
  /** Decimals of the asset. */
  readonly decimals: number;
  /** First block to count. */
  readonly fromBlock: number;
}

/** Fees earned so far, collected and not, at the price of a snapshot; asset units (human). For progress, not for accounts. */
export function createFeeMeter({ rpc, vault, numeraire, decimals, fromBlock }: FeeMeterParameters) {
  let next = fromBlock;
  let collected0 = 0n;
  let collected1 = 0n;
  return async ({ block, sqrtPriceX96, fees }: Snapshot): Promise<number> => {
    for (const log of await fetchLogs(rpc, [vault], next, block)) {
      const event = decode(rangeVaultAbi, log);
      // What exits collected, and what moves did.
      const of =
        event?.eventName === "FeesCollected"
          ? event.args
          : event?.eventName === "Rebalanced"
            ? event.args.report
            : undefined;
      collected0 += of?.fees0 ?? 0n;
      collected1 += of?.fees1 ?? 0n;
    }
    next = block + 1;
    const open0 = fees.reduce((sum, { fees0 }) => sum + fees0, collected0);
    const open1 = fees.reduce((sum, { fees1 }) => sum + fees1, collected1);
    return worthOf(Number(open0), Number(open1), sqrtPriceX96, numeraire) / 10 ** decimals;
  };
}
