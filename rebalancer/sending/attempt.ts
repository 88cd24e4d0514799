import { type Hex, hexToBytes, type LocalAccount, parseGwei, parseTransaction } from "viem";
import { keccak256 } from "../../ml/runtime/keccak/keccak.ts";
import type { Address } from "../../ml/types.ts";
import { begun } from "../ahead.ts";
import type { BlockStamp } from "../chain.ts";
import type { Config } from "../config.ts";
import type { Context } from "../context.ts";
import { FatalError, RetryableError } from "../errors.ts";
import type { Attempt, AttemptKind } from "../journal/attempts.ts";
import { bumpedFees, type FeeParameters, type Fees, firstFees } from "./fees.ts";
import { chooseNonce, type NonceCounts } from "./nonces.ts";

/** Head-room over the estimate: swaps that land before ours change which ticks are crossed and initialised. */
const GAS_HEADROOM = { numerator: 3n, denominator: 2n };
/** What a transfer of nothing takes. */
const CANCEL_GAS = 21_000n;

type SendingContext = Pick<Context, "config" | "journal" | "keys" | "keeperLock">;

export interface SignFirstParameters {
  readonly kind: Exclude<AttemptKind, "cancel">;
  readonly subject: string;
  /** How many transactions the subject has already. */
  readonly ordinal: number;
  readonly keeper: LocalAccount;
  readonly to: Address;
  readonly data: Hex;
  /** As the node estimates it. */
  readonly gas: bigint;
  readonly signature: Hex;
  readonly head: BlockStamp;
  readonly counts: NonceCounts;
  /** Facts that go to the journal together with the transaction, or not at all. */
  readonly alongside?: () => void;
}

/** A transaction in the journal. It must not be sent before `onDisk` is kept: another may be signed after a power cut. */
export interface Signed {
  readonly attempt: Attempt;
  readonly onDisk: Promise<void>;
}

/**
 * Signs a subject's transaction with the keeper's next nonce and journals its bytes; nothing is sent yet. Throws
 * RetryableError when the fees that it takes are above the cap.
 */
export function signFirst(context: SendingContext, parameters: SignFirstParameters): Promise<Signed> {
  const { config, journal, keeperLock } = context;
  const { keeper, subject, kind, ordinal, head, counts, signature, to, data, alongside } = parameters;
  return keeperLock.alone(keeper.address, async () => {
    for (;;) {
      const { nonce, replaces } = chooseNonce({
        ...counts,
        sender: keeper.address,
        slots: journal.slots(keeper.address, counts.latest),
        spent: new Set(journal.spentNonces(keeper.address, counts.latest).map((spent) => spent.nonce)),
      });
      const offer = feeParameters(config, head);
      const fees = firstFees(offer) && (replaces.length > 0 ? inPlaceOf(replaces, offer) : firstFees(offer));
      if (fees === null) throw aboveCap(offer);
      const gas = (parameters.gas * GAS_HEADROOM.numerator) / GAS_HEADROOM.denominator;
      const call = { to, data, gas };
      const attempt = await sign(
        config,
        keeper,
        { kind, subject, ordinal, nonce, atBlock: head.number, signature },
        fees,
        call,
      );
      let stored: Attempt | null = null;
      const onDisk = begun(
        journal.togetherSoon(() => {
          stored = journal.recordAttempt(attempt);
          if (stored !== null) alongside?.();
        }),
      );
      // Null: another process, or another journal entry, took the nonce in between.
      if (stored !== null) return { attempt: stored, onDisk };
    }
  });
}

export interface ReplaceParameters {
  /** Whose transaction it becomes. */
  readonly subject: string;
  /** The same call for more, or nothing at all in its place. */
  readonly as: "dearer" | "cancel";
  /** The newest of the transactions that it takes the place of. */
  readonly newest: Pick<Attempt, "from" | "nonce" | "raw" | "kind" | "signature">;
  readonly head: BlockStamp;
}

