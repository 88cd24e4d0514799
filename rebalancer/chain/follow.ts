import type { PublicClient } from "viem";
import type { Hex } from "../../ml/types.ts";
import { type BlockStamp, getBlock } from "../chain.ts";
import { HeadRefusedError } from "./errors.ts";

/** Hashes remembered for finding out that the chain was reorganised. */
const REMEMBERED_BLOCKS = 256;
/** Headers read at once where blocks were not seen one by one: at the start, and after a gap. */
const BACKFILLED_BLOCKS = 32;

/** What a head that a node gives means for the chain that is followed. */
export type Step =
  /** Nothing new. */
  | { readonly kind: "same" }
  /** The chain goes on. */
  | { readonly kind: "on"; readonly head: BlockStamp }
  /** Another chain, proven by its parents; `fork` is the newest block that both have as far as is known. */
  | { readonly kind: "reorganised"; readonly head: BlockStamp; readonly fork: number }
  /** An older block that proves no other chain: the node lags, or was put back. Not believed. */
  | { readonly kind: "back"; readonly head: BlockStamp };

export interface Follower {
  /** The newest head that was believed; null before the first. */
  readonly head: BlockStamp | null;
  /**
   * Holds a head against what was seen before. Throws HeadRefusedError when it neither continues the chain nor proves
   * another one, and what the client throws.
   */
  consider(found: BlockStamp): Promise<Step>;
}

/** Follows one chain through the heads that nodes give. */
export function createFollower(client: PublicClient): Follower {
  let head: BlockStamp | null = null;
  /** Hash by number, newest last. */
  const seen = new Map<number, Hex>();

  function remember(found: BlockStamp, ancestors: readonly BlockStamp[] = []): void {
    for (const { number, hash } of [...ancestors, found]) {
      seen.delete(number);
      seen.set(number, hash);
    }
    for (const number of seen.keys()) {
      if (seen.size <= REMEMBERED_BLOCKS) break;
      seen.delete(number);
    }
    head = found;
  }

  /** The blocks before a head, oldest first, as far as they hang together; none is asked for at or below `above`. */
  async function backfill(found: BlockStamp, above: number): Promise<readonly BlockStamp[]> {
    const lowest = Math.max(0, above + 1, found.number - BACKFILLED_BLOCKS);
    const numbers = Array.from({ length: Math.max(0, found.number - lowest) }, (_, index) => found.number - 1 - index);
    const answers = await Promise.allSettled(numbers.map((number) => getBlock(client, number)));
    const chain: BlockStamp[] = [];
    let child = found;
    for (const answer of answers) {
      if (answer.status === "rejected" || answer.value.hash !== child.parentHash) break;
      chain.unshift(answer.value);
      child = answer.value;
    }
    return chain;
  }

  /** A head further up than the next block: the node must have the block before it, and the last one that was seen. */
  async function checkLeap(last: BlockStamp, found: BlockStamp): Promise<boolean> {
    const [parent, known] = await Promise.all([
      headerOf(client, found.number - 1, found),
      headerOf(client, last.number, found),
    ]);
    if (parent.hash !== found.parentHash) throw refused(found, `its parent ${found.parentHash} is not on its chain`);
    if (parent.timestamp > found.timestamp) throw refused(found, "it is older than its parent");
    return known.hash === last.hash;
  }

  /** The newest block seen that is on the chain of `found`, whose headers must hang together down to it. */
  async function findFork(last: BlockStamp, found: BlockStamp): Promise<number> {
    let child = found;
    const known = [...seen.keys()].filter((number) => number < found.number && number <= last.number).reverse();
    for (const number of known) {
      const header = await headerOf(client, number, found);
      if (header.number === child.number - 1 && header.hash !== child.parentHash)
        throw refused(found, `its ancestor ${header.number} is not the parent of ${child.number}`);
      if (seen.get(number) === header.hash) return number;
      child = header;
    }
    return (known.at(-1) ?? found.number) - 1;
  }

  return {
    get head() {
      return head;
    },
    async consider(found) {
      if (head === null) {
        remember(found, await backfill(found, -1));
        return { kind: "on", head: found };
      }
      if (found.hash === head.hash) return { kind: "same" };
      // Only another hash at a height that was seen proves another chain.
      const isSeen = seen.get(found.number);
      if (found.number <= head.number && (isSeen === undefined || isSeen === found.hash)) {
        return { kind: "back", head: found };
      }
      const next = found.number === head.number + 1 && found.parentHash === head.hash;
      const leap = !next && found.number > head.number + 1;
      if (next || (leap && (await checkLeap(head, found)))) {
        if (found.timestamp < head.timestamp) throw refused(found, "it is older than the block before it");
        remember(found, leap ? await backfill(found, head.number) : []);
        return { kind: "on", head: found };
      }
      const fork = await findFork(head, found);
      for (const number of [...seen.keys()]) if (number > fork) seen.delete(number);
      remember(found, await backfill(found, fork));
      return { kind: "reorganised", head: found, fork };
    },
  };
}

/** A header that the chain of `found` must have. */
async function headerOf(client: PublicClient, number: number, found: BlockStamp): Promise<BlockStamp> {
  if (number < 0) throw refused(found, "it has no parent");
  return getBlock(client, number).catch((cause) => {
    throw refused(found, `the node does not have its ancestor ${number}`, cause);
  });
}

const refused = ({ number, hash }: BlockStamp, why: string, cause?: unknown) =>
  new HeadRefusedError(`head: block ${number} ${hash}; rule: must continue the chain that was seen (${why})`, {
    cause,
  });
