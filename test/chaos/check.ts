import Libsql from "libsql";
import { createPublicClient, http, parseEventLogs } from "viem";
import { accounts } from "../../rebalancer/cli/demo/accounts.ts";
import type { ProposalRecord } from "../../rebalancer/journal/proposals.ts";
import { type Journal, openJournal } from "../../rebalancer/journal.ts";
import { modelStrategyAbi } from "../../sdk/abi/modelStrategy.ts";
import type { Owed } from "./play.ts";
import type { World } from "./world.ts";

export interface Check {
  readonly violations: readonly string[];
  readonly proposals: number;
  readonly executed: number;
  readonly decisions: number;
}

const CHAIN_ID = 31337;
/** Rests that say what became of a decision; the others say why there is none. */
const OF_A_DECISION = ["held", "shadow", "pending", "stopped", "simulated", "sent", "confirmed", "refused", "expired"];

/** What must hold after every run, whatever went wrong in it. One sentence per violation, the invariant's name first. */
export async function check(world: World, owed: readonly Owed[]): Promise<Check> {
  const { market, saved } = world.lane;
  const { strategy, vault } = saved.deployment;
  const violations: string[] = [];
  const client = createPublicClient({ transport: http(market.anvil.url, { batch: true }) });
  const first = BigInt((world.blocks[0]?.number ?? 1) - 1);
  const logs = await client.getLogs({ address: strategy, fromBlock: first, toBlock: "latest" });
  const executed = parseEventLogs({ abi: modelStrategyAbi, eventName: "ProposalExecuted", logs });
  const [nextNonce, transactionCount] = await Promise.all([
    client.readContract({ address: strategy, abi: modelStrategyAbi, functionName: "nextNonce" }),
    client.getTransactionCount({ address: accounts.keeper }),
  ]);
  const onChain = await keeperTransactions(world);

  // 1. No proposal executes twice.
  const digests = executed.map(({ args }) => args.proposalDigest);
  for (const digest of new Set(digests)) {
    const times = digests.filter((one) => one === digest).length;
    if (times > 1) violations.push(`exactly once: proposal ${digest} was executed ${times} times`);
  }
  if (Number(nextNonce) !== executed.length)
    violations.push(`exactly once: nonce ${nextNonce} of the strategy, but ${executed.length} executions`);

  const journals = [...world.journals].map((path) => ({ path, journal: openJournal(path, () => "reader") }));
  const all = journals.flatMap(({ journal }) => journal.proposals());
  try {
    // 2. Nonces have no gap, and every transaction of the keeper is in a journal.
    const journaled = new Map(journals.flatMap(({ path }) => journaledTransactions(path)));
    for (const { hash, nonce } of onChain) {
      if (!journaled.has(hash)) violations.push(`nonces: transaction ${hash} (nonce ${nonce}) is in no journal`);
    }
    if (onChain.length !== transactionCount)
      violations.push(
        `nonces: the keeper's count is ${transactionCount}, but ${onChain.length} transactions are mined`,
      );
    // The worker's own ledger of what used each nonce.
    for (const { nonce, hash } of journals[0]?.journal.spentNonces(accounts.keeper) ?? []) {
      const mined = onChain.find((transaction) => transaction.nonce === nonce);
      if (mined?.hash !== hash)
        violations.push(
          `nonces: ${nonce} was used by ${hash} in the journal, by ${mined?.hash ?? "nothing"} on the chain`,
        );
    }
    const used = new Set([...journaled.values(), ...onChain.map(({ nonce }) => nonce)]);
    const highest = Math.max(-1, ...used);
    for (let nonce = 0; nonce <= highest; nonce++) {
      if (!used.has(nonce)) violations.push(`nonces: ${nonce} was left out below ${highest}`);
    }
    const { queued } = await market.rpc.call<{ queued: string }>("txpool_status");
    if (Number(queued) > 0)
      violations.push(`nonces: ${Number(queued)} transactions wait behind a nonce that is missing`);

    // 3. The journal equals the chain.
    for (const record of all) violations.push(...(await compare(client, record, digests)));
    for (const digest of digests) {
      const records = all.filter((record) => record.digest === digest);
      if (!records.some(({ status }) => status === "confirmed")) {
        const states = records.map(({ status }) => status).join(", ") || "not there";
        violations.push(`journal: ${digest} was executed on the chain; in the journal it is ${states}`);
      }
    }

    // 4. No decision vanishes.
    for (const { head, due } of owed) {
      if (!world.blocks.some(({ hash }) => hash === due.hash)) continue;
      const rest = journals
        .map(({ journal }) => restOf(journal, saved.market.pool, due.hash, vault))
        .find((state) => state !== undefined);
      if (rest === undefined)
        violations.push(
          `decisions: at rest with block ${head.number}, but nothing is known of due block ${due.number}`,
        );
      else if (OF_A_DECISION.includes(rest) && !journals.some(({ journal }) => decided(journal, vault, due))) {
        violations.push(`decisions: block ${due.number} came to rest as ${rest}, but its decision is not there`);
      }
    }
    for (const { journal } of journals) {
      for (const decision of journal.decisions()) {
        if (!world.blocks.some(({ hash }) => hash === decision.blockHash)) continue;
        if (restOf(journal, decision.pool, decision.blockHash, decision.vault) === undefined)
          violations.push(`decisions: ${decision.id} (${decision.decision.action}) never came to rest`);
      }
    }

    // 5. The file is whole.
    for (const { path } of journals) violations.push(...wholeness(path));
    const decisions = journals.reduce((sum, { journal }) => sum + journal.decisions().length, 0);
    return {
      violations,
      proposals: new Set(all.map(({ digest }) => digest)).size,
      executed: executed.length,
      decisions,
    };
  } finally {
    for (const { journal } of journals) journal.close();
  }
}

