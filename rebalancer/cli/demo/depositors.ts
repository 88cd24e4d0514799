import { decodeEventLog, encodeFunctionData, erc20Abi, isHex, parseAbi } from "viem";
import type { Address, Hex, Numeraire, Token } from "../../../ml/types.ts";
import { rangeVaultAbi } from "../../../sdk/abi/rangeVault.ts";
import { decodeRevertData } from "../../../sdk/errors.ts";
import { worthOf } from "../../report/worth.ts";
import { figure } from "../figures.ts";
import { accounts } from "./accounts.ts";
import { enqueue, fund as giveEther } from "./market/chain.ts";
import { type Rpc, RpcCallError } from "./rpc.ts";

const demoTokenAbi = parseAbi(["function mint(address to, uint256 amount)"]);

/** What a depositor wants to do, and when (share of the market's span, 0 = opening, 1 = after the last block). */
export type Wish =
  | { readonly at: number; readonly do: "deposit"; readonly share: number }
  | { readonly at: number; readonly do: "redeem"; readonly share: number }
  | { readonly at: number; readonly do: "redeem-for-asset" }
  | { readonly at: number; readonly do: "redeem-in-kind" };

interface Plan {
  readonly name: string;
  readonly address: Address;
  readonly wishes: readonly Wish[];
}

/** Three ways in and out: for the asset with a swap, partly early, and in kind. Shares are of the vault's planned size. */
const PLANS: readonly Plan[] = [
  {
    ...accounts.depositors[0],
    wishes: [
      { at: 0, do: "deposit", share: 0.5 },
      { at: 1, do: "redeem-for-asset" },
    ],
  },
  {
    ...accounts.depositors[1],
    wishes: [
      { at: 0.25, do: "deposit", share: 0.3 },
      { at: 0.6, do: "redeem", share: 0.4 },
      { at: 1, do: "redeem-for-asset" },
    ],
  },
  {
    ...accounts.depositors[2],
    wishes: [
      { at: 0.4, do: "deposit", share: 0.2 },
      { at: 1, do: "redeem-in-kind" },
    ],
  },
];

export interface DepositorLedger {
  readonly name: string;
  readonly address: Address;
  paidIn: bigint;
  deposits: number;
  paidOut0: bigint;
  paidOut1: bigint;
  /** What was paid out valued at the price of each exit, asset units (raw). */
  paidOutValue: number;
  readonly story: string[];
}

export interface EntryRefusal {
  readonly name: string;
  readonly reason: string;
}

export interface DepositorParameters {
  readonly rpc: Rpc;
  readonly vault: Address;
  readonly asset: Token;
  readonly numeraire: Numeraire;
  /** Asset units (raw) that all deposits add up to. */
  readonly size: bigint;
}

export interface Depositors {
  readonly ledgers: readonly DepositorLedger[];
  readonly refusals: readonly EntryRefusal[];
  /** Puts into the mempool what gives each depositor its money and lets the vault take it. */
  fund(): Promise<void>;
  /** Whether a wish has come due that is not yet granted. */
  due(progress: number): boolean;
  /** Puts into the mempool what is due and possible now; what the vault refuses stays due and is noted. */
  act(progress: number): Promise<Hex[]>;
  /** Reads what mined transactions did. */
  settle(hashes: readonly Hex[], sqrtPriceX96: bigint): Promise<void>;
}

interface Order {
  readonly data: Hex;
  /** Asset units that it pays in. */
  readonly deposits: bigint;
}

interface Person {
  readonly address: Address;
  readonly wishes: Wish[];
  /** Asset units still to be deposited. */
  left: bigint;
  readonly ledger: DepositorLedger;
}

interface Pending {
  readonly person: Person;
  readonly deposits: bigint;
  readonly wish: Wish;
}

const refusalOf = (error: RpcCallError) =>
  isHex(error.details.data) ? decodeRevertData(error.details.data).sentence : error.message;

