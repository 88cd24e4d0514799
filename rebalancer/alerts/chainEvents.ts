import { decodeEventLog, type Hex, type PublicClient, parseAbi, toEventSelector } from "viem";
import { z } from "zod";
import type { Address } from "../../ml/types.ts";
import { modelStrategyAbi } from "../../sdk/abi/modelStrategy.ts";
import { rangeVaultAbi } from "../../sdk/abi/rangeVault.ts";
import { RetryableError } from "../errors.ts";
import type { AlertEvent, AlertName } from "./alert.ts";

/** Of OpenZeppelin's AccessManager, which holds the roles of a vault and its strategy. */
const accessManagerAbi = parseAbi([
  "event RoleGranted(uint64 indexed roleId, address indexed account, uint32 delay, uint48 since, bool newMember)",
  "event RoleRevoked(uint64 indexed roleId, address indexed account)",
  "event RoleAdminChanged(uint64 indexed roleId, uint64 indexed admin)",
  "event RoleGuardianChanged(uint64 indexed roleId, uint64 indexed guardian)",
  "event RoleGrantDelayChanged(uint64 indexed roleId, uint32 delay, uint48 since)",
  "event TargetFunctionRoleUpdated(address indexed target, bytes4 selector, uint64 indexed roleId)",
  "event TargetClosed(address indexed target, bool closed)",
]);

/** Which alert each event of the chain is. What is not listed here (moves, deposits, transfers) is nobody's business. */
const WATCHED: Readonly<Record<string, AlertName>> = {
  RoleGranted: "RolesChanged",
  RoleRevoked: "RolesChanged",
  RoleAdminChanged: "RolesChanged",
  RoleGuardianChanged: "RolesChanged",
  RoleGrantDelayChanged: "RolesChanged",
  TargetFunctionRoleUpdated: "RolesChanged",
  TargetClosed: "RolesChanged",
  AuthorityUpdated: "RolesChanged",
  StrategySet: "RolesChanged",
  GateSet: "RolesChanged",
  FeeRecipientSet: "RolesChanged",
  SkimReceiverSet: "RolesChanged",
  BoundsSet: "BoundsChanged",
  ModelSet: "BoundsChanged",
  Configured: "BoundsChanged",
  SettingAnnounced: "BoundsChanged",
  SettingCancelled: "BoundsChanged",
  Retreated: "BoundsChanged",
  PausedUntil: "VaultPaused",
  HoldSet: "VaultPaused",
};

const abi = [...rangeVaultAbi, ...modelStrategyAbi, ...accessManagerAbi];
const events = abi.filter((item) => item.type === "event" && item.name in WATCHED);
const topics = [...new Set(events.map((event) => toEventSelector(event as Parameters<typeof toEventSelector>[0])))];

/** Addresses that a node is asked about at once. */
const MOST_ADDRESSES = 500;

const logSchema = z.object({
  address: z.string().regex(/^0x[0-9a-fA-F]{40}$/),
  blockNumber: z.string().regex(/^0x[0-9a-f]+$/),
  transactionHash: z.string().regex(/^0x[0-9a-f]{64}$/),
  logIndex: z.string().regex(/^0x[0-9a-f]+$/),
  topics: z.array(z.string().regex(/^0x[0-9a-f]{64}$/)).min(1),
  data: z.string().regex(/^0x[0-9a-f]*$/),
});

export interface ReadChainEventsParameters {
  /** Contracts by address (any case), with a name for people. */
  readonly contracts: ReadonlyMap<string, string>;
  readonly fromBlock: number;
  readonly toBlock: number;
}

/** Who was given which right, and what was set, in a span of blocks (both ends included), in the chain's order. */
export async function readChainEvents(
  client: PublicClient,
  { contracts, fromBlock, toBlock }: ReadChainEventsParameters,
): Promise<readonly AlertEvent[]> {
  const addresses = [...contracts.keys()];
  const found: AlertEvent[] = [];
  for (let start = 0; start < addresses.length; start += MOST_ADDRESSES) {
    const answer: unknown = await client.request({
      method: "eth_getLogs",
      params: [
        {
          address: addresses.slice(start, start + MOST_ADDRESSES) as Address[],
          topics: [topics],
          fromBlock: `0x${fromBlock.toString(16)}`,
          toBlock: `0x${toBlock.toString(16)}`,
        },
      ],
    });
    const parsed = z.array(logSchema).safeParse(answer);
    if (!parsed.success) throw new RetryableError(`logs of blocks ${fromBlock}..${toBlock}: unreadable`);
    for (const log of parsed.data) {
      const event = toEvent(log, contracts);
      if (event !== null) found.push(event);
    }
  }
  return found;
}

function toEvent(log: z.output<typeof logSchema>, contracts: ReadonlyMap<string, string>): AlertEvent | null {
  let decoded: { eventName: string; args: unknown };
  try {
    decoded = decodeEventLog({ abi, topics: log.topics as [Hex, ...Hex[]], data: log.data as Hex }) as typeof decoded;
  } catch {
    // another event with the same selector: not ours
    return null;
  }
  const name = WATCHED[decoded.eventName];
  const contract = contracts.get(log.address.toLowerCase());
  if (name === undefined || contract === undefined) return null;
  const block = Number(log.blockNumber);
  return {
    name,
    scope: log.address.toLowerCase(),
    severity: "page",
    id: `${log.transactionHash}-${Number(log.logIndex)}`,
    summary: `${contract}: ${decoded.eventName} ${describe(decoded.args)} in block ${block}, ${log.transactionHash}`,
  };
}

function describe(args: unknown): string {
  const text = JSON.stringify(args ?? {}, (_key, value) => (typeof value === "bigint" ? value.toString() : value));
  return text.length > 400 ? `${text.slice(0, 399)}…` : text;
}
