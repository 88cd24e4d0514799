import type { Context } from "../context.ts";
import { explain, RetryableError } from "../errors.ts";
import type { SignedTransaction } from "../journal/proposals.ts";

/** Sends the bytes, or finds that the node has them; null, or why these bytes can never be mined. */
export async function broadcast(
  { client }: Pick<Context, "client">,
  transaction: SignedTransaction,
): Promise<string | null> {
  try {
    await client.sendRawTransaction({ serializedTransaction: transaction.raw });
    return null;
  } catch (error) {
    const text = explain(error);
    if (/already (known|imported)|known transaction/i.test(`${text} ${String(error)}`)) return null;
    const seen = await client.getTransaction({ hash: transaction.hash }).catch(() => null);
    if (seen) return null;
    if (/nonce (is )?too low/i.test(`${text} ${String(error)}`)) {
      return `transaction nonce ${transaction.nonce} of ${transaction.from}: used by another transaction`;
    }
    throw new RetryableError(`broadcast of ${transaction.hash}: ${text}`, { cause: error });
  }
}
