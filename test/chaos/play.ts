import { openJournal } from "../../rebalancer/journal.ts";
import { createKillSwitch } from "../../rebalancer/stops/killSwitch.ts";
import { type Check, check } from "./check.ts";
import { sleep } from "./faults/kind.ts";
import { FAULTS, type FaultName } from "./faults.ts";
import { CHAIN_ID } from "./fleet.ts";
import type { Lane } from "./lane.ts";
import type { FaultPlan, Scenario } from "./scenario.ts";
import type { LogLine } from "./supervised.ts";
import { type Block, openWorld, type World } from "./world.ts";

/** Wall time of one block of the chain that this stands for; work resumes within two. */
const BLOCK_MILLISECONDS = 12_000;
/** By when a worker's housekeeping, every five seconds by its own clock, has come round. */
const HOUSEKEEPING_MILLISECONDS = 6_000;
/** What that puts right: a nonce that waits, and a move that was given up and mined all the same. */
const HOUSEKEPT = /^nonces: |was executed on the chain; in the journal it is (expired|refused)$/;
/** Blocks after which a sent transaction must have come to its end, one way or the other. */
const DRAIN_BLOCKS = 12;

export interface Injected {
  readonly name: FaultName;
  /** Whether it took place: a milestone that was never reached kills nobody. */
  readonly took: boolean;
}

export interface Outcome {
  readonly scenario: Scenario;
  readonly faults: readonly Injected[];
  readonly violations: readonly string[];
  readonly proposals: number;
  readonly executed: number;
  readonly decisions: number;
  readonly blocks: number;
  /** Transactions of the worker that reorganisations took out of the chain. */
  readonly takenBack: number;
  /** Exits of a worker that nobody ordered; it was started again. */
  readonly deaths: number;
  /** From the last fault's end until the worker was at rest with the head, and the blocks that came in the meantime. */
  readonly resumedMilliseconds: number;
  readonly resumedBlocks: number;
  readonly seconds: number;
  readonly log: readonly LogLine[];
}

/** Which vault rest was owed: the worker said that it had come to rest with `head`, so `due` must be accounted for. */
export interface Owed {
  readonly head: Block;
  readonly due: Block;
}

