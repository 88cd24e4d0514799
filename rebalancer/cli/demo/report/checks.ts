import type { Hex } from "../../../../ml/types.ts";
import type { Check, Conservation, ReplaySection } from "./report.ts";

/** One token's transfers in and out of the vault, what depositors say, and what the vault's own books say. Token units. */
export interface TokenBooks {
  readonly symbol: string;
  readonly peopleIn: bigint;
  readonly peopleOut: bigint;
  readonly poolIn: bigint;
  readonly poolOut: bigint;
  readonly balance: bigint;
  /** Idle tokens by the vault's own count. */
  readonly idle: bigint;
  /** Sums over the depositors' receipts. */
  readonly receiptsIn: bigint;
  readonly receiptsOut: bigint;
}

export interface CheckFacts {
  readonly tokens: readonly TokenBooks[];
  /** Relative error of the waterfall's identity. */
  readonly residual: number;
  readonly depositors: readonly { readonly name: string; readonly paidIn: number; readonly paidOutValue: number }[];
  /** Shares that are left at the end. */
  readonly sharesLeft: bigint;
  /** Blocks at which an evaluation was due, and those that the journal has a decision for. */
  readonly due: readonly number[];
  readonly decided: ReadonlySet<number>;
  /** Digests that the chain executed, and that the journal calls confirmed. */
  readonly executed: readonly Hex[];
  readonly confirmed: readonly Hex[];
  /** Proposals that are neither confirmed nor over. */
  readonly open: number;
  readonly worstLossBps: number;
  readonly maxLossPerMoveBps: number;
  readonly replay: ReplaySection | null;
  readonly restarts: number;
}

/** Transfers, pool and balance of one token as the report shows them. */
export function conservationOf(books: TokenBooks): Conservation {
  return {
    token: books.symbol,
    depositorsIn: books.peopleIn.toString(),
    poolToVault: books.poolIn.toString(),
    vaultToPool: books.poolOut.toString(),
    depositorsOut: books.peopleOut.toString(),
    leftInVault: books.balance.toString(),
    difference: (books.peopleIn + books.poolIn - books.poolOut - books.peopleOut - books.balance).toString(),
  };
}

/** Everything that must hold for a run to have gone well; the command fails when one does not. */
export function runChecks(facts: CheckFacts): Check[] {
  const check = (name: string, ok: boolean, detail: string): Check => ({ name, ok, detail });
  const unbalanced = facts.tokens.filter(
    (books) =>
      conservationOf(books).difference !== "0" ||
      books.idle !== books.balance ||
      books.receiptsIn !== books.peopleIn ||
      books.receiptsOut !== books.peopleOut,
  );
  const came = facts.depositors.filter(({ paidIn }) => paidIn > 0);
  const paid = came.filter(({ paidOutValue }) => paidOutValue > 0);
  const missing = facts.due.filter((block) => !facts.decided.has(block));
  const once = new Set(facts.executed).size === facts.executed.length && sameSet(facts.executed, facts.confirmed);
  const checks = [
    check(
      "tokens",
      unbalanced.length === 0,
      unbalanced.length === 0
        ? "transfers, the vault's own books and the depositors' receipts agree to the unit, for both tokens"
        : `transfers, the vault's books and the receipts disagree for ${unbalanced.map(({ symbol }) => symbol).join(", ")}`,
    ),
    check(
      "identity",
      facts.residual < 1e-9,
      `flows, market, fees, LVR and costs explain the value to ${facts.residual.toExponential(1)}`,
    ),
    check(
      "depositors",
      came.length > 0 && paid.length === came.length && facts.sharesLeft === 0n,
      `${came.length} of ${facts.depositors.length} came in, ${paid.length} were paid out; ${facts.sharesLeft} shares remain`,
    ),
    check(
      "decisions",
      facts.due.length > 0 && missing.length === 0,
      `${facts.due.length - missing.length} of ${facts.due.length} due evaluations are in the journal`,
    ),
    check(
      "exactly once",
      once && facts.open === 0,
      `${facts.executed.length} proposals executed on chain, ${facts.confirmed.length} confirmed in the journal, ${facts.open} left open`,
    ),
    check(
      "loss limit",
      facts.worstLossBps <= facts.maxLossPerMoveBps,
      `the dearest move cost ${facts.worstLossBps.toFixed(2)} bp of at most ${facts.maxLossPerMoveBps} bp`,
    ),
  ];
  const { replay } = facts;
  if (replay && !replay.reconstructed)
    checks.push(
      check(
        "replay",
        replay.exact === replay.swaps,
        `${replay.exact}/${replay.swaps} recorded swaps reproduced exactly`,
      ),
    );
  if (facts.restarts > 0) checks.push(check("worker", true, `died and resumed ${facts.restarts} time(s)`));
  return checks;
}

const sameSet = (a: readonly string[], b: readonly string[]) =>
  a.length === b.length && a.every((item) => b.includes(item));
