/** What each operation is held against: the same work of a bare caller, the best peer, and our own bar and aim. */

export interface GasGoal {
  readonly name: string;
  /** Row of the floor; the bar may be stated above it. */
  readonly floor?: string;
  /** The best of the peers in this operation. */
  readonly peer?: { readonly name: string; readonly gas: number };
  readonly bar?: number;
  readonly barAboveFloor?: number;
  readonly aim?: number;
}

/**
 * Gas of the peers, each measured once on a local v3 pool of the 0.3 % tier with plain tokens (`receipt.gasUsed`).
 * Their rebalances check less: Gamma's almost nothing, and it mints a single range.
 */
const GAMMA = "Gamma";
const CHARM = "Charm v2";
const ARRAKIS = "Arrakis v2";

const FLOOR_1 = "floor: move 1 range, fresh ticks";
const FLOOR_2 = "floor: move 2 ranges, fresh ticks";
const FLOOR_3 = "floor: move 3 ranges, fresh ticks";

/** What the model strategy may cost beyond the rules: a signature, the pool's volatility and the head. */
const MODEL = 90_000;
const ONE_RANGE = 145_000;
const TWO_RANGES = 130_000;

const oneRange = (name: string, floor: string, extra = 0): GasGoal => ({
  name,
  floor,
  barAboveFloor: ONE_RANGE + extra,
  peer: { name: GAMMA, gas: 423_642 },
});

const twoRanges = (name: string, floor: string, extra = 0): GasGoal => ({
  name,
  floor,
  barAboveFloor: TWO_RANGES + extra,
  peer: { name: ARRAKIS, gas: 712_984 },
});

export const gasGoals: readonly GasGoal[] = [
  { name: "deposit, first", peer: { name: ARRAKIS, gas: 179_059 }, bar: 202_000, aim: 200_000 },
  { name: "deposit over 1 range, new holder", peer: { name: CHARM, gas: 354_658 }, bar: 225_000, aim: 182_000 },
  { name: "deposit over 1 range, repeat holder", peer: { name: CHARM, gas: 260_454 }, bar: 210_000, aim: 170_000 },
  { name: "deposit over 2 ranges, new holder", peer: { name: CHARM, gas: 354_658 }, bar: 263_000, aim: 221_000 },
  { name: "deposit over 2 ranges, repeat holder", peer: { name: CHARM, gas: 260_454 }, bar: 248_000, aim: 204_000 },
  { name: "redeem, vault idle, half", bar: 160_000 },
  { name: "redeem, vault idle, all", bar: 160_000 },
  { name: "withdraw, vault idle", bar: 160_000 },
  { name: "redeem from idle over 1 range, half", peer: { name: GAMMA, gas: 308_206 } },
  { name: "redeem from idle over 1 range, all", peer: { name: GAMMA, gas: 308_206 } },
  { name: "withdraw from idle over 1 range", peer: { name: GAMMA, gas: 308_206 } },
  {
    name: "redeem by burn, half",
    floor: "floor: burn half and collect",
    peer: { name: GAMMA, gas: 308_206 },
    bar: 300_000,
    aim: 265_000,
  },
  {
    name: "redeem by burn, half, steady",
    floor: "floor: burn half and collect, steady",
    peer: { name: GAMMA, gas: 308_206 },
    bar: 300_000,
    aim: 265_000,
  },
  { name: "withdraw by burn", peer: { name: GAMMA, gas: 308_206 }, bar: 300_000, aim: 265_000 },
  { name: "redeem by burn, all", peer: { name: GAMMA, gas: 308_206 }, bar: 300_000, aim: 265_000 },
  { name: "redeem by burn over 2 ranges", peer: { name: GAMMA, gas: 308_206 } },
  { name: "redeem by burn and swap, half", peer: { name: GAMMA, gas: 308_206 }, bar: 305_000, aim: 265_000 },
  { name: "redeem by burn and swap, half, steady", peer: { name: GAMMA, gas: 308_206 }, bar: 305_000, aim: 265_000 },
  { name: "redeem by burn and swap, all", peer: { name: GAMMA, gas: 308_206 }, bar: 305_000, aim: 265_000 },
  {
    name: "redeem in kind, half",
    floor: "floor: burn half and collect",
    peer: { name: GAMMA, gas: 308_206 },
    bar: 200_000,
    aim: 197_000,
  },
  {
    name: "redeem in kind, half, steady",
    floor: "floor: burn half and collect, steady",
    peer: { name: GAMMA, gas: 308_206 },
    bar: 200_000,
    aim: 197_000,
  },
  { name: "redeem in kind, all of a holder", bar: 200_000, aim: 197_000 },
  {
    name: "redeem in kind, all of the vault",
    floor: "floor: burn all and collect",
    peer: { name: GAMMA, gas: 202_689 },
    bar: 200_000,
    aim: 192_000,
  },
  { name: "redeem in kind over 2 ranges", peer: { name: GAMMA, gas: 308_206 } },
  oneRange("vault: move 1 range, fresh ticks", FLOOR_1),
  oneRange("vault: move 1 range, fresh ticks, swap", `${FLOOR_1}, swap`),
  oneRange("vault: move 1 range, initialised ticks", "floor: move 1 range, initialised ticks"),
  twoRanges("vault: move 2 ranges, fresh ticks", FLOOR_2),
  twoRanges("vault: move 2 ranges, fresh ticks, swap", `${FLOOR_2}, swap`),
  twoRanges("vault: move 2 ranges, initialised ticks", "floor: move 2 ranges, initialised ticks"),
  { name: "vault: move 3 ranges, fresh ticks", floor: FLOOR_3, peer: { name: CHARM, gas: 894_731 } },
  { name: "vault: move 3 ranges, fresh ticks, swap", floor: `${FLOOR_3}, swap`, peer: { name: CHARM, gas: 894_731 } },
  { name: "vault: move 3 ranges, initialised ticks", floor: "floor: move 3 ranges, initialised ticks" },
  oneRange("rules strategy: move 1 range, fresh ticks", FLOOR_1),
  oneRange("rules strategy: move 1 range, initialised ticks", "floor: move 1 range, initialised ticks"),
  oneRange("model strategy: move 1 range", FLOOR_1, MODEL),
  oneRange("model strategy: move 1 range, swap", `${FLOOR_1}, swap`, MODEL),
  oneRange("model strategy: move 1 range, volatility", FLOOR_1, MODEL),
  oneRange("model strategy: move 1 range, volatility and head", FLOOR_1, MODEL),
  twoRanges("model strategy: move 2 ranges", FLOOR_2, MODEL),
  twoRanges("model strategy: move 2 ranges, swap", `${FLOOR_2}, swap`, MODEL),
  twoRanges("model strategy: move 2 ranges, volatility", FLOOR_2, MODEL),
  twoRanges("model strategy: move 2 ranges, volatility and head", FLOOR_2, MODEL),
  { name: "compound, 1 range, first", floor: "floor: compound, first", bar: 282_000, aim: 239_000 },
  {
    name: "compound, 1 range, steady",
    floor: "floor: compound, steady",
    peer: { name: GAMMA, gas: 224_631 },
    bar: 225_000,
    aim: 204_000,
  },
];

