import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Bundle, bundleWorker } from "./bundle.ts";
import { FAULTS, type FaultName } from "./faults.ts";
import { buildFleet, type Fleet } from "./fleet.ts";
import { type Lane, openLane } from "./lane.ts";
import { play } from "./play.ts";
import { SABOTAGES, type SabotageName } from "./sabotage.ts";
import { drawScenario } from "./scenario.ts";
import { failureText } from "./summary.ts";

/** Others work on this machine too: the time that a block may take is ample. */
const PATIENCE = 4;
const SEED = 6;

/** One of each group; `npm run test:chaos` plays all kinds, mixed, by the hundred. */
const KINDS: readonly FaultName[] = [
  "kill-at-milestone",
  "kill-at-random",
  "redis-loss",
  "redis-flush",
  "rival-same-journal",
  "rival-own-journal",
  "rpc-timeout",
  "rpc-head-ahead",
  "transaction-dropped",
  "transaction-error-after-accept",
  "mempool-holds",
  "reorg-keeps",
  "reorg-loses",
  "clock-jumps",
  "disk-full",
  "journal-locked",
  "web-socket-cut",
  "first-node-silent",
  "kill-while-bumping",
  "kill-while-cancelling",
  "first-node-forked",
];

let fleet: Fleet;
/** What meets several vaults at once: two pools, two keys, each of which pays in either pool. */
const FOR_FLEETS: readonly FaultName[] = ["kill-at-milestone", "reorg-loses", "transaction-dropped"];

const folders: string[] = [];
const bundles: Bundle[] = [];
const lanes: Lane[] = [];
async function lane(sabotage?: SabotageName): Promise<Lane> {
  const folder = mkdtempSync(join(tmpdir(), "chaos-"));
  folders.push(folder);
  const bundle = await bundleWorker(sabotage);
  bundles.push(bundle);
  // No mount that a test run could leave behind: the disk is full by the size that its files may have.
  const opened = await openLane({ fleet, bundle: bundle.path, folder, mounts: false });
  lanes.push(opened);
  return opened;
}
beforeAll(async () => {
  fleet = await buildFleet();
}, 240_000);
afterAll(async () => {
  for (const opened of lanes) await opened.stop();
  for (const bundle of bundles) bundle.remove();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

describe("a worker that meets a fault", () => {
  let sound: Lane;
  beforeAll(async () => {
    sound = await lane();
  }, 120_000);

  it.each(KINDS)(
    "'%s' executes once, loses nothing and goes on",
    async (only) => {
      const scenario = drawScenario({ seed: SEED, index: KINDS.indexOf(only), only, alone: true });
      const outcome = await play(sound, scenario, PATIENCE);
      expect(outcome.violations, failureText(outcome, { only, log: true })).toEqual([]);
      expect(outcome.faults.map(({ name }) => name)).toEqual([only]);
      expect(outcome.decisions).toBeGreaterThan(0);
    },
    240_000,
  );
});

describe("a worker of four vaults and two keys that meets a fault", () => {
  let sound: Lane;
  beforeAll(async () => {
    sound = await lane();
  }, 120_000);

  it.each(FOR_FLEETS)(
    "'%s' moves each vault once with its own key",
    async (only) => {
      const place = { seed: SEED, index: 100 + FOR_FLEETS.indexOf(only) };
      const outcome = await play(sound, drawScenario({ ...place, only, alone: true, vaults: 4 }), PATIENCE);
      expect(outcome.violations, failureText(outcome, { only, vaults: 4, log: true })).toEqual([]);
      expect(outcome.executed).toBeGreaterThanOrEqual(4);
      expect(outcome.decisions).toBeGreaterThanOrEqual(4);
    },
    240_000,
  );
});

describe("what went wrong once", () => {
  it.each([
    ["a sign of life, signed and never sent, holds up the moves behind it", 7, 3],
    ["a move whose receipt a node denies ends as expired", 12, 56],
  ])(
    "does not again: %s",
    async (_what, seed, index) => {
      const outcome = await play(await lane(), drawScenario({ seed, index }), PATIENCE);
      expect(outcome.violations, failureText(outcome, { log: true })).toEqual([]);
      expect(outcome.faults.every(({ took }) => took)).toBe(true);
    },
    240_000,
  );
});

describe("the checks", () => {
  it.each([
    ["confirms-blindly", "transaction-dropped", { seed: SEED, index: 0 }, /is confirmed, and nothing was measured/],
    ["believes-once", "reorg-loses", { seed: 11, index: 1 }, /is confirmed, and the chain has no such execution/],
  ] as const)(
    "go red when the worker %s",
    async (name, only, place, words) => {
      const broken = await lane(name);
      const scenario = drawScenario({ ...place, only, alone: true });
      const { violations } = await play(broken, scenario, PATIENCE);
      expect(violations.join("\n")).toMatch(words);
    },
    240_000,
  );
});

describe("a drawn scenario", () => {
  it("keeps one, two or four vaults", () => {
    const counts = Array.from({ length: 40 }, (_, index) => drawScenario({ seed: 1, index }).vaults);
    expect([...new Set(counts)].sort()).toEqual([1, 2, 4]);
    expect(drawScenario({ seed: 1, index: 0, vaults: 2 }).vaults).toBe(2);
    expect(drawScenario({ seed: 1, index: 0, alone: true }).vaults).toBe(1);
  });

  it("is the same for the same seed, and another for another", () => {
    expect(drawScenario({ seed: 1, index: 7 })).toEqual(drawScenario({ seed: 1, index: 7 }));
    expect(drawScenario({ seed: 1, index: 7 })).not.toEqual(drawScenario({ seed: 2, index: 7 }));
  });

  it("begins with each kind of fault in turn", () => {
    const kinds = Object.keys(FAULTS);
    const first = kinds.map((_, index) => drawScenario({ seed: 3, index }).faults[0]?.name);
    expect(first).toEqual(kinds);
    expect(Object.keys(SABOTAGES).length).toBeGreaterThanOrEqual(3);
  });
});
