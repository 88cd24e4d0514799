import Libsql from "libsql";
import { createPublicClient, http, type PublicClient, parseEventLogs } from "viem";
import type { Address } from "../../ml/types.ts";
import type { ProposalRecord } from "../../rebalancer/journal/proposals.ts";
import { type Journal, openJournal } from "../../rebalancer/journal.ts";
import { modelStrategyAbi } from "../../sdk/abi/modelStrategy.ts";
import { CHAIN_ID, type FleetVault, type Keeper } from "./fleet.ts";
import type { Owed } from "./play.ts";
import { type Mined, minedIn, type World } from "./world.ts";

export interface Check {
  readonly violations: readonly string[];
  readonly proposals: number;
  readonly executed: number;
  readonly decisions: number;
}

interface Opened {
  readonly path: string;
  readonly journal: Journal;
}

/** Rests that say what became of a decision; the others say why there is none. */
const OF_A_DECISION = ["held", "shadow", "pending", "stopped", "simulated", "sent", "confirmed", "refused", "expired"];

/** What must hold after every run, whatever went wrong in it. One sentence per violation, the invariant's name first. */
export async function check(world: World, owed: readonly Owed[]): Promise<Check> {
  const client = createPublicClient({ transport: http(world.lane.market.anvil.url, { batch: true }) });
  const journals = [...world.journals].map((path) => ({ path, journal: openJournal(path, () => "reader") }));
  try {
    const onChain = await minedIn(world, world.blocks);
    const each = await Promise.all(world.vaults.map((vault) => checkVault(world, client, vault, journals, onChain)));
    const keepers = new Map(world.vaults.map(({ keeper }) => [keeper.address, keeper]));
    const ofKeepers = await Promise.all(
      [...keepers.values()].map((one) => checkKeeper(client, one, journals, onChain)),
    );
    const { queued } = await world.lane.market.rpc.call<{ queued: string }>("txpool_status");
    const all = journals.flatMap(({ journal }) => journal.proposals());
    const known = new Set(world.vaults.map(({ vault }) => vault.toLowerCase()));
    return {
      violations: [
        ...each.flatMap(({ violations }) => violations),
        ...ofKeepers.flat(),
        ...(Number(queued) > 0 ? [`nonces: ${Number(queued)} transactions wait behind a nonce that is missing`] : []),
        ...all
          .filter(({ vault }) => !known.has(vault.toLowerCase()))
          .map(({ digest, vault }) => `journal: ${digest} is of ${vault}, which the worker does not keep`),
        ...checkDecisions(world, owed, journals),
        ...journals.flatMap(({ path }) => wholeness(path)),
        ...checkLog(world),
      ],
      proposals: new Set(all.map(({ digest }) => digest)).size,
      executed: each.reduce((sum, { executed }) => sum + executed, 0),
      decisions: journals.reduce((sum, { journal }) => sum + journal.decisions().length, 0),
    };
  } finally {
    for (const { journal } of journals) journal.close();
  }
}

/** No proposal of a vault executes twice, its own key pays, and the journal equals the chain. */
async function checkVault(
  world: World,
  client: PublicClient,
  { name, vault, strategy, keeper }: FleetVault,
  journals: readonly Opened[],
  onChain: readonly Mined[],
): Promise<{ violations: readonly string[]; executed: number }> {
  const violations: string[] = [];
  const first = BigInt((world.blocks[0]?.number ?? 1) - 1);
  const [logs, nextNonce] = await Promise.all([
    client.getLogs({ address: strategy, fromBlock: first, toBlock: "latest" }),
    client.readContract({ address: strategy, abi: modelStrategyAbi, functionName: "nextNonce" }),
  ]);
  const executed = parseEventLogs({ abi: modelStrategyAbi, eventName: "ProposalExecuted", logs });
  const digests = executed.map(({ args }) => args.proposalDigest);
  for (const digest of new Set(digests)) {
    const times = digests.filter((one) => one === digest).length;
    if (times > 1) violations.push(`exactly once: ${name}'s proposal ${digest} was executed ${times} times`);
  }
  if (Number(nextNonce) !== executed.length)
    violations.push(`exactly once: nonce ${nextNonce} of ${name}'s strategy, but ${executed.length} executions`);
  for (const { hash, from, to } of onChain) {
    if (to === strategy.toLowerCase() && from !== keeper.address.toLowerCase())
      violations.push(`keys: ${hash} to ${name}'s strategy is from ${from}, not from ${keeper.name}`);
  }
  const all = journals
    .flatMap(({ journal }) => journal.proposals())
    .filter((record) => record.vault.toLowerCase() === vault.toLowerCase());
  for (const record of all) violations.push(...(await compare(client, record, digests)));
  for (const digest of digests) {
    const records = all.filter((record) => record.digest === digest);
    if (!records.some(({ status }) => status === "confirmed")) {
      const states = records.map(({ status }) => status).join(", ") || "not there";
      violations.push(`journal: ${digest} was executed on the chain; in the journal it is ${states}`);
    }
  }
  return { violations, executed: executed.length };
}

