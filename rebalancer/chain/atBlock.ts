import { type Client, createClient, type PublicClient } from "viem";
import { z } from "zod";
import type { Hex } from "../../ml/types.ts";
import { ChainAnswerError } from "./errors.ts";
import { hash, toHex } from "./quantities.ts";

/** Where each method takes its block. */
const BLOCK_PARAMETER: Readonly<Record<string, number>> = {
  eth_call: 1,
  eth_getBalance: 1,
  eth_getCode: 1,
  eth_getTransactionCount: 1,
  eth_getStorageAt: 2,
};

/** The last one of each client: a block is read in several places. */
const last = new WeakMap<PublicClient, { readonly hash: Hex; readonly bound: Client }>();
/** Clients whose node knows blocks by number only. */
const numbersOnly = new WeakSet<PublicClient>();
const hashOfBlock = z.object({ hash }).nullable();

/**
 * A client that reads the state of one block and of no other of the same number: reads at `block.number` are bound to
 * its hash (EIP-1898), so that two nodes on two forks cannot mix. Where the node takes numbers only, the block's hash
 * is asked for after each read; ChainAnswerError when it has become another.
 */
export function atBlock(client: PublicClient, block: { readonly number: number; readonly hash: Hex }): Client {
  const known = last.get(client);
  if (known?.hash === block.hash) return known.bound;
  const number = toHex(block.number);
  const forward = client.request as (call: { method: string; params: readonly unknown[] }) => Promise<unknown>;

  async function byNumber(method: string, params: readonly unknown[]): Promise<unknown> {
    const result = await forward({ method, params });
    const found = hashOfBlock.safeParse(await forward({ method: "eth_getBlockByNumber", params: [number, false] }));
    if (found.data?.hash === block.hash) return result;
    throw new ChainAnswerError(
      `block ${block.number}: ${found.data?.hash ?? "gone"}; rule: must still be ${block.hash} (the chain was reorganised)`,
    );
  }

  async function request({ method, params = [] }: { method: string; params?: readonly unknown[] }): Promise<unknown> {
    const at = BLOCK_PARAMETER[method];
    if (at === undefined || params[at] !== number) return forward({ method, params });
    if (numbersOnly.has(client)) return byNumber(method, params);
    const bound = { blockHash: block.hash, requireCanonical: true };
    try {
      return await forward({ method, params: params.with(at, bound) });
    } catch (error) {
      if (!takesNumbersOnly(error)) throw error;
      const result = await byNumber(method, params);
      numbersOnly.add(client);
      return result;
    }
  }

  // Without methods of its own: making dozens of them for every block takes longer than what it is made for.
  const bound = createClient({
    transport: () => ({ config: client.transport as never, request: request as never }),
  });
  last.set(client, { hash: block.hash, bound });
  return bound;
}

/** Invalid parameters, of a node that cannot read the object where it wants a number. */
function takesNumbersOnly(error: unknown): boolean {
  for (let current = error; current instanceof Error; current = current.cause) {
    if ((current as { code?: unknown }).code === -32602) return true;
  }
  return false;
}
