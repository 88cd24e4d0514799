import type { PublicClient } from "viem";
import type { Address } from "../../ml/types.ts";
import { RetryableError } from "../errors.ts";
import type { Attempt, Slot } from "../journal/attempts.ts";

/** What the chain says of a keeper's nonces. */
export interface NonceCounts {
  /** Transactions in blocks: the lowest nonce that can still be used. */
  readonly latest: number;
  /** The same with those that the node holds in its mempool. */
  readonly pending: number;
}

/** Transactions of a keeper that this journal does not know and that wait in a mempool; more is taken for a lie. */
const MOST_FOREIGN = 16;

/** Both counts, in one request where the client batches. */
export async function readNonceCounts(client: PublicClient, address: Address): Promise<NonceCounts> {
  const [latest, pending] = await Promise.all([
    client.getTransactionCount({ address, blockTag: "latest" }),
    client.getTransactionCount({ address, blockTag: "pending" }),
  ]);
  return { latest, pending };
}

export interface ChooseNonceParameters extends NonceCounts {
  readonly sender: Address;
  /** What the journal knows of nonces from `latest` on. */
  readonly slots: readonly Slot[];
  /** Nonces that the journal has seen used in blocks. */
  readonly spent: ReadonlySet<number>;
}

/**
 * The lowest nonce that nothing unfinished counts on, so that there is never a gap, and the earlier transactions with
 * it, which the new one takes the place of. Nonces that a stranger's transaction waits with are passed over; throws
 * RetryableError when the node tells of more of them than can be.
 */
export function chooseNonce(parameters: ChooseNonceParameters): {
  readonly nonce: number;
  readonly replaces: readonly Attempt[];
} {
  const { sender, latest, pending, slots, spent } = parameters;
  const known = new Map(slots.map((slot) => [slot.nonce, slot]));
  let foreign = 0;
  for (let nonce = latest; ; nonce++) {
    const slot = known.get(nonce);
    if (spent.has(nonce) || (slot !== undefined && slot.owners.length > 0)) continue;
    if (slot !== undefined || nonce >= pending) return { nonce, replaces: slot?.attempts ?? [] };
    foreign += 1;
    if (foreign > MOST_FOREIGN) {
      throw new RetryableError(
        `pending nonce of ${sender}: ${pending}; rule: at most ${MOST_FOREIGN} transactions of others beyond ${latest}`,
      );
    }
  }
}

/** Lets one piece of work at a time be done for each keeper; different keepers do not wait for each other. */
export interface KeeperLock {
  alone<T>(keeper: Address, work: () => Promise<T>): Promise<T>;
}

/** A lock of this process; between processes the journal decides. */
export function createKeeperLock(): KeeperLock {
  const last = new Map<Address, Promise<unknown>>();
  return {
    alone(keeper, work) {
      const before = last.get(keeper) ?? Promise.resolve();
      const mine = before.then(work, work);
      last.set(
        keeper,
        mine.catch(() => undefined),
      );
      return mine;
    },
  };
}
