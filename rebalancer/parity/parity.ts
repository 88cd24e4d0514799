import { createEventMarket } from "../../ml/backtest/events/eventMarket.ts";
import { openRecordedSession } from "../../ml/backtest/events/recordedSession.ts";
import { type DecisionCase, type ReplaySession, replayDecisions } from "../../ml/backtest/replayDecisions.ts";
import type { MarketData } from "../../ml/data/market.ts";
import { loadModelSet } from "../../ml/models/index.ts";
import type { Address, ModelIdentity, ModelSet, PoolMeta } from "../../ml/types.ts";
import { FatalError } from "../errors.ts";
import type { DecisionPlace, DecisionPlaceFilter, HistoryStamp } from "../journal/inputs.ts";
import { stampOf } from "../journal/inputs.ts";
import type { VanishedDecision } from "../journal/vanished.ts";
import type { Journal } from "../journal.ts";
import { differencesOf, type FieldDifference } from "./compare.ts";
import type { EventSource } from "./events.ts";
import { modelsThen } from "./models.ts";

export interface ParityParameters {
  readonly journal: Pick<Journal, "decisionPlaces" | "vanishedDecisions" | "missingRows" | "decision" | "inputs">;
  readonly source: EventSource;
  readonly filter?: DecisionPlaceFilter;
  /** Hash of a block of the chain, or null where it cannot be asked: decisions at other blocks were orphaned. */
  readonly hashOf?: (block: number) => Promise<string | null>;
  readonly loadModels?: (set: string) => Promise<ModelSet>;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface ParityDifference {
  readonly decisionId: string;
  readonly vault: Address;
  readonly block: number;
  readonly atSeconds: number;
  readonly fields: readonly FieldDifference[];
}

export interface ParityReport {
  readonly source: string;
  readonly pools: number;
  readonly vaults: number;
  readonly decisions: number;
  /** Taken again and compared. */
  readonly replayed: number;
  /** Candidate rows among what was compared. */
  readonly candidates: number;
  /** Taken at blocks that the chain no longer has. */
  readonly orphaned: number;
  /** Of before inputs were kept. */
  readonly withoutInputs: number;
  readonly different: number;
  /** Taken once, by what they left behind, and not in the journal any more: there is nothing to compare with. */
  readonly vanished: readonly VanishedDecision[];
  /** Rows that were taken out of the journal, of which nothing says whose decisions they were. */
  readonly missingRows: number;
  /** Of each pool: played in the exact engine, or read as recorded because its state before the record is unknown. */
  readonly markets: readonly ParityMarket[];
  readonly differences: readonly ParityDifference[];
}

export interface ParityMarket {
  readonly pool: Address;
  readonly played: boolean;
  readonly events: number;
  /** What the record leaves open, and what of it contradicts itself. */
  readonly notes: readonly string[];
}

type JournalCase = DecisionCase & { readonly place: DecisionPlace; readonly stamp: HistoryStamp };

/** Takes every journaled decision again from the pool's events, in a backtest's market, and compares all of it. */
export async function parity(parameters: ParityParameters): Promise<ParityReport> {
  const { journal, source, filter = {}, hashOf, loadModels = loadModelSet, onProgress } = parameters;
  const all = journal.decisionPlaces(filter);
  const places: DecisionPlace[] = [];
  let [orphaned, withoutInputs] = [0, 0];
  for (const place of all) {
    if (hashOf && (await hashOf(place.block)) !== place.blockHash) orphaned++;
    else if (journal.inputs(place.id) === null) withoutInputs++;
    else places.push(place);
  }
  const vanished = journal.vanishedDecisions(filter);
  // Rows carry no vault any more: in the question for one vault they say nothing.
  const missing = filter.vault === undefined ? journal.missingRows(filter) : 0;
  const markets: ParityMarket[] = [];
  const differences: ParityDifference[] = [];
  let [replayed, candidates] = [0, 0];
  for (const pool of new Set(places.map((place) => place.pool))) {
    const ofPool = places.filter((place) => place.pool === pool);
    const market = await openMarket(journal, source, pool, ofPool);
    markets.push({ pool, played: market.played, events: market.data.events.length, notes: market.notes });
    for (const { set, made, places: together } of byModels(journal, ofPool)) {
      const models = await modelsThen(set, made, loadModels);
      const cases = casesOf(journal, together);
      for await (const { of, decision, history } of replayDecisions({ session: market.open(), models, cases })) {
        const recorded = journal.decision(of.place.id)?.decision;
        if (recorded === undefined) continue;
        // The address is the chain's; a dataset writes it in lower case.
        const again = { ...decision, pool: recorded.pool };
        const fields = [
          ...differencesOf({ history: of.stamp }, { history: stampOf(history) }),
          ...differencesOf(recorded, again),
        ];
        const { id, vault, block, atSeconds } = of.place;
        if (fields.length > 0) differences.push({ decisionId: id, vault, block, atSeconds, fields });
        replayed++;
        candidates += recorded.candidates.length;
        onProgress?.(replayed, places.length);
      }
    }
  }
  return {
    source: source.name,
    pools: markets.length,
    vaults: new Set(places.map(({ vault }) => vault)).size,
    decisions: all.length,
    replayed,
    candidates,
    orphaned,
    withoutInputs,
    different: differences.length,
    vanished: await standing(vanished, hashOf),
    missingRows: Math.max(0, missing - vanished.length),
    markets,
    differences,
  };
}

interface SameModels {
  readonly set: string;
  readonly made: readonly ModelIdentity[];
  readonly places: DecisionPlace[];
}

/** The places in groups that one set decided with the same models, each in its order. */
function byModels(journal: ParityParameters["journal"], places: readonly DecisionPlace[]): Iterable<SameModels> {
  const groups = new Map<string, SameModels>();
  for (const place of places) {
    const set = place.modelSet;
    const made = journal.decision(place.id)?.decision.models ?? [];
    const key = JSON.stringify([set, ...made.map(({ id, version, sha256 }) => [id, version, sha256])]);
    const group = groups.get(key) ?? { set, made, places: [] };
    group.places.push(place);
    groups.set(key, group);
  }
  return groups.values();
}

/** Those at blocks that the chain still has. */
async function standing(
  all: readonly VanishedDecision[],
  hashOf: ParityParameters["hashOf"],
): Promise<readonly VanishedDecision[]> {
  const kept: VanishedDecision[] = [];
  for (const one of all) if (!hashOf || (await hashOf(one.block)) === one.blockHash) kept.push(one);
  return kept;
}

function* casesOf(journal: ParityParameters["journal"], places: readonly DecisionPlace[]): Generator<JournalCase> {
  for (const place of places) {
    const inputs = journal.inputs(place.id);
    if (inputs === null) continue;
    const { history: stamp, ...rest } = inputs;
    yield { ...rest, place, stamp, atSeconds: place.atSeconds, fromTimestamp: stamp.fromTimestamp };
  }
}

interface OpenedMarket {
  readonly data: MarketData;
  readonly played: boolean;
  readonly notes: readonly string[];
  open(): ReplaySession;
}

async function openMarket(
  journal: ParityParameters["journal"],
  source: EventSource,
  pool: Address,
  places: readonly DecisionPlace[],
): Promise<OpenedMarket> {
  let completeFrom = Number.POSITIVE_INFINITY;
  for (const { id } of places) {
    completeFrom = Math.min(completeFrom, journal.inputs(id)?.history.fromTimestamp ?? completeFrom);
  }
  const blockTimes = places.map(({ block, atSeconds }) => ({ block, timestamp: atSeconds }));
  const [first, last] = [places[0], places.at(-1)];
  if (first === undefined || last === undefined) throw new FatalError(`pool ${pool}: no decision; rule: at least one`);
  const toBlock = Math.max(...blockTimes.map(({ block }) => block));
  const data = await source.eventsOf({ pool, fromTimestamp: completeFrom, toBlock, blockTimes });
  // A pool that nobody has swapped in cannot be played, and need not be.
  if (data.state !== null && data.events.some(({ type }) => type === "SWAP")) {
    const market = createEventMarket({ data, dataSha256: "", blockTimes, completeFrom });
    const open = () => market.open({ fromSeconds: Math.min(first.atSeconds, completeFrom), numeraire: 0 });
    return { data, played: true, notes: market.description.notes, open };
  }
  const recorded = { data, pool: poolOf(data), blockTimes, completeFrom };
  return { data, played: false, notes: data.notes, open: () => openRecordedSession(recorded) };
}

const NOBODY: Address = "0x0000000000000000000000000000000000000000";

const poolOf = ({ pool }: MarketData): PoolMeta => ({
  ...pool,
  address: pool.address ?? NOBODY,
  token0: { ...pool.token0, address: pool.token0.address ?? NOBODY },
  token1: { ...pool.token1, address: pool.token1.address ?? NOBODY },
});
