import { z } from "@hono/zod-openapi";
import { getTickAtSqrtPrice, sqrtPriceX96ToLnPrice, tickToLnPrice } from "../../../ml/units.ts";
import type { VaultConfig } from "../../config.ts";
import type { Marker } from "../../observe/marker.ts";
import type { StopOrder } from "../../stops/killSwitch.ts";
import { JsonText } from "../answers.ts";
import type { VaultReading } from "../chainView.ts";
import { type ApiContext, vaultAt } from "../context.ts";
import { defineEndpoint } from "../endpoint.ts";
import { address, digest, digits, limit, seconds, vaultParams } from "../schemas.ts";
import { decisionLine, lastDecision } from "./decisions.ts";
import { stopSchema } from "./stops.ts";

const price = z.number().openapi({ description: "whole asset tokens per whole other token" });
const tokenSchema = z.object({ address, symbol: z.string(), decimals: z.int() });

const liveSchema = z
  .object({
    block: z.int(),
    blockHash: digest,
    atSeconds: seconds,
    token0: tokenSchema,
    token1: tokenSchema,
    assetIsToken0: z.boolean(),
    nav: digits.openapi({ description: "asset units, at the mid reference price" }),
    lowNav: digits,
    highNav: digits,
    sharePrice: digits.openapi({ description: "asset units per 1e18 shares, at the low reference price" }),
    totalSupply: digits,
    idle0: digits,
    idle1: digits,
    sqrtPriceX96: digits,
    tick: z.int(),
    price,
    referenceTick: z.int(),
    calm: z.boolean(),
    paused: z.boolean(),
    pausedUntilSeconds: seconds,
    rebalanceHeld: z.boolean(),
    lastMoveAtSeconds: seconds.openapi({ description: "0 = never" }),
    movesToday: z.int(),
    maxMovesPerDay: z.int(),
    cooldownSeconds: z.int(),
    lossBudgetLeftWad: digits,
    positions: z.array(
      z.object({
        lowerTick: z.int(),
        upperTick: z.int(),
        lowerPrice: price,
        upperPrice: price,
        inRange: z.boolean(),
        liquidity: digits,
        amount0: digits,
        amount1: digits,
        fees0: digits,
        fees1: digits,
      }),
    ),
  })
  .openapi("LiveVault");

const vaultSchema = z
  .object({
    vault: address,
    name: z.string(),
    chainId: z.int(),
    pool: address,
    strategy: address,
    status: z.enum(["in-range", "out-of-range", "idle", "paused", "unknown"]),
    /** The strictest order of the kill switch in force; null when it runs. */
    stop: stopSchema.nullable(),
    settledBlock: z
      .int()
      .nullable()
      .openapi({ description: "a worker has come to rest with the pool's blocks up to it" }),
    settledState: z.string().nullable(),
    lastDecision: decisionLine.nullable(),
    live: liveSchema
      .nullable()
      .openapi({ description: "what the chain says, at `live.block`; null until it was read" }),
  })
  .openapi("Vault");

type Vault = z.input<typeof vaultSchema>;
type Live = z.input<typeof liveSchema>;

/** What the lens says, in the API's words. */
export function liveView({ block, pool, status }: VaultReading): Live {
  const numeraire = status.assetIsToken0 ? 0 : 1;
  const [asset, other] = status.assetIsToken0 ? [pool.token0, pool.token1] : [pool.token1, pool.token0];
  // Raw asset units per raw unit of the other token, to whole tokens.
  const scale = 10 ** (other.decimals - asset.decimals);
  const priceAt = (tick: number) => Math.exp(tickToLnPrice(tick, numeraire)) * scale;
  const reference = status.refs.midSqrtPriceX96;
  return {
    block: block.number,
    blockHash: block.hash,
    atSeconds: block.timestamp,
    token0: { ...pool.token0 },
    token1: { ...pool.token1 },
    assetIsToken0: status.assetIsToken0,
    nav: String(status.midNav),
    lowNav: String(status.lowNav),
    highNav: String(status.highNav),
    sharePrice: String(status.lowSharePrice),
    totalSupply: String(status.totalSupply),
    idle0: String(status.idle0),
    idle1: String(status.idle1),
    sqrtPriceX96: String(status.sqrtPriceX96),
    tick: status.tick,
    price: Math.exp(sqrtPriceX96ToLnPrice(status.sqrtPriceX96, numeraire)) * scale,
    referenceTick: reference === 0n ? status.tick : getTickAtSqrtPrice(reference),
    calm: status.calm,
    paused: status.paused,
    pausedUntilSeconds: Number(status.pausedUntil),
    rebalanceHeld: status.rebalanceHeld,
    lastMoveAtSeconds: Number(status.lastMoveAt),
    movesToday: Number(status.movesToday),
    maxMovesPerDay: status.limits.maxMovesPerDay,
    cooldownSeconds: status.limits.cooldownSeconds,
    lossBudgetLeftWad: String(status.budgetLeftWad),
    positions: status.positions.map((position) => {
      const prices = [priceAt(position.lowerTick), priceAt(position.upperTick)] as const;
      return {
        lowerTick: position.lowerTick,
        upperTick: position.upperTick,
        lowerPrice: Math.min(...prices),
        upperPrice: Math.max(...prices),
        inRange: position.lowerTick <= status.tick && status.tick < position.upperTick,
        liquidity: String(position.liquidity),
        amount0: String(position.amount0),
        amount1: String(position.amount1),
        fees0: String(position.fees0),
        fees1: String(position.fees1),
      };
    }),
  };
}

