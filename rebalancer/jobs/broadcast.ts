import type { Context } from "../context.ts";
import { explain, RetryableError } from "../errors.ts";
import type { Attempt } from "../journal/attempts.ts";
import { classify } from "../sending/classify.ts";

/** What became of sending a transaction; all but `sent` mean that these bytes are not on their way. */
export type Broadcast =
  | { readonly outcome: "sent" }
  /** Its nonce is used up; `underpriced` = another with its nonce offers more; `hopeless` = no node ever takes it. */
  | { readonly outcome: "nonce-used" | "underpriced" | "hopeless"; readonly detail: string };

const SENT: Broadcast = { outcome: "sent" };

/**
 * Sends the bytes, or finds that the node has them: through the private relay where there is one and then nowhere
 * else. Throws RetryableError when it is unknown, or only for now, that they cannot go out.
 */
export async function broadcast(
  { client, relay }: Pick<Context, "client" | "relay">,
  attempt: Attempt,
): Promise<Broadcast> {
  try {
    await (relay ?? client).request({ method: "eth_sendRawTransaction", params: [attempt.raw] }, { retryCount: 0 });
    return SENT;
  } catch (error) {
    const { kind } = classify(error);
    const where = relay === null ? "" : "private relay: ";
    const detail = `${where}transaction nonce ${attempt.nonce} of ${attempt.from}: ${explain(error)}`;
    if (kind === "already-known") return SENT;
    if (kind === "nonce-too-low") {
      // The node that has mined it says the same as one that has mined another.
      const seen = await client.getTransactionReceipt({ hash: attempt.hash }).catch(() => null);
      return seen ? SENT : { outcome: "nonce-used", detail };
    }
    if (kind === "replacement-underpriced" || kind === "underpriced" || kind === "fee-below-base")
      return { outcome: "underpriced", detail };
    if (kind === "intrinsic-gas" || kind === "gas-above-block-limit" || kind === "wrong-chain")
      return { outcome: "hopeless", detail };
    if (relay === null) {
      const seen = await client.getTransaction({ hash: attempt.hash }).catch(() => null);
      if (seen) return SENT;
    }
    const rule =
      relay === null
        ? "a node must take it"
        : "the relay of rpc.privateRelayUrl must take it; it never goes to the public mempool instead";
    throw new RetryableError(`broadcast of ${attempt.hash}: ${kind}: ${detail}; rule: ${rule}`, { cause: error });
  }
}
