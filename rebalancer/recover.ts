import type { Context } from "./context.ts";
import { ensureJob } from "./queues/queue.ts";

/**
 * After a start: puts back into the queues whatever the journal says is not finished. Redis may have lost it all; the
 * journal and the chain decide.
 */
export async function recover({ journal, queues, config, logger }: Context): Promise<void> {
  for (const record of journal.proposals({ status: ["proposed", "simulated", "sent"] })) {
    const { chainId, vault, digest, pool, blockHash, decisionId, status } = record;
    if (chainId !== config.chainId) continue;
    const payload = { chainId, vault, digest, nonce: record.nonce.toString() };
    if (status === "sent") {
      await ensureJob(queues, "confirm", payload, { again: true });
    } else if (!journal.rests({ chainId, pool, blockHash }).has(vault)) {
      await ensureJob(queues, "execute", payload, { again: true });
    } else continue;
    logger.info({ stage: "recover", vault, decisionId, digest, status }, "took up an unfinished proposal");
  }
  // What was signed and never sent holds up every later nonce of its key: not only when the turn of that comes.
  await ensureJob(queues, "housekeeping", { chainId: config.chainId, task: "nonces" }, { again: true });
}