/** A guard's cost is what the row with it costs above the row without it. */
export interface GuardCost {
  readonly guard: string;
  readonly with: string;
  readonly without: string;
}

const DEPOSIT = "guards: deposit, as it is";
const MOVE = "guards: move, as it is";
const MODEL_MOVE = "model strategy: move 1 range";

export const guardCosts: readonly GuardCost[] = [
  { guard: "a price feed, in a deposit", with: DEPOSIT, without: "guards: deposit, without a feed" },
  { guard: "a price feed, in a move", with: MOVE, without: "guards: move, without a feed" },
  { guard: "a gate", with: "guards: deposit, with a gate", without: DEPOSIT },
  { guard: "a management fee, in a deposit", with: DEPOSIT, without: "guards: deposit, without a management fee" },
  { guard: "a performance fee, in a deposit", with: "guards: deposit, with a performance fee", without: DEPOSIT },
  { guard: "a performance fee, in a move", with: "guards: move, with a performance fee", without: MOVE },
  {
    guard: "a performance fee to charge, in a move",
    with: "guards: move, with a performance fee to charge",
    without: MOVE,
  },
  { guard: "the cap on the share of the pool", with: MOVE, without: "guards: move, without a pool-share cap" },
  {
    guard: "a model's strategy, around the vault's move",
    with: MODEL_MOVE,
    without: "vault: move 1 range, fresh ticks",
  },
  { guard: "the pool's own volatility", with: `${MODEL_MOVE}, volatility`, without: MODEL_MOVE },
  {
    guard: "the model's head, recomputed",
    with: `${MODEL_MOVE}, volatility and head`,
    without: `${MODEL_MOVE}, volatility`,
  },
];
