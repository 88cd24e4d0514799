import { z } from "@hono/zod-openapi";
import type { Decision } from "../../../ml/types.ts";
import type { DecisionRecord } from "../../journal/decisions.ts";
import { type ApiContext, vaultAt } from "../context.ts";
import { defineEndpoint } from "../endpoint.ts";
import { ApiError } from "../errors.ts";
import type { JournalReader } from "../journals.ts";
import { plain } from "../plain.ts";
import { address, bps, digest, digits, limit, seconds, vaultParams } from "../schemas.ts";
import { proposalView, rebalanceSchema } from "./rebalances.ts";

export const actionSchema = z.enum(["move", "hold", "stand-aside"]);

/** A decision in a line. */
export const decisionLine = z
  .object({
    id: z.string(),
    vault: address,
    pool: address,
    block: z.int(),
    blockHash: digest,
    atSeconds: seconds,
    modelSet: z.string(),
    action: actionSchema,
    reasonKey: z.string().openapi({ example: "no-edge" }),
    reason: z.string(),
    inputsDigest: digest,
    nav: digits.openapi({ description: "asset units, at the mid reference price" }),
    sharePrice: digits.openapi({ description: "asset units per 1e18 shares" }),
    status: z.string().nullable().openapi({ description: "of the proposal made from it; null when none was" }),
  })
  .openapi("DecisionLine");

const range = z.object({ lowerTick: z.int(), upperTick: z.int() });
const candidateSchema = z
  .object({
    kind: z.enum(["range", "current", "idle"]),
    range: range.nullable(),
    share: z.number().openapi({ description: "part of the net value in the pool, 0 to 1" }),
    inRange: z.number().openapi({ description: "part of the horizon in range, 0 to 1" }),
    feesBps: bps,
    ilBps: bps,
    lvrBps: bps,
    costBps: bps,
    tailBps: bps,
    netBps: bps,
    refusal: z.string().nullable(),
  })
  .openapi("Candidate");

const decisionDetail = decisionLine
  .extend({
    chainId: z.int(),
    numeraire: z.union([z.literal(0), z.literal(1)]),
    sqrtPriceX96: digits,
    spreadWad: digits,
    chosen: z.int().openapi({ description: "index into candidates, -1 when nothing was scored" }),
    candidates: z.array(candidateSchema),
    plan: z
      .object({
        ranges: z.array(range.extend({ weightWad: digits })),
        swap: z.object({ zeroForOne: z.boolean(), amountIn: digits, sqrtPriceLimitX96: digits }),
        declaredCost: digits,
        declaredGain: digits,
        minSharePrice: digits,
      })
      .nullable(),
    volatility: z.record(z.string(), z.unknown()).nullable(),
    models: z.array(z.object({ id: z.string(), version: z.string(), task: z.string(), sha256: z.string() })),
    features: z.object({ schema: z.string(), values: z.array(z.number().nullable()) }).nullable(),
    inputs: z.record(z.string(), z.unknown()).nullable().openapi({ description: "what it was made from" }),
    challengers: z.array(
      z.object({
        modelSet: z.string(),
        action: actionSchema.nullable(),
        reasonKey: z.string().nullable(),
        reason: z.string(),
        range: range.nullable(),
        netBps: z.number().nullable(),
      }),
    ),
    rest: z.string().nullable().openapi({ description: "where the vault came to rest after it" }),
    proposals: z.array(rebalanceSchema),
    outcome: z.record(z.string(), z.unknown()).nullable(),
    settledAtSeconds: seconds.nullable(),
  })
  .openapi("Decision");

type Line = z.input<typeof decisionLine>;

const LINE_COLUMNS = `id, vault, pool, block, block_hash, at_seconds, model_set, action, reason_key, reason, inputs_digest,
  nav, share_price, (SELECT status FROM proposals JOIN statuses USING (digest) WHERE decision_id = decisions.id
    ORDER BY proposals.rowid DESC LIMIT 1) AS status`;

const toLine = (row: Record<string, unknown>): Line => ({
  id: String(row.id),
  vault: String(row.vault),
  pool: String(row.pool),
  block: Number(row.block),
  blockHash: String(row.block_hash),
  atSeconds: Number(row.at_seconds),
  modelSet: String(row.model_set),
  action: row.action as Line["action"],
  reasonKey: String(row.reason_key),
  reason: String(row.reason),
  inputsDigest: String(row.inputs_digest),
  nav: String(row.nav),
  sharePrice: String(row.share_price),
  status: row.status === null ? null : String(row.status),
});

/** Newest first; the same decision in two journals is one. */
export function decisionLines(
  { config, journals }: Pick<ApiContext, "config" | "journals">,
  filter: { vault: string; most: number; before?: Place; action?: string; reason?: string },
): Line[] {
  const { vault, most, before, action = null, reason = null } = filter;
  const rows = journals.readers().flatMap(({ all }) =>
    all(
      `SELECT ${LINE_COLUMNS} FROM decisions WHERE chain_id = ? AND vault = ? AND block <= ?
       AND (block < ? OR id < ?) AND (? IS NULL OR action = ?) AND (? IS NULL OR reason_key = ?)
       ORDER BY block DESC, id DESC LIMIT ?`,
      config.chainId,
      vault,
      before?.block ?? Number.MAX_SAFE_INTEGER,
      before?.block ?? Number.MAX_SAFE_INTEGER,
      before?.id ?? "",
      action,
      action,
      reason,
      reason,
      most,
    ),
  );
  const unique = new Map(rows.map((row) => [String(row.id), row]));
  return [...unique.values()]
    .map(toLine)
    .sort((a, b) => b.block - a.block || (a.id < b.id ? 1 : -1))
    .slice(0, most);
}