/** The nonces of a key have no gap, and every transaction of its is in a journal. */
async function checkKeeper(
  client: PublicClient,
  { name, address }: Keeper,
  journals: readonly Opened[],
  onChain: readonly Mined[],
): Promise<readonly string[]> {
  const violations: string[] = [];
  const mined = onChain.filter(({ from }) => from === address.toLowerCase());
  const journaled = new Map(journals.flatMap(({ path }) => journaledTransactions(path, address)));
  for (const { hash, nonce } of mined) {
    if (!journaled.has(hash))
      violations.push(`nonces: ${name}'s transaction ${hash} (nonce ${nonce}) is in no journal`);
  }
  const count = await client.getTransactionCount({ address });
  if (mined.length !== count)
    violations.push(`nonces: ${name}'s count is ${count}, but ${mined.length} transactions are mined`);
  // The worker's own ledger of what used each nonce.
  for (const { nonce, hash } of journals[0]?.journal.spentNonces(address) ?? []) {
    const there = mined.find((transaction) => transaction.nonce === nonce)?.hash;
    if (there !== hash)
      violations.push(
        `nonces: ${name}'s ${nonce} was used by ${hash} in the journal, by ${there ?? "nothing"} on chain`,
      );
  }
  const used = new Set([...journaled.values(), ...mined.map(({ nonce }) => nonce)]);
  const highest = Math.max(-1, ...used);
  for (let nonce = 0; nonce <= highest; nonce++) {
    if (!used.has(nonce)) violations.push(`nonces: ${name}'s ${nonce} was left out below ${highest}`);
  }
  return violations;
}

/** No decision vanishes: every vault of every pool has come to rest with each block that was due. */
function checkDecisions(world: World, owed: readonly Owed[], journals: readonly Opened[]): readonly string[] {
  const violations: string[] = [];
  for (const { head, due } of owed) {
    if (!world.blocks.some(({ hash }) => hash === due.hash)) continue;
    for (const { name, pool, vault } of world.vaults) {
      const rest = journals
        .map(({ journal }) => restOf(journal, pool, due.hash, vault))
        .find((state) => state !== undefined);
      if (rest === undefined)
        violations.push(
          `decisions: at rest with block ${head.number}, but nothing is known of due block ${due.number} for ${name}`,
        );
      else if (OF_A_DECISION.includes(rest) && !journals.some(({ journal }) => decided(journal, vault, due))) {
        violations.push(`decisions: ${name} came to rest with block ${due.number} as ${rest}; no decision is there`);
      }
    }
  }
  for (const { journal } of journals) {
    for (const decision of journal.decisions()) {
      if (!world.blocks.some(({ hash }) => hash === decision.blockHash)) continue;
      if (restOf(journal, decision.pool, decision.blockHash, decision.vault) === undefined)
        violations.push(`decisions: ${decision.id} (${decision.decision.action}) never came to rest`);
    }
  }
  return violations;
}

/** What the workers wrote of a proposal names the decision that it is of, so that one id tells its whole story. */
function checkLog({ log }: World): readonly string[] {
  const nameless = log.flatMap(({ worker, text }) => {
    if (worker === "*" || !text.startsWith("{")) return [];
    // A line that a kill cut short is no line.
    const line = parseLine(text);
    const ofProposal = line.digest !== undefined || String(line.subject ?? "").startsWith("0x");
    return ofProposal && line.decisionId === undefined ? [`${line.stage}: ${line.msg ?? ""}`] : [];
  });
  return [...new Set(nameless)].map((line) => `log: of a proposal and without its decision's id: ${line}`);
}

function parseLine(text: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}

const decided = (journal: Journal, vault: string, { number, hash }: { number: number; hash: string }): boolean =>
  journal.decision(`${CHAIN_ID}-${vault.toLowerCase()}-${number}-${hash}`) !== null;

function restOf(journal: Journal, pool: `0x${string}`, blockHash: string, vault: string): string | undefined {
  const rests = journal.rests({ chainId: CHAIN_ID, pool, blockHash: blockHash as `0x${string}` });
  return [...rests].find(([name]) => name.toLowerCase() === vault.toLowerCase())?.[1];
}

/** Hash and nonce of everything that a key signed. */
function journaledTransactions(path: string, sender: Address): [string, number][] {
  const db = new Libsql(path, { readonly: true });
  try {
    const rows = db.prepare("SELECT hash, nonce FROM attempts WHERE lower(sender) = ?").all(sender.toLowerCase()) as {
      hash: string;
      nonce: number;
    }[];
    return rows.map(({ hash, nonce }) => [hash, nonce]);
  } finally {
    db.close();
  }
}

async function compare(client: PublicClient, record: ProposalRecord, digests: readonly string[]): Promise<string[]> {
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