const decided = (journal: Journal, vault: string, { number, hash }: { number: number; hash: string }): boolean =>
  journal.decision(`${CHAIN_ID}-${vault.toLowerCase()}-${number}-${hash}`) !== null;

function restOf(journal: Journal, pool: `0x${string}`, blockHash: string, vault: string): string | undefined {
  const rests = journal.rests({ chainId: CHAIN_ID, pool, blockHash: blockHash as `0x${string}` });
  return [...rests].find(([name]) => name.toLowerCase() === vault.toLowerCase())?.[1];
}

async function keeperTransactions(world: World): Promise<{ hash: string; nonce: number }[]> {
  const { rpc } = world.lane.market;
  const blocks = await rpc.batch<{ transactions: { hash: string; nonce: string; from: string }[] }[]>(
    world.blocks.map(({ number }) => ({
      method: "eth_getBlockByNumber",
      params: [`0x${number.toString(16)}`, true],
    })),
  );
  return blocks
    .flatMap(({ transactions }) => transactions)
    .filter(({ from }) => from.toLowerCase() === accounts.keeper.toLowerCase())
    .map(({ hash, nonce }) => ({ hash, nonce: Number(nonce) }));
}

/** Hash and nonce of everything that was signed. */
function journaledTransactions(path: string): [string, number][] {
  const db = new Libsql(path, { readonly: true });
  try {
    const table = db.prepare("SELECT name FROM sqlite_master WHERE name = 'attempts'").get()
      ? "attempts"
      : "transactions";
    const rows = db.prepare(`SELECT hash, nonce FROM ${table}`).all() as { hash: string; nonce: number }[];
    return rows.map(({ hash, nonce }) => [hash, nonce]);
  } finally {
    db.close();
  }
}

async function compare(
  client: ReturnType<typeof createPublicClient>,
  record: ProposalRecord,
  digests: readonly string[],
): Promise<string[]> {
  const { digest, status, measured, transaction } = record;
  if (status === "sent") return [`journal: ${digest} is still on its way long after its deadline`];
  if (status !== "confirmed") {
    if (measured === null || !record.detail.startsWith("on chain")) return [];
    const receipt = await client.getTransactionReceipt({ hash: measured.transactionHash }).catch(() => null);
    return receipt?.status === "reverted" && receipt.blockHash === measured.blockHash
      ? []
      : [`journal: ${digest} is refused on chain; its receipt says ${receipt?.status ?? "nothing"}`];
  }
  if (measured === null) return [`journal: ${digest} is confirmed, and nothing was measured`];
  if (!digests.includes(digest)) return [`journal: ${digest} is confirmed, and the chain has no such execution`];
  const receipt = await client.getTransactionReceipt({ hash: measured.transactionHash }).catch(() => null);
  if (receipt === null || transaction === null) return [`journal: ${digest} is confirmed, and has no receipt`];
  const same =
    receipt.status === "success" &&
    receipt.blockHash === measured.blockHash &&
    Number(receipt.blockNumber) === measured.block &&
    receipt.gasUsed === measured.gasUsed &&
    receipt.effectiveGasPrice === measured.effectiveGasPrice;
  return same ? [] : [`journal: ${digest} was measured in block ${measured.block}, and its receipt says otherwise`];
}

/** SQLite's own check, and that no step was lost: steps are numbered without holes. */
function wholeness(path: string): string[] {
  const db = new Libsql(path, { readonly: true });
  try {
    const { integrity_check: answer } = db.prepare("PRAGMA integrity_check").get() as { integrity_check: string };
    const { rows, last } = db.prepare("SELECT count(*) AS rows, max(sequence) AS last FROM steps").get() as {
      rows: number;
      last: number | null;
    };
    const orphans = db
      .prepare("SELECT count(*) AS n FROM steps WHERE digest NOT IN (SELECT digest FROM proposals)")
      .get() as { n: number };
    return [
      ...(answer === "ok" ? [] : [`file: ${answer}`]),
      ...(rows === (last ?? 0) ? [] : [`file: ${rows} steps, the last of them number ${last}`]),
      ...(orphans.n === 0 ? [] : [`file: ${orphans.n} steps of proposals that are not there`]),
    ];
  } finally {
    db.close();
  }
}