function statusOf(live: Live | null): Vault["status"] {
  if (live === null) return "unknown";
  if (live.paused || live.rebalanceHeld) return "paused";
  const held = live.positions.filter(({ liquidity }) => liquidity !== "0");
  if (held.length === 0) return "idle";
  return held.some(({ inRange }) => inRange) ? "in-range" : "out-of-range";
}

interface Around {
  readonly orders: readonly StopOrder[];
  readonly marker: Marker | null;
}

function vaultView(context: ApiContext, vault: VaultConfig, reading: VaultReading | null, around: Around): Vault {
  const scope = vault.vault.toLowerCase();
  const active = around.orders.filter((order) => order.level > 0 && [scope, "all"].includes(order.scope));
  const live = reading && liveView(reading);
  return {
    vault: vault.vault,
    name: vault.name,
    chainId: context.config.chainId,
    pool: vault.pool,
    strategy: vault.strategy,
    status: statusOf(live),
    stop: active.sort((a, b) => b.level - a.level)[0] ?? null,
    settledBlock: around.marker?.block ?? null,
    settledState: around.marker?.state ?? null,
    lastDecision: lastDecision(context, vault.vault),
    live,
  };
}

/** One vault as JSON, written once for all pages that show it while nothing that is told of it changes. */
function vaultJson(context: ApiContext, vault: VaultConfig, around: Around): Uint8Array {
  const { vaultJsons, journals, chain } = context;
  const reading = chain.known(vault);
  const version = versionOf([journals.versionOf(vault.vault), reading?.block.hash, around.orders, around.marker]);
  const kept = vaultJsons.get(vault.vault);
  if (kept?.version === version) return kept.json;
  const json = Buffer.from(JSON.stringify(vaultView(context, vault, reading, around)));
  vaultJsons.set(vault.vault, { version, json });
  return json;
}

const COMMA = Buffer.from(",");

/** What every vault's view is made from beside its own rows; a Redis that is down leaves the markers unknown. */
async function around({ shared }: ApiContext) {
  const [{ orders, source }, markers] = await Promise.all([shared.stops(), shared.markers().catch(() => null)]);
  return { orders, source, markers };
}

/** Names values as they are now; a list that is still the same object is not spelled out again. */
const versionOf = (parts: readonly unknown[]): string =>
  parts.map((part) => (typeof part === "object" && part !== null ? spelled(part) : String(part))).join(" ");

const spellings = new WeakMap<object, string>();
function spelled(part: object): string {
  const known = spellings.get(part);
  if (known !== undefined) return known;
  const text = JSON.stringify(part instanceof Map ? [...part] : part);
  spellings.set(part, text);
  return text;
}

const killSwitchSource = z
  .enum(["redis", "journals"])
  .openapi({ description: '"journals" while Redis does not answer: a newer order may be missing' });

export const listVaults = defineEndpoint({
  method: "get",
  path: "/v1/vaults",
  tag: "vaults",
  summary: "Every vault of the configuration; figures of the chain as they were last read",
  query: z.strictObject({
    limit: limit(500, 100),
    after: address.optional().openapi({ description: "`next` of the page before" }),
  }),
  answer: z.object({ vaults: z.array(vaultSchema), killSwitchSource, next: address.nullable() }),
  // Its vaults are kept, each by itself: pages are put together faster than they would be found.
  async serve(context, { query }) {
    const { vaults, chain } = context;
    chain.refresh(vaults);
    const start = query.after === undefined ? 0 : vaults.indexOf(vaultAt(context, query.after)) + 1;
    const shown = vaults.slice(start, start + query.limit);
    const { orders, source, markers } = await around(context);
    const jsons = shown.flatMap((vault, index) => {
      const json = vaultJson(context, vault, { orders, marker: markers?.get(vault.pool) ?? null });
      return index === 0 ? [json] : [COMMA, json];
    });
    const rest = {
      killSwitchSource: source,
      next: start + query.limit < vaults.length ? (shown.at(-1)?.vault ?? null) : null,
    };
    return new JsonText('{"vaults":[', ...jsons, `],${JSON.stringify(rest).slice(1)}`);
  },
});

export const getVaultNow = defineEndpoint({
  method: "get",
  path: "/v1/vaults/{vault}",
  tag: "vaults",
  summary: "One vault as it is now: holdings, prices, last decision, kill switch",
  params: vaultParams,
  answer: vaultSchema.extend({ killSwitchSource, liveError: z.string().nullable() }),
  async version(context, { params }) {
    const vault = vaultAt(context, params.vault);
    await context.chain.vault(vault).catch(() => null);
    const { journals, chain } = context;
    const { orders, source, markers } = await around(context);
    const shown = [chain.known(vault)?.block.hash, chain.isCurrent(vault)];
    return versionOf([journals.versionOf(vault.vault), ...shown, orders, source, markers?.get(vault.pool)]);
  },
  async serve(context, { params }) {
    const vault = vaultAt(context, params.vault);
    const { orders, source, markers } = await around(context);
    const reading = context.chain.known(vault);
    const isOld = !context.chain.isCurrent(vault);
    return {
      ...vaultView(context, vault, reading, { orders, marker: markers?.get(vault.pool) ?? null }),
      killSwitchSource: source,
      liveError: isOld ? "the node did not answer for the newest block; `live` is older or missing" : null,
    };
  },
});
