import { z } from "@hono/zod-openapi";
import type { Hex } from "../../../ml/types.ts";
import type { Measured } from "../../journal/proposals.ts";
import { type ApiContext, vaultAt } from "../context.ts";
import { defineEndpoint } from "../endpoint.ts";
import { ApiError } from "../errors.ts";
import type { JournalReader } from "../journals.ts";
import { plain } from "../plain.ts";
import { address, digest, digits, limit, seconds, vaultParams } from "../schemas.ts";

/** A proposal, how far it came, what it cost and what it was worth. Signed bytes stay inside: who has them may send them. */
export const rebalanceSchema = z
  .object({
    digest,
    decisionId: z.string(),
    vault: address,
    strategy: address,
    pool: address,
    nonce: digits,
    block: z.int().openapi({ description: "the block that it was decided at" }),
    atSeconds: seconds,
    status: z.string().openapi({ example: "confirmed" }),
    detail: z.string(),
    steps: z.array(z.object({ status: z.string(), detail: z.string() })),
    declaredGain: digits,
    declaredCost: digits,
    deadlineSeconds: seconds,
    ranges: z.array(z.object({ lowerTick: z.int(), upperTick: z.int(), weightWad: digits })),
    swap: z.object({ zeroForOne: z.boolean(), amountIn: digits, sqrtPriceLimitX96: digits }),
    transactions: z.array(
      z.object({
        kind: z.enum(["rebalance", "heartbeat", "cancel"]),
        atBlock: z.int().openapi({ description: "the newest block when it was signed" }),
        hash: digest,
        from: address,
        nonce: z.int(),
        maxFeePerGasWei: digits,
        maxPriorityFeePerGasWei: digits,
      }),
    ),
    measured: z
      .object({
        transactionHash: digest,
        block: z.int(),
        blockHash: digest,
        gasUsed: digits,
        effectiveGasPriceWei: digits,
        events: z.array(z.object({ name: z.string(), args: z.record(z.string(), z.unknown()) })),
      })
      .nullable(),
    predicted: z.record(z.string(), z.unknown()).nullable(),
    realised: z.record(z.string(), z.unknown()).nullable(),
  })
  .openapi("Rebalance");

type Rebalance = z.input<typeof rebalanceSchema>;

/** One proposal of a journal. */
export function proposalView(reader: JournalReader, of: string): Rebalance {
  const record = reader.proposal(of as Hex);
  if (record === null) throw new ApiError("not-found", { field: "digest", value: of, rule: "must be in the journal" });
  const { proposal, measured } = record;
  const decided = reader.one("SELECT at_seconds FROM decisions WHERE id = ?", record.decisionId);
  const settled = reader.one("SELECT outcome FROM outcomes WHERE decision_id = ?", record.decisionId);
  const outcome = settled && (JSON.parse(String(settled.outcome)) as Record<string, unknown>);
  const { predicted = null, ...realised } = outcome ?? {};
  return {
    digest: record.digest,
    decisionId: record.decisionId,
    vault: record.vault,
    strategy: record.strategy,
    pool: record.pool,
    nonce: String(record.nonce),
    block: record.block,
    atSeconds: Number(decided?.at_seconds ?? 0),
    status: record.status,
    detail: record.detail,
    steps: reader
      .all("SELECT status, detail FROM steps WHERE digest = ? ORDER BY sequence", of)
      .map(({ status, detail }) => ({ status: String(status), detail: String(detail) })),
    declaredGain: String(proposal.declaredGain),
    declaredCost: String(proposal.declaredCost),
    deadlineSeconds: Number(proposal.deadline),
    ranges: proposal.ranges.map(({ lowerTick, upperTick, weightWad }) => ({
      lowerTick,
      upperTick,
      weightWad: String(weightWad),
    })),
    swap: plain(proposal.swap) as Rebalance["swap"],
    transactions: record.attempts.map(({ kind, atBlock, hash, from, nonce, maxFeePerGas, maxPriorityFeePerGas }) => ({
      kind,
      atBlock,
      hash,
      from,
      nonce,
      maxFeePerGasWei: String(maxFeePerGas),
      maxPriorityFeePerGasWei: String(maxPriorityFeePerGas),
    })),
    measured: measured && measuredView(measured),
    predicted: predicted as Record<string, unknown> | null,
    realised: outcome && realised,
  };
}

const measuredView = (measured: Measured): NonNullable<Rebalance["measured"]> => ({
  transactionHash: measured.transactionHash,
  block: measured.block,
  blockHash: measured.blockHash,
  gasUsed: String(measured.gasUsed),
  effectiveGasPriceWei: String(measured.effectiveGasPrice),
  events: measured.events.map(({ name, args }) => ({ name, args: plain(args) as Record<string, unknown> })),
});

export const listRebalances = defineEndpoint({
  method: "get",
  path: "/v1/vaults/{vault}/rebalances",
  tag: "rebalances",
  summary: "What was proposed for a vault, newest first: every step and attempt, predicted against realised",
  params: vaultParams,
  query: z.strictObject({
    limit: limit(100, 20),
    before: z
      .string()
      .regex(/^\d{1,15}-0x[0-9a-f]{64}$/, "must be `next` of the page before")
      .optional(),
  }),
  answer: z.object({ rebalances: z.array(rebalanceSchema), next: z.string().nullable() }),
  version: (context, { params }) => context.journals.consequencesOf(vaultAt(context, params.vault).vault),
  serve(context, { params, query }) {
    const { vault } = vaultAt(context, params.vault);
    const places = rebalancePlaces(context, { vault, most: query.limit + 1, before: query.before ?? null });
    const shown = places.slice(0, query.limit);
    const last = shown.at(-1);
    return {
      rebalances: shown.map(({ reader, digest: of }) => proposalView(reader, of)),
      next: places.length > shown.length && last ? `${last.block}-${last.digest}` : null,
    };
  },
});

function rebalancePlaces(
  { config, journals }: Pick<ApiContext, "config" | "journals">,
  { vault, most, before }: { vault: string; most: number; before: string | null },
) {
  const [block = String(Number.MAX_SAFE_INTEGER), of = ""] = before?.split("-") ?? [];
  const rows = journals.readers().flatMap((reader) =>
    reader
      .all(
        `SELECT digest, block FROM proposals WHERE chain_id = ? AND vault = ? AND block <= ? AND (block < ? OR digest < ?)
         ORDER BY block DESC, digest DESC LIMIT ?`,
        config.chainId,
        vault,
        Number(block),
        Number(block),
        of,
        most,
      )
      .map((row) => ({ reader, digest: String(row.digest), block: Number(row.block) })),
  );
  const unique = new Map(rows.map((row) => [row.digest, row]));
  return [...unique.values()].sort((a, b) => b.block - a.block || (a.digest < b.digest ? 1 : -1)).slice(0, most);
}
