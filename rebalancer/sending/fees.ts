/** What a transaction offers, wei per gas (EIP-1559). */
export interface Fees {
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
}

export interface FeeParameters {
  /** Of the newest block. */
  readonly baseFeePerGas: bigint;
  /** What the operator gives to whoever makes the block. */
  readonly priorityFeePerGas: bigint;
  /** Never offered more than this. */
  readonly capPerGas: bigint;
}

/** Nodes take another transaction with the same nonce for at least a tenth more of both fees; an eighth is safe. */
const BUMP_NUMERATOR = 1_125n;
const BUMP_DENOMINATOR = 1_000n;

/**
 * Fees of a first transaction: room for the base fee to double, at most the cap. Null when not even the present base
 * fee and the tip fit under the cap.
 */
export function firstFees({ baseFeePerGas, priorityFeePerGas, capPerGas }: FeeParameters): Fees | null {
  if (baseFeePerGas + priorityFeePerGas > capPerGas) return null;
  const maxFeePerGas = least(2n * baseFeePerGas + priorityFeePerGas, capPerGas);
  return { maxFeePerGas, maxPriorityFeePerGas: least(priorityFeePerGas, maxFeePerGas) };
}

/**
 * Fees with which a transaction takes the place of `previous` ones with its nonce: at least an eighth more of both than
 * any of them, and what a first one would offer now. Null when that is above the cap.
 */
export function bumpedFees(previous: readonly Fees[], parameters: FeeParameters): Fees | null {
  const { baseFeePerGas, priorityFeePerGas, capPerGas } = parameters;
  const above = (pick: (fees: Fees) => bigint) => previous.map(pick).reduce((a, fee) => most(a, raised(fee)), 0n);
  const leastFee = above((fees) => fees.maxFeePerGas);
  const maxPriorityFeePerGas = most(
    above((fees) => fees.maxPriorityFeePerGas),
    priorityFeePerGas,
  );
  const leastMax = most(leastFee, maxPriorityFeePerGas);
  if (leastMax > capPerGas) return null;
  const maxFeePerGas = least(most(leastMax, 2n * baseFeePerGas + maxPriorityFeePerGas), capPerGas);
  return { maxFeePerGas, maxPriorityFeePerGas };
}

/** An eighth more, rounded up, and at least one wei. */
const raised = (fee: bigint): bigint => {
  const more = (fee * BUMP_NUMERATOR + BUMP_DENOMINATOR - 1n) / BUMP_DENOMINATOR;
  return more > fee ? more : fee + 1n;
};
const least = (a: bigint, b: bigint) => (a < b ? a : b);
const most = (a: bigint, b: bigint) => (a > b ? a : b);