/** Plays one scenario from an untouched chain to the last check. */
export async function play(lane: Lane, scenario: Scenario, patience = 1): Promise<Outcome> {
  const began = performance.now();
  const world = await openWorld(lane, scenario);
  const violations: string[] = [];
  const owed: Owed[] = [];
  const injected: { name: FaultName; took: boolean }[] = [];
  const active: { plan: FaultPlan; until: number; end: (() => unknown) | null }[] = [];

  const begin = async (plan: FaultPlan, slot: number) => {
    world.note(`fault ${plan.name} ${JSON.stringify(plan.values)}${plan.slots ? ` for ${plan.slots} blocks` : ""}`);
    const begun = await FAULTS[plan.name].begin(world, plan.values);
    const end = typeof begun === "function" ? (begun as () => unknown) : null;
    injected.push({ name: plan.name, took: true });
    active.push({ plan, until: slot + plan.slots, end });
  };
  const finish = async (last: (one: { until: number }) => boolean) => {
    for (const one of active.filter(last)) {
      active.splice(active.indexOf(one), 1);
      await one.end?.();
      if (one.end) world.note(`end of ${one.plan.name}`);
    }
  };
  const rested = async (limit: number): Promise<boolean> => {
    const settled = await world.settled(limit);
    const head = world.blocks.at(-1);
    if (!settled || !head) return false;
    const due = dueOf(world, head);
    if (due) owed.push({ head, due });
    return true;
  };

  let late = 0;
  try {
    for (const [slot, gap] of scenario.gaps.entries()) {
      const starting = scenario.faults.filter((plan) => plan.slot === slot);
      for (const plan of starting) if (FAULTS[plan.name].before) await begin(plan, slot);
      await world.mine(gap);
      for (const plan of starting) if (!FAULTS[plan.name].before) await begin(plan, slot);
      const suspended = active.some(({ plan }) => FAULTS[plan.name].suspends && plan.slots > 0);
      // A lost queue is refilled with the next block: it is then that the worker must be at rest again.
      const emptied = starting.some(({ name }) => FAULTS[name].emptiesRedis);
      const atRest = await rested(suspended ? 250 : emptied ? 2_000 : BLOCK_MILLISECONDS * patience);
      late = atRest || suspended ? 0 : late + 1;
      if (late === 2) violations.push(`resume: not at rest for two blocks up to ${world.blocks.at(-1)?.number}`);
      await finish(({ until }) => until <= slot);
    }
    await finish(() => true);

    // Nothing is wrong any more: two blocks, the first of them begins a cadence bucket.
    const lifted = performance.now();
    const every = Math.max(scenario.everySeconds, 12);
    const now = world.blocks.at(-1)?.timestamp ?? 0;
    await world.mine(every - (now % every) || every);
    let resumedBlocks = 1;
    let resumed = await rested(BLOCK_MILLISECONDS * patience);
    if (!resumed) {
      await world.mine(12);
      resumedBlocks = 2;
      resumed = await rested(BLOCK_MILLISECONDS * patience);
    }
    const resumedMilliseconds = Math.round(performance.now() - lifted);
    if (!resumed)
      violations.push(`resume: not at rest with block ${world.blocks.at(-1)?.number} two blocks after the last fault`);

    if (resumed) await drain(world, rested, patience);
    // Blocks come faster here than on the chain that this stands for: what a worker does by its own clock has its turn.
    if (resumed && (await check(world, owed)).violations.some((one) => HOUSEKEPT.test(one))) {
      await sleep(HOUSEKEEPING_MILLISECONDS);
      await world.mine(12);
      await rested(BLOCK_MILLISECONDS * patience);
    }
    for (const { supervised } of world.rivals) await supervised.stop();
    if (!(await world.worker.stop())) violations.push("stop: the worker did not end on SIGTERM within 30 s");
    // A journal that was left in the middle of something is taken up again by a worker of its own.
    for (const path of world.journals) {
      if (underWay([path]) === 0) continue;
      const heir = world.resume(path);
      await world.mine(12);
      await rested(BLOCK_MILLISECONDS * patience);
      await drain(world, rested, patience);
      await heir.stop();
    }
    for (const one of injected) if (FAULTS[one.name].crashes) one.took = world.worker.crashes() > 0;

    let found: Check = { violations: [], proposals: 0, executed: 0, decisions: 0 };
    found = await check(world, owed);
    violations.push(...found.violations);
    const deaths = [world.worker, ...world.rivals.map(({ supervised }) => supervised)].flatMap((one) => one.deaths);
    return {
      scenario,
      faults: injected,
      violations,
      proposals: found.proposals,
      executed: found.executed,
      decisions: found.decisions,
      blocks: world.blocks.length,
      takenBack: world.takenBack,
      deaths: deaths.filter(({ code }) => code !== 3).length,
      resumedMilliseconds,
      resumedBlocks,
      seconds: (performance.now() - began) / 1_000,
      log: world.log,
    };
  } finally {
    for (const one of active) await Promise.resolve(one.end?.()).catch(() => {});
    await world.close();
  }
}

/** Blocks until no proposal is under way, the last of them past every deadline; nothing new is begun meanwhile. */
async function drain(world: World, rested: (limit: number) => Promise<boolean>, patience: number): Promise<void> {
  await world.redis((redis) => {
    const killSwitch = createKillSwitch({ redis, journal: null, prefix: "rangekeeper", chainId: CHAIN_ID });
    const reason = "the scenario is over";
    return killSwitch.give({ scope: "all", level: 1, reason, by: "operator", atMilliseconds: Date.now() });
  });
  for (let blocks = 0; blocks < DRAIN_BLOCKS && underWay(world.journals) > 0; blocks++) {
    await world.mine(blocks < DRAIN_BLOCKS - 4 ? 12 : 1_200);
    await rested(BLOCK_MILLISECONDS * patience);
  }
}

/** Proposals that may still move something. */
function underWay(journals: Iterable<string>): number {
  let open = 0;
  for (const path of journals) {
    const journal = openJournal(path, () => "reader");
    for (const record of journal.proposals({ status: ["proposed", "simulated", "sent"] })) {
      const rests = journal.rests({ chainId: CHAIN_ID, pool: record.pool, blockHash: record.blockHash });
      if (record.status === "sent" || !rests.has(record.vault)) open += 1;
    }
    journal.close();
  }
  return open;
}

/** The first block of the cadence bucket that a head is in; null where that was before the scenario. */
function dueOf(world: World, head: Block): Block | null {
  const every = world.scenario.everySeconds;
  const start = Math.floor(head.timestamp / every) * every;
  const first = world.blocks.findIndex(({ timestamp }) => timestamp >= start);
  return (first <= 0 && world.lane.fleet.time >= start ? null : world.blocks[first]) ?? null;
}