/**
 * Signs and journals a transaction with the nonce of one that was not mined, for higher fees; null when that would be
 * above the cap, its keeper's key is not here, or something else counts on the nonce by now. Nothing is sent yet.
 */
export function signReplacement(context: SendingContext, parameters: ReplaceParameters): Promise<Attempt | null> {
  const { config, journal, keeperLock, keys } = context;
  const { subject, as, newest, head } = parameters;
  const keeper = keys.keeper(newest.from);
  if (!keeper) return Promise.resolve(null);
  return keeperLock.alone(keeper.address, async () => {
    const [slot] = journal.slots(keeper.address, newest.nonce).filter(({ nonce }) => nonce === newest.nonce);
    const offer = feeParameters(config, head);
    const before = slot?.attempts ?? [];
    const fees = before.length > 0 ? bumpedFees(before, offer) : firstFees(offer);
    if (fees === null) return null;
    const ordinal = journal.attempts(subject).length;
    const kind: AttemptKind = as === "cancel" ? "cancel" : newest.kind;
    const place = { kind, subject, ordinal, nonce: newest.nonce, atBlock: head.number };
    const call =
      as === "cancel" ? { to: keeper.address, data: "0x" as const, gas: CANCEL_GAS } : callOf(newest.raw, newest.nonce);
    const signature: Hex = as === "cancel" ? "0x" : newest.signature;
    return journal.recordAttempt(await sign(config, keeper, { ...place, signature }, fees, call));
  });
}

/**
 * Fees for a nonce that earlier transactions waited with. Where more than theirs is above the cap, the cap: the nodes
 * may have forgotten them, and one that has not says so.
 */
function inPlaceOf(earlier: readonly Fees[], offer: FeeParameters): Fees {
  const atCap = { maxFeePerGas: offer.capPerGas, maxPriorityFeePerGas: offer.priorityFeePerGas };
  return bumpedFees(earlier, offer) ?? atCap;
}

/** What may be offered at a head, from the configuration. */
export const feeParameters = ({ worker }: Pick<Config, "worker">, head: BlockStamp): FeeParameters => ({
  baseFeePerGas: head.baseFeePerGas,
  priorityFeePerGas: parseGwei(String(worker.priorityFeeGwei)),
  capPerGas: parseGwei(String(worker.maxFeePerGasGwei)),
});

/** The fee cap stands in the way now; a cheaper block may come while there is time. */
export const aboveCap = ({ baseFeePerGas, capPerGas }: FeeParameters): RetryableError =>
  new RetryableError(
    `fee per gas: the base fee is ${baseFeePerGas} wei; rule: what it takes is at most worker.maxFeePerGasGwei = ${capPerGas} wei`,
  );

interface Call {
  readonly to: Address;
  readonly data: Hex;
  readonly gas: bigint;
}

async function sign(
  { chainId }: Pick<Config, "chainId">,
  keeper: LocalAccount,
  place: Pick<Attempt, "kind" | "subject" | "ordinal" | "nonce" | "atBlock" | "signature">,
  fees: Fees,
  call: Call,
): Promise<Attempt> {
  const raw = await keeper.signTransaction({
    type: "eip1559",
    chainId,
    nonce: place.nonce,
    to: call.to,
    data: call.data,
    gas: call.gas,
    maxFeePerGas: fees.maxFeePerGas,
    maxPriorityFeePerGas: fees.maxPriorityFeePerGas,
  });
  return { ...place, from: keeper.address, hash: keccak256(hexToBytes(raw)), raw, ...fees };
}

/** The call inside of signed bytes of ours. */
function callOf(raw: Hex, nonce: number): Call {
  const { to, data, gas } = parseTransaction(raw);
  if (!to || gas === undefined)
    throw new FatalError(`transaction with nonce ${nonce}: ${raw.slice(0, 20)}…; rule: a call`);
  return { to, data: data ?? "0x", gas };
}