/** Three people with a plan each; every refusal is kept with its reason in words. */
export function createDepositors(parameters: DepositorParameters): Depositors {
  const { rpc, vault, asset, numeraire } = parameters;
  const ofSize = (share: number) => (parameters.size * BigInt(Math.round(share * 1e6))) / 1_000_000n;
  const people = PLANS.map(
    ({ name, address, wishes }): Person => ({
      address,
      wishes: [...wishes],
      left: wishes.reduce((sum, wish) => sum + (wish.do === "deposit" ? ofSize(wish.share) : 0n), 0n),
      ledger: { name, address, paidIn: 0n, deposits: 0, paidOut0: 0n, paidOut1: 0n, paidOutValue: 0, story: [] },
    }),
  );
  const ledgers = people.map(({ ledger }) => ledger);
  const pending = new Map<Hex, Pending>();
  const refusals: EntryRefusal[] = [];
  const amount = (raw: bigint | number, decimals: number) => figure(Number(raw) / 10 ** decimals);

  const read = async (data: Hex) => BigInt(await rpc.call<Hex>("eth_call", [{ to: vault, data }, "latest"]));
  const sharesOf = (owner: Address) =>
    read(encodeFunctionData({ abi: rangeVaultAbi, functionName: "balanceOf", args: [owner] }));
  const mostOf = (functionName: "maxDeposit" | "maxRedeem", owner: Address) =>
    read(encodeFunctionData({ abi: rangeVaultAbi, functionName, args: [owner] }));

  /** What a wish asks of the vault now, or null when there is nothing left to do. */
  async function orderOf(wish: Wish, owner: Address, left: bigint): Promise<Order | null> {
    if (wish.do === "deposit") {
      if (left === 0n) return null;
      const most = await mostOf("maxDeposit", owner);
      // Part of what is open now, for the limit may be lower when the block comes; all of it to hear why nothing is.
      const open = (most * 9n) / 10n;
      const assets = open === 0n || left <= most ? left : open;
      const data = encodeFunctionData({ abi: rangeVaultAbi, functionName: "deposit", args: [assets, owner, 1n] });
      return { data, deposits: assets };
    }
    const shares = await sharesOf(owner);
    if (shares === 0n) return null;
    if (wish.do === "redeem-in-kind") {
      const order = {
        shares,
        receiver0: owner,
        receiver1: owner,
        owner,
        min0: 0n,
        min1: 0n,
        waive0: false,
        waive1: false,
      };
      return {
        data: encodeFunctionData({ abi: rangeVaultAbi, functionName: "redeemInKind", args: [order] }),
        deposits: 0n,
      };
    }
    if (wish.do === "redeem-for-asset")
      return {
        data: encodeFunctionData({ abi: rangeVaultAbi, functionName: "redeem", args: [shares, owner, owner, 1n] }),
        deposits: 0n,
      };
    const wanted = (shares * BigInt(Math.round(wish.share * 1e6))) / 1_000_000n;
    const most = await mostOf("maxRedeem", owner);
    const some = most > 0n && most < wanted ? most : wanted;
    return {
      data: encodeFunctionData({ abi: rangeVaultAbi, functionName: "redeem", args: [some, owner, owner] }),
      deposits: 0n,
    };
  }

  async function attempt(wish: Wish, person: Person): Promise<Hex | null> {
    const order = await orderOf(wish, person.address, person.left);
    if (order === null) {
      person.wishes.shift();
      return null;
    }
    try {
      await rpc.call("eth_call", [{ from: person.address, to: vault, data: order.data }, "latest"]);
    } catch (error) {
      if (!(error instanceof RpcCallError)) throw error;
      refusals.push({ name: person.ledger.name, reason: `${wish.do}: ${refusalOf(error)}` });
      // At the end nobody waits for calm: both tokens leave in kind, which needs no price.
      return wish.at < 1 || wish.do === "redeem-in-kind" ? null : attempt({ at: 1, do: "redeem-in-kind" }, person);
    }
    const [hash] = await enqueue(rpc, [{ from: person.address, to: vault, data: order.data }]);
    if (hash === undefined) return null;
    pending.set(hash, { person, deposits: order.deposits, wish });
    return hash;
  }

  function giveUp(person: Person): void {
    const wish = person.wishes.shift();
    if (wish?.do === "deposit" && person.left > 0n)
      person.ledger.story.push(`was not let in with ${amount(person.left, asset.decimals)} ${asset.symbol}`);
  }

  /** The person's wish is granted, or, when a deposit came in part, still open for the rest. */
  function granted({ person, deposits, wish }: Pending): void {
    person.left -= deposits;
    if (wish.do === "deposit" && person.left > 0n) return;
    person.wishes.shift();
  }

  return {
    ledgers,
    refusals,
    async fund() {
      await giveEther(
        rpc,
        people.map(({ address }) => address),
      );
      const send = (from: Address, data: Hex) => ({ from, to: asset.address, data });
      await enqueue(
        rpc,
        people.flatMap(({ address, left }) => [
          send(address, encodeFunctionData({ abi: demoTokenAbi, functionName: "mint", args: [address, left] })),
          send(address, encodeFunctionData({ abi: erc20Abi, functionName: "approve", args: [vault, left] })),
        ]),
      );
    },
    due: (progress) => people.some(({ wishes }) => wishes[0] !== undefined && wishes[0].at <= progress),
    async act(progress) {
      const hashes: Hex[] = [];
      for (const person of people) {
        // When the market is over, what was wished for during it is over too; only leaving is left.
        while (progress >= 1 && person.wishes[0] && person.wishes[0].at < 1) giveUp(person);
        const wish = person.wishes[0];
        if (!wish || wish.at > progress) continue;
        const hash = await attempt(wish, person);
        if (hash) hashes.push(hash);
        // At the end one leaves after the other: each sees the vault as the last one left it.
        if (hash && progress >= 1) break;
      }
      return hashes;
    },
    async settle(hashes, sqrtPriceX96) {
      for (const hash of hashes) {
        const known = pending.get(hash);
        if (!known) continue;
        pending.delete(hash);
        const { ledger } = known.person;
        const receipt = await rpc.call<{ status: Hex; logs: { address: Address; topics: Hex[]; data: Hex }[] }>(
          "eth_getTransactionReceipt",
          [hash],
        );
        if (receipt.status !== "0x1") {
          refusals.push({ name: ledger.name, reason: `${known.wish.do}: reverted when its block came; tried again` });
          continue;
        }
        granted(known);
        for (const log of receipt.logs) {
          if (log.address.toLowerCase() !== vault.toLowerCase()) continue;
          const event = decodeEventLog({ abi: rangeVaultAbi, data: log.data, topics: log.topics as [Hex, ...Hex[]] });
          if (event.eventName === "Deposit") {
            ledger.paidIn += event.args.assets;
            ledger.deposits += 1;
            // Many small deposits, as the inflow cap asks for, are one line of the story.
            if (ledger.deposits > 1) ledger.story.pop();
            const parts = ledger.deposits > 1 ? ` in ${ledger.deposits} parts, as the inflow cap allowed` : "";
            ledger.story.push(`deposited ${amount(ledger.paidIn, asset.decimals)} ${asset.symbol}${parts}`);
          } else if (event.eventName === "Withdraw" || event.eventName === "RedeemedInKind") {
            const [out0, out1] =
              event.eventName === "RedeemedInKind"
                ? [event.args.amount0, event.args.amount1]
                : numeraire === 0
                  ? [event.args.assets, 0n]
                  : [0n, event.args.assets];
            ledger.paidOut0 += out0;
            ledger.paidOut1 += out1;
            ledger.paidOutValue += worthOf(Number(out0), Number(out1), sqrtPriceX96, numeraire);
            ledger.story.push(
              event.eventName === "RedeemedInKind" ? "left in kind, with both tokens" : `redeemed for ${asset.symbol}`,
            );
          }
        }
      }
    },
  };
}
