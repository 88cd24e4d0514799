import type { Address, Hex, Range } from "../../ml/types.ts";
import type { StopOrder } from "../stops/killSwitch.ts";

/** What is known of a vault now. Absent = not seen yet. */
export interface VaultFacts {
  readonly name: string;
  readonly pool: Address;
  /** Of the newest decision. */
  action?: string;
  reasonKey?: string;
  /** Of its asset; known from the first decision on. */
  assetDecimals?: number;
  /** Asset units; asset units per 1e18 shares. */
  nav?: number;
  sharePrice?: number;
  /** Highest share price by hour since the epoch, for the last day. */
  readonly highestByHour: Map<number, number>;
  /** Ranges that it holds; empty = idle. */
  ranges?: readonly Range[];
  /** The mean that the vault holds spot against. */
  referenceTick?: number;
  /** Unix seconds by the chain's clock since which its ranges do not hold the price; null = they do. */
  outOfRangeSince?: number | null;
  predictedNetBps?: number;
  realisedNetBps?: number;
  /** Realised less predicted net of the newest settled decisions that chose a range, basis points, oldest first. */
  readonly forecastErrorsBps: number[];
  /** Proposals in a row that failed in simulation. */
  failedSimulations: number;
  lastFailure?: string;
  /** Decisions in a row that lay outside of what the models know. */
  outOfDomain: number;
  /** Blocks since the oldest transaction that was sent and is not mined yet; absent = there is none. */
  pendingBlocks?: number | undefined;
  /** On the chain, at the newest decision. */
  paused?: boolean;
}

export interface PoolFacts {
  /** "WETH/USDC 0.3%" for people. */
  readonly name: string;
  /** Of token0 and token1. */
  readonly decimals: readonly [number, number];
  readonly tokens: readonly [Address, Address];
  /** Wall clock of the last time that all of its vaults came to rest. */
  tickedAtMilliseconds: number;
  tick?: number;
  /** Newest feature rows that decisions were taken on, oldest first; one per evaluated block. */
  readonly features: { readonly block: number; readonly values: readonly (number | null)[] }[];
  /** Population stability index of the feature that drifted most; null = too few rows, or a model without a domain. */
  drift?: { readonly psi: number; readonly feature: string } | null;
}

export interface KeeperFacts {
  readonly address: Address;
  balanceWei?: bigint;
  /** Moves that it can pay for at the head's base fee. */
  movesLeft?: number;
}

/** One way to the chain, named without anything secret. */
export interface EndpointFacts {
  readonly name: string;
  readonly up: boolean;
  /** Calls that failed since the start. */
  readonly failures: number;
  /** Blocks behind the best endpoint. */
  readonly lagBlocks: number;
}

/** What a worker knows of itself and its surroundings, kept in memory: metrics and alerts only read it. */
export interface Facts {
  /** This worker's name: its journal's identity. */
  worker: string;
  readonly startedAtMilliseconds: number;
  /** `timestamp` by the chain's clock, the other by ours. */
  head: {
    readonly number: number;
    readonly hash: Hex;
    readonly timestamp: number;
    readonly baseFeePerGas: bigint;
    readonly seenAtMilliseconds: number;
  } | null;
  readonly pools: Map<Address, PoolFacts>;
  readonly vaults: Map<Address, VaultFacts>;
  readonly keepers: Map<string, KeeperFacts>;
  endpoints: readonly EndpointFacts[];
  /** Orders of the kill switch that are in force. */
  stops: readonly StopOrder[];
  redis: { up: boolean; pingSeconds: number; failingSinceMilliseconds: number | null };
  /** Jobs by queue and state, "evaluate waiting". */
  jobs: ReadonlyMap<string, number>;
  /** Jobs that were given up and that nobody has dealt with, by queue. */
  deadLetters: ReadonlyMap<string, number>;
  leases: { readonly held: number; readonly configured: number };
  /** Wei paid for transactions by hour since the epoch (chain's clock), for the last day. */
  readonly gasByHour: Map<number, number>;
  /** Seconds that the longest journal write since the last look took. */
  slowestWriteSeconds: number;
}

/** Facts of a worker that has seen nothing yet. */
export function emptyFacts(startedAtMilliseconds: number): Facts {
  return {
    worker: "",
    startedAtMilliseconds,
    head: null,
    pools: new Map(),
    vaults: new Map(),
    keepers: new Map(),
    endpoints: [],
    stops: [],
    redis: { up: true, pingSeconds: 0, failingSinceMilliseconds: null },
    jobs: new Map(),
    deadLetters: new Map(),
    leases: { held: 0, configured: 0 },
    gasByHour: new Map(),
    slowestWriteSeconds: 0,
  };
}

/** Highest share price of the last day, or undefined when none was seen. */
export const highestOfDay = ({ highestByHour }: VaultFacts): number | undefined =>
  highestByHour.size === 0 ? undefined : Math.max(...highestByHour.values());

/** Wei spent on moves in the last day, to the hour. */
export const gasOfDayWei = ({ gasByHour }: Pick<Facts, "gasByHour">): number =>
  [...gasByHour.values()].reduce((sum, wei) => sum + wei, 0);