interface Place {
  readonly block: number;
  readonly id: string;
}

const ID = /^\d+-0x[0-9a-f]{40}-(\d{1,15})-[\w.-]{1,128}$/;
const decisionId = z.string().regex(ID, "must be the id of a decision");
const placeOf = (id: string): Place => ({ block: Number(ID.exec(id)?.[1]), id });

export const listDecisions = defineEndpoint({
  method: "get",
  path: "/v1/vaults/{vault}/decisions",
  tag: "decisions",
  summary: "What was decided for a vault, newest first: moves, holds and refusals",
  params: vaultParams,
  query: z.strictObject({
    limit: limit(500, 50),
    before: decisionId.optional().openapi({ description: "`next` of the page before" }),
    action: actionSchema.optional(),
    reason: z
      .string()
      .regex(/^[a-z0-9-]{1,64}$/, "must be a reason key such as no-edge")
      .optional(),
  }),
  answer: z.object({ decisions: z.array(decisionLine), next: z.string().nullable() }),
  version: (context, { params }) => context.journals.versionOf(vaultAt(context, params.vault).vault),
  serve(context, { params, query }) {
    const { vault } = vaultAt(context, params.vault);
    const { limit: most, before, action, reason } = query;
    const lines = decisionLines(context, {
      vault,
      most: most + 1,
      ...(before === undefined ? {} : { before: placeOf(before) }),
      ...(action === undefined ? {} : { action }),
      ...(reason === undefined ? {} : { reason }),
    });
    const decisions = lines.slice(0, most);
    return { decisions, next: lines.length > most ? (decisions.at(-1)?.id ?? null) : null };
  },
});

export const getDecision = defineEndpoint({
  method: "get",
  path: "/v1/decisions/{id}",
  tag: "decisions",
  summary: "One decision with its candidate table, what it was made from, and what became of it",
  params: z.strictObject({ id: decisionId }),
  answer: decisionDetail,
  version: ({ journals }) => journals.version(),
  serve({ journals, config }, { params: { id } }) {
    for (const reader of journals.readers()) {
      const record = reader.decision(id);
      if (record && record.chainId === config.chainId) return detail(reader, record);
    }
    throw new ApiError("not-found", { field: "path.id", value: id, rule: "must be a decision of the journal" });
  },
});

function detail(reader: JournalReader, record: DecisionRecord): z.input<typeof decisionDetail> {
  const { id, decision } = record;
  const row = reader.one(`SELECT ${LINE_COLUMNS} FROM decisions WHERE id = ?`, id);
  const settled = reader.one("SELECT settled_at_seconds, outcome FROM outcomes WHERE decision_id = ?", id);
  const rest = reader.one(
    "SELECT state FROM rests WHERE chain_id = ? AND block_hash = ? AND vault = ?",
    record.chainId,
    record.blockHash,
    record.vault,
  );
  const proposals = reader.all("SELECT digest FROM proposals WHERE decision_id = ? ORDER BY rowid", id);
  return {
    ...toLine(row ?? {}),
    chainId: record.chainId,
    numeraire: decision.numeraire,
    sqrtPriceX96: String(decision.sqrtPriceX96),
    spreadWad: String(decision.spreadWad),
    chosen: decision.chosen,
    candidates: decision.candidates as z.input<typeof decisionDetail>["candidates"],
    plan: plan(decision),
    volatility: plain(decision.volatility) as Record<string, unknown> | null,
    models: [...decision.models],
    features: decision.features && { schema: decision.features.schema, values: [...decision.features.values] },
    inputs: plain(reader.inputs(id)) as Record<string, unknown> | null,
    challengers: reader.challengers({ decisionId: id }).map(({ modelSet, decision: other, error }) => {
      const chosen = other?.candidates[other.chosen];
      return {
        modelSet,
        action: other?.action ?? null,
        reasonKey: other?.reasonKey ?? null,
        reason: other?.reason ?? error,
        range: chosen?.range ?? null,
        netBps: chosen?.netBps ?? null,
      };
    }),
    rest: rest === null ? null : String(rest.state),
    proposals: proposals.map(({ digest: of }) => proposalView(reader, String(of))),
    outcome: settled && (JSON.parse(String(settled.outcome)) as Record<string, unknown>),
    settledAtSeconds: settled && Number(settled.settled_at_seconds),
  };
}

const plan = ({ plan: planned }: Decision): z.input<typeof decisionDetail>["plan"] =>
  planned && {
    ranges: planned.ranges.map(({ lowerTick, upperTick, weightWad }) => ({
      lowerTick,
      upperTick,
      weightWad: String(weightWad),
    })),
    swap: {
      zeroForOne: planned.swap.zeroForOne,
      amountIn: String(planned.swap.amountIn),
      sqrtPriceLimitX96: String(planned.swap.sqrtPriceLimitX96),
    },
    declaredCost: String(planned.declaredCost),
    declaredGain: String(planned.declaredGain),
    minSharePrice: String(planned.minSharePrice),
  };
