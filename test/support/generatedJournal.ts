import { getAddress, keccak256, numberToHex, toHex, zeroAddress, zeroHash } from "viem";
import type { Address, Candidate, Decision, Hex } from "../../ml/types.ts";
import { openJournal } from "../../rebalancer/journal.ts";

export const GENERATED_CHAIN = 31337;
const POOL_EVERY = 10;
const START_SECONDS = 1_760_000_000;

/** Addresses of the vaults of a generated journal. */
export const generatedVault = (index: number): Address => getAddress(`0x${(index + 1).toString(16).padStart(40, "a")}`);

export interface GenerateJournalParameters {
  readonly path: string;
  readonly vaults: number;
  /** Decisions of each vault, one every `everySeconds`. */
  readonly decisions: number;
  readonly everySeconds?: number;
  /** Rows of each candidate table. */
  readonly candidates?: number;
  readonly seed?: number;
  /** Addresses of a vault and its pool, in place of made-up ones. */
  readonly place?: (index: number) => { readonly vault: Address; readonly pool: Address };
  /** In place of the short reasons, to make rows heavy. */
  readonly reason?: string;
}

/**
 * Writes a journal as a worker would: holds and moves, every twelfth one a confirmed move with steps, an outcome for all
 * but the newest. Returns the ids of the decisions, oldest first.
 */
export function generateJournal(parameters: GenerateJournalParameters): readonly string[] {
  const { path, vaults, decisions, everySeconds = 3_600, candidates = 216, seed = 1 } = parameters;
  const { place = generatedPlace } = parameters;
  const journal = openJournal(path, () => `generated-${seed}`);
  const random = mulberry(seed);
  const ids: string[] = [];
  try {
    for (let turn = 0; turn < decisions; turn++) {
      const block = 1_000 + turn * Math.ceil(everySeconds / 12);
      const blockHash = keccak256(numberToHex(block));
      const table = Array.from({ length: candidates }, (_, row) => candidate(row, random));
      journal.together(() => {
        for (let index = 0; index < vaults; index++) {
          const { vault, pool } = place(index);
          const id = `${GENERATED_CHAIN}-${vault.toLowerCase()}-${block}-${blockHash}`;
          const moves = (turn + index) % 12 === 0;
          const atSeconds = START_SECONDS + turn * everySeconds;
          const plain = decision({ vault, pool, block, atSeconds, moves, candidates: table });
          const made = parameters.reason === undefined ? plain : { ...plain, reason: parameters.reason };
          journal.recordDecision({
            id,
            chainId: GENERATED_CHAIN,
            vault,
            pool,
            block,
            blockHash,
            modelSet: "rules",
            decision: made,
            nav: 10n ** 22n + BigInt(Math.floor(random() * 1e15)),
            sharePrice: 10n ** 18n,
          });
          const at = { chainId: GENERATED_CHAIN, pool, block, blockHash, vault };
          journal.rest({ ...at, state: moves ? "sent" : "held" });
          if (moves) propose(journal, { ...at, id, nonce: BigInt(turn) });
          if (turn < decisions - 1) {
            const { feesBps, lvrBps, ilBps, netBps } = table[0] as Candidate;
            const predicted = { feesBps, lvrBps, ilBps, netBps };
            const outcome = { fromSeconds: atSeconds, toSeconds: atSeconds + 86_400, ...predicted, predicted };
            journal.recordOutcome({ decisionId: id, settledAtSeconds: atSeconds + 86_400, outcome });
          }
          ids.push(id);
        }
      });
    }
  } finally {
    journal.close();
  }
  return ids;
}

const generatedPlace = (index: number) => ({
  vault: generatedVault(index),
  pool: generatedVault(1_000_000 + Math.floor(index / POOL_EVERY)),
});

function propose(
  journal: ReturnType<typeof openJournal>,
  place: { id: string; vault: Address; pool: Address; block: number; blockHash: Hex; nonce: bigint },
): void {
  const { id, vault, pool, block, blockHash, nonce } = place;
  const digest = keccak256(toHex(id));
  journal.recordProposal({
    digest,
    decisionId: id,
    chainId: GENERATED_CHAIN,
    vault,
    strategy: vault,
    pool,
    nonce,
    block,
    blockHash,
    baseFeePerGas: 9n,
    proposal: {
      vault,
      nonce,
      deadline: 2n ** 33n,
      executor: zeroAddress,
      modelId: zeroHash,
      inputsDigest: zeroHash,
      declaredGain: 2n ** 100n,
      declaredCost: 1n,
      declaredSpreadWad: 1n,
      ranges: [{ lowerTick: -60, upperTick: 60, weightWad: 10n ** 18n }],
      swap: { zeroForOne: false, amountIn: 0n, sqrtPriceLimitX96: 0n },
      minSharePrice: 0n,
    },
  });
  for (const status of ["simulated", "sent"] as const) journal.advance(digest, status);
  journal.recordMeasured(digest, {
    transactionHash: digest,
    block: block + 1,
    blockHash,
    gasUsed: 500_000n,
    effectiveGasPrice: 10n ** 9n,
    events: [{ name: "Rebalanced", args: { vault, report: { lossWad: 10n ** 14n } } }],
  });
  journal.advance(digest, "confirmed", `block ${block + 1} ${blockHash}`);
}

/** As decisions have them: with four decimals. */
const fourDecimals = (value: number): number => Math.round(value * 1e4) / 1e4;

const candidate = (row: number, random: () => number): Candidate => ({
  kind: row === 0 ? "idle" : "range",
  range: row === 0 ? null : { lowerTick: -60 * row, upperTick: 60 * row },
  share: row === 0 ? 0 : 1,
  inRange: fourDecimals(random()),
  feesBps: fourDecimals(20 * random()),
  ilBps: fourDecimals(10 * random()),
  lvrBps: fourDecimals(10 * random()),
  costBps: fourDecimals(random()),
  tailBps: fourDecimals(5 * random()),
  deviationBps: 0,
  breach: 0,
  netBps: fourDecimals(10 * random() - 5),
  waitBps: 0,
  refusal: row % 5 === 0 ? "narrower than the floor" : null,
});

function decision(given: {
  vault: Address;
  pool: Address;
  block: number;
  atSeconds: number;
  moves: boolean;
  candidates: readonly Candidate[];
}): Decision {
  const { moves, candidates, ...place } = given;
  return {
    version: 1,
    ...place,
    numeraire: 0,
    sqrtPriceX96: 2n ** 96n,
    action: moves ? "move" : "hold",
    reason: moves ? "Move to ticks -60..60: it is expected to earn 9.00 bp more than staying." : "No range pays.",
    reasonKey: moves ? "edge" : "no-edge",
    candidates,
    chosen: candidates.length > 1 ? 1 : -1,
    plan: null,
    spreadWad: 5n * 10n ** 16n,
    volatility: { mean: 0.001, q10: 0.0005, q50: 0.001, q90: 0.002 } as Decision["volatility"],
    models: [],
    features: { schema: "test", values: Array.from({ length: 40 }, (_, index) => index / 7) },
    inputsDigest: zeroHash,
  };
}

/** A small generator whose numbers depend on the seed alone. */
function mulberry(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
