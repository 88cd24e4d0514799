import { z } from "@hono/zod-openapi";
import { tableJson } from "../../../ml/tableJson.ts";
import type { Decision } from "../../../ml/types.ts";
import type { Row } from "../../journal/database.ts";
import { toDecision } from "../../journal/decisions.ts";
import { JsonText } from "../answers.ts";
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
    deviationBps: bps.openapi({ description: "how far the centre lies from the reference price, times share" }),
    breach: z.number().openapi({ description: "probability of a loss beyond the loss bound, 0 to 1" }),
    netBps: bps,
    waitBps: bps.openapi({ description: "worth of the right to decide later, which a move gives up" }),
    refusal: z.string().nullable(),
  })
  .openapi("Candidate");

const statedSchema = z
  .object({
    halfWidth: z.number().openapi({ description: "95 % of days: the price ends within ± this, in ln of the price" }),
    variance: z.object({ mean: z.number(), q10: z.number(), q50: z.number(), q90: z.number() }).openapi({
      description: "posterior of the day's realised variance; spreadWad is 1.28 deviations of its q90",
    }),
    days: z.int().openapi({ description: "days that it has learned from" }),
    misses: z.int().openapi({ description: "of the last 59 of these, how many left their interval" }),
    changed: z.number().openapi({ description: "probability of a new regime within ten days, 0 to 1" }),
  })
  .openapi("StatedDay");

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
    stated: statedSchema.nullable().openapi({ description: "of the day ahead; null where no calibration is kept" }),
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

const STATUS = `(SELECT status FROM proposals JOIN statuses USING (digest) WHERE decision_id = decisions.id
  ORDER BY proposals.rowid DESC LIMIT 1)`;

/** A `decisionLine` as SQLite writes it: a page of them is text from the journal to the wire. */
const LINE = `json_object('id', id, 'vault', vault, 'pool', pool, 'block', block, 'blockHash', block_hash,
  'atSeconds', at_seconds, 'modelSet', model_set, 'action', action, 'reasonKey', reason_key, 'reason', reason,
  'inputsDigest', inputs_digest, 'nav', nav, 'sharePrice', share_price, 'status', ${STATUS})`;

interface LineText extends Place {
  readonly text: string;
}

interface DecisionFilter {
  readonly vault: string;
  readonly most: number;
  readonly before?: Place;
  readonly action?: string;
  readonly reason?: string;
}

/** Newest first; the same decision in two journals is one. */
function lineTexts(
  { config, journals }: Pick<ApiContext, "config" | "journals">,
  { vault, most, before, action, reason }: DecisionFilter,
): readonly LineText[] {
  const conditions = [
    "chain_id = ? AND vault = ?",
    ...(before === undefined ? [] : ["block <= ? AND (block < ? OR id < ?)"]),
    ...(action === undefined ? [] : ["action = ?"]),
    ...(reason === undefined ? [] : ["reason_key = ?"]),
  ];
  const values = [
    config.chainId,
    vault,
    ...(before === undefined ? [] : [before.block, before.block, before.id]),
    ...(action === undefined ? [] : [action]),
    ...(reason === undefined ? [] : [reason]),
  ];
  const rows = journals.readers().flatMap(({ all }) =>
    all(
      `SELECT id, block, ${LINE} AS text FROM decisions WHERE ${conditions.join(" AND ")}
         ORDER BY block DESC, id DESC LIMIT ?`,
      ...values,
      most,
    ),
  );
  const unique = new Map(rows.map((row) => [String(row.id), row]));
  return [...unique.values()]
    .map((row) => ({ id: String(row.id), block: Number(row.block), text: String(row.text) }))
    .sort((a, b) => b.block - a.block || (a.id < b.id ? 1 : -1))
    .slice(0, most);
}

/** The newest decision of a vault; null when there is none. */
export function lastDecision(context: Pick<ApiContext, "config" | "journals">, vault: string): Line | null {
  const [newest] = lineTexts(context, { vault, most: 1 });
  return newest === undefined ? null : (JSON.parse(newest.text) as Line);
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
    const lines = lineTexts(context, {
      vault,
      most: most + 1,
      ...(before === undefined ? {} : { before: placeOf(before) }),
      ...(action === undefined ? {} : { action }),
      ...(reason === undefined ? {} : { reason }),
    });
    const shown = lines.slice(0, most);
    const next = lines.length > most ? (shown.at(-1)?.id ?? null) : null;
    return new JsonText(`{"decisions":[${shown.map(({ text }) => text).join(",")}],"next":${JSON.stringify(next)}}`);
  },
});

export const getDecision = defineEndpoint({
  method: "get",
  path: "/v1/decisions/{id}",
  tag: "decisions",
  summary: "One decision with its candidate table, what it was made from, and what became of it",
  params: z.strictObject({ id: decisionId }),
  answer: decisionDetail,
  // Not kept: large, seldom asked for twice, and read as fast as it is found.
  serve({ journals, config }, { params: { id } }) {
    for (const reader of journals.readers()) {
      const row = reader.one(DETAIL, id);
      if (row !== null && row.chain_id === config.chainId) return detail(reader, row);
    }
    throw new ApiError("not-found", { field: "path.id", value: id, rule: "must be a decision of the journal" });
  },
});

const DETAIL = `SELECT decisions.*, ${LINE} AS line, settled_at_seconds, outcome, (SELECT state FROM rests
    WHERE rests.chain_id = decisions.chain_id AND rests.block_hash = decisions.block_hash
    AND rests.vault = decisions.vault) AS rest
  FROM decisions LEFT JOIN outcomes ON outcomes.decision_id = id WHERE id = ?`;

function detail(reader: JournalReader, row: Row): JsonText {
  const id = String(row.id);
  const { chainId, decision } = toDecision({ ...row, candidates: null });
  const line = JSON.parse(String(row.line)) as Line;
  const proposals =
    line.status === null ? [] : reader.all("SELECT digest FROM proposals WHERE decision_id = ? ORDER BY rowid", id);
  const { candidates } = row;
  const rest: Omit<z.input<typeof decisionDetail>, "candidates"> = {
    ...line,
    chainId,
    numeraire: decision.numeraire,
    sqrtPriceX96: String(decision.sqrtPriceX96),
    spreadWad: String(decision.spreadWad),
    chosen: decision.chosen,
    plan: plan(decision),
    volatility: plain(decision.volatility) as Record<string, unknown> | null,
    stated: decision.stated ?? null,
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
    rest: row.rest === null ? null : String(row.rest),
    proposals: proposals.map(({ digest: of }) => proposalView(reader, String(of))),
    outcome: row.outcome === null ? null : (JSON.parse(String(row.outcome)) as Record<string, unknown>),
    settledAtSeconds: row.settled_at_seconds === null ? null : Number(row.settled_at_seconds),
  };
  // Thousands of rows go from the journal's bytes to text; rows of before they had a column are in the decision.
  const table =
    typeof candidates === "object" && candidates !== null
      ? tableJson(new Uint8Array(candidates))
      : JSON.stringify(decision.candidates);
  return new JsonText('{"candidates":', table, `,${JSON.stringify(rest).slice(1)}`);
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
