import type { PublicClient } from "viem";
import { z } from "zod";
import type { Address, Hex } from "../../ml/types.ts";
import { bigQuantity } from "../chain/quantities.ts";

export interface GasOfCallParameters {
  /** Absent = nobody in particular. */
  readonly from?: Address;
  readonly to: Address;
  readonly data: Hex;
}

/** Clients whose nodes do not simulate blocks: they are not asked again. */
const estimateOnly = new WeakSet<PublicClient>();

const simulated = z.tuple([
  z.object({ calls: z.tuple([z.object({ status: z.literal("0x1"), gasUsed: bigQuantity })]) }),
]);

/** What a call used is after refunds, and those are at most a fifth of all (EIP-3529). */
const BEFORE_REFUNDS = { numerator: 5n, denominator: 4n };

/**
 * Gas that a call takes at the newest block. An estimate makes nodes run the call again and again to find the least
 * that is enough; one simulated block (eth_simulateV1) runs it once. Whatever that does not answer with a success is
 * left to the estimate, which throws what the client throws and says why a call reverts.
 */
export async function gasOfCall(client: PublicClient, { from, to, data }: GasOfCallParameters): Promise<bigint> {
  const used = estimateOnly.has(client) ? null : await gasUsed(client, { ...(from ? { from } : {}), to, data });
  if (used !== null) return (used * BEFORE_REFUNDS.numerator) / BEFORE_REFUNDS.denominator;
  return client.estimateGas({ ...(from ? { account: from } : {}), to, data, blockTag: "latest" });
}

async function gasUsed(client: PublicClient, call: GasOfCallParameters): Promise<bigint | null> {
  const request = client.request as (call: { method: string; params: readonly unknown[] }) => Promise<unknown>;
  try {
    const answer = await request({
      method: "eth_simulateV1",
      params: [{ blockStateCalls: [{ calls: [call] }] }, "latest"],
    });
    return simulated.safeParse(answer).data?.[0].calls[0].gasUsed ?? null;
  } catch (error) {
    if (isAnswer(error)) estimateOnly.add(client);
    return null;
  }
}

/** Whether a node said so itself, rather than that none could be reached. */
function isAnswer(error: unknown): boolean {
  for (let current = error; current instanceof Error; current = current.cause) {
    if (typeof (current as { code?: unknown }).code === "number") return true;
  }
  return false;
}
