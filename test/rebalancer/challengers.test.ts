import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type CalibrationState, emptyCalibration } from "../../ml/risk/uncertainty/calibration.ts";
import type { StatedDay } from "../../ml/types.ts";
import { lnPriceToSqrtPriceX96 } from "../../ml/units.ts";
import { type Duel, type Side, type Standing, standingOf } from "../../rebalancer/challengers/standing.ts";
import { createChallengers } from "../../rebalancer/challengers.ts";
import { formatStandings, registerChallengers } from "../../rebalancer/cli/challengers.ts";
import type { Config } from "../../rebalancer/config.ts";
import { type ChallengerRecord, UNANSWERED } from "../../rebalancer/journal/challengers.ts";
import type { DecisionInputs } from "../../rebalancer/journal/inputs.ts";
import { openJournal } from "../../rebalancer/journal.ts";
import { performanceOf, settledOutcomes } from "../../rebalancer/performance.ts";
import { bounds, market, settings, vault } from "../ml/fixtures.ts";
import { type LocalDeployment, startLocalDeployment } from "../support/deployment.ts";
import { VAULT } from "../support/journalRecords.ts";
import { liveHours } from "../support/liveHours.ts";
import { verbRunner } from "../support/verb.ts";

const HOURS = 8;
const ZERO = `0x${"0".repeat(40)}` as const;

/** Waits until every challenger has said something to every decision: threads keep their own time. */
async function answered({ journal: { path } }: Config, hour: number): Promise<void> {
  const journal = openJournal(path, () => "reader");
  try {
    const end = Date.now() + 300_000;
    while (journal.challengers().filter(({ error }) => error !== UNANSWERED).length < 3 * (hour + 1)) {
      if (Date.now() > end) throw new Error(`challengers are silent at hour ${hour}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  } finally {
    journal.close();
  }
}
const runVerb = verbRunner(registerChallengers, "challengers");

describe("a live worker with challengers", () => {
  let local: LocalDeployment;
  let played: { path: string; config: Config };
  beforeAll(async () => {
    local = await startLocalDeployment();
    const changes = {
      "models.challengers": ["rules", "rangekeeper", "nonesuch"],
      "evaluate.horizonSeconds": 7_200,
    };
    played = await liveHours({ local, hours: HOURS, changes, baseFeePerGas: 8_000_000_000n, afterHour: answered });
  }, 400_000);
  afterAll(() => local?.stop());

  it("journals what each would have done on the champion's inputs, and sends what the champion says", () => {
    const journal = openJournal(played.config.journal.path, () => "reader");
    const decisions = journal.decisions();
    const answers = journal.challengers();
    const proposals = journal.proposals();
    journal.close();
    expect(decisions).toHaveLength(HOURS);
    const of = (set: string) => answers.filter(({ modelSet }) => modelSet === set);
    // The champion's own models on the champion's own inputs: the same to the last digit.
    expect(of("rules").map(({ decision }) => decision)).toEqual(decisions.map(({ decision }) => decision));
    const sameInputs = of("rangekeeper").map(({ decision }) => [decision?.block, decision?.atSeconds, decision?.vault]);
    expect(sameInputs).toEqual(decisions.map(({ decision }) => [decision.block, decision.atSeconds, decision.vault]));
    expect(new Set(of("rangekeeper").map(({ decision }) => decision?.models[0]?.id))).toEqual(
      new Set(["volatility-har-net"]),
    );
    const digests = new Set(proposals.map(({ proposal }) => proposal.inputsDigest));
    expect(proposals.length).toBeGreaterThan(0);
    for (const { decision } of of("rangekeeper")) expect(digests.has(decision?.inputsDigest ?? "0x")).toBe(false);
  });

  it("says of an unknown set why it gave no answer", () => {
    const journal = openJournal(played.config.journal.path, () => "reader");
    const unknown = journal.challengers().filter(({ modelSet }) => modelSet === "nonesuch");
    journal.close();
    expect(unknown).toHaveLength(HOURS);
    for (const { decision, error } of unknown) {
      expect(decision).toBeNull();
      expect(error).toMatch(/^model set "nonesuch" must be one of/);
    }
  });

  it("settles challengers as it settles the champion", () => {
    const journal = openJournal(played.config.journal.path, () => "reader");
    const champions = new Map(journal.outcomes().map(({ decisionId, outcome }) => [decisionId, outcome]));
    const theirs = journal.challengerOutcomes().filter(({ modelSet }) => modelSet === "rules");
    const settled = new Set(journal.challengerOutcomes().map(({ modelSet }) => modelSet));
    journal.close();
    expect(champions.size).toBe(HOURS - 2);
    expect(theirs.map(({ outcome }) => outcome)).toEqual([...champions.values()]);
    expect(settled).toEqual(new Set(["rules", "rangekeeper"]));
  });

  it("shows how they stand, and that so little tells nothing", async () => {
    const { status, stdout } = await runVerb("--config", played.path);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^rules against the champion +champion +challenger$/m);
    expect(stdout).toMatch(/answered 8 of 8 decisions of 1 vaults; agreed in 100\.0 %/);
    expect(stdout).toMatch(/answered 0 of 8 decisions/);
    expect(stdout).toMatch(/too little to tell/);
    expect(Math.max(...stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
    const json = await runVerb("--config", played.path, "--json", "--since", "2100-01-01");
    expect(JSON.parse(json.stdout)).toEqual([]);
  });
});

describe("createChallengers", () => {
  const history = market({ feeOverLvr: 3 });
  const inputs: DecisionInputs = {
    state: vault(history, 1),
    bounds,
    settings,
    grid: null,
    history: { ...history, swaps: history.swaps.length },
  };

  const unlearned = { latestCalibration: () => null, recordCalibration: () => undefined };

  it("measures each on its own errors: those that the journal keeps of it, and the days since", async () => {
    const records: ChallengerRecord[] = [];
    const learned: { readonly modelSet: string; readonly state: CalibrationState }[] = [];
    const asked: string[] = [];
    const own = { ...emptyCalibration, days: 5, lastSeconds: 86_400 };
    const champions = { ...emptyCalibration, days: 777, lastSeconds: history.toTimestamp };
    const challengers = createChallengers({
      config: { models: { challengers: ["rules"], registry: "none" } as unknown as Config["models"] },
      journal: {
        inputs: () => ({ ...inputs, calibration: champions }),
        recordChallenger: (record) => void records.push(record),
        latestCalibration: ({ modelSet, pool }) => {
          asked.push(`${modelSet} ${pool}`);
          return own;
        },
        recordCalibration: ({ modelSet }, state) => void learned.push({ modelSet, state }),
      },
      logger: { warn: () => undefined, info: () => undefined },
      thread: { patienceMilliseconds: 500_000 },
    });
    challengers?.offer(history, ["d0"]);
    challengers?.offer(history, ["d1"]);
    await vi.waitFor(() => expect(records).toHaveLength(2), { timeout: 500_000, interval: 20 });
    await challengers?.close();
    expect(new Set(asked)).toEqual(new Set([`rules ${history.pool.address}`]));
    const days = records.map(({ decision }) => decision?.stated?.days ?? 0);
    expect(days[0]).toBeGreaterThan(5);
    expect(days).toEqual([days[0], days[0]]);
    expect(days[0]).toBeLessThan(777);
    expect(learned[0]).toMatchObject({ modelSet: "rules", state: { days: days[0] } });
  }, 600_000);

  /** What is journaled and said of challengers that misbehave, each offered so many batches at once. */
  async function misbehaving(sets: readonly string[], { batches = 1, patienceMilliseconds = 120_000 } = {}) {
    const records: ChallengerRecord[] = [];
    const warnings: string[] = [];
    const failed: string[] = [];
    const challengers = createChallengers({
      config: { models: { challengers: [...sets], registry: "none" } as unknown as Config["models"] },
      journal: { ...unlearned, inputs: () => inputs, recordChallenger: (record) => void records.push(record) },
      logger: { warn: (...args: unknown[]) => void warnings.push(String(args.at(-1))), info: () => undefined },
      onFailure: (modelSet) => void failed.push(modelSet),
      thread: {
        program: new URL("../support/badChallenger.mjs", import.meta.url),
        patienceMilliseconds,
        closingMilliseconds: 30_000,
        mostWaiting: 2,
      },
    });
    for (let batch = 0; batch < batches; batch++) challengers?.offer(history, [`d${batch}`]);
    // Whoever offers goes on before anything is known.
    const knownAtOnce = records.length;
    await challengers?.close();
    return { records, warnings, failed, knownAtOnce };
  }

  it("is none without a challenger", () => {
    const models = { challengers: [] as string[] } as Config["models"];
    expect(createChallengers({ config: { models }, journal: null as never, logger: null as never })).toBeNull();
  });

  it("gives up one that hangs, with a warning that names it, and never waits for it", async () => {
    const { records, warnings, failed, knownAtOnce } = await misbehaving(["hangs"], { patienceMilliseconds: 400 });
    expect(records).toEqual([{ decisionId: "d0", modelSet: "hangs", decision: null, error: "no answer in 0.4 s" }]);
    expect(warnings).toEqual(["challenger hangs gave no answer: no answer in 0.4 s"]);
    expect(failed).toEqual(["hangs"]);
    expect(knownAtOnce).toBe(0);
  });

  it("survives one that throws, one that dies and one that answers what nobody asked", async () => {
    const { records } = await misbehaving(["throws", "dies", "babbles"]);
    expect(Object.fromEntries(records.map(({ modelSet, error }) => [modelSet, error]))).toEqual({
      throws: "as it likes",
      dies: "its thread ended with 7",
      babbles: "gave no answer",
    });
  });

  it("drops the oldest when too many wait, and says so", async () => {
    const { records } = await misbehaving(["hangs"], { batches: 5, patienceMilliseconds: 400 });
    const skipped = records.filter(({ error }) => error.startsWith("skipped")).map(({ decisionId }) => decisionId);
    expect(skipped).toEqual(["d1", "d2"]);
  });
});

describe("standingOf", () => {
  const range = (lowerTick: number, cost: number) => ({
    kind: "range" as const,
    range: { lowerTick, upperTick: lowerTick + 600 },
    share: 1,
    inRange: 1,
    feesBps: 20,
    ilBps: 0,
    lvrBps: 10,
    costBps: cost,
    tailBps: 0,
    deviationBps: 0,
    breach: 0,
    netBps: 10 - cost,
    waitBps: 0,
    refusal: null,
  });
  const side = (at: number, lowerTick: number, netBps: number, cost = 0): Side => ({
    decision: { action: "move", chosen: 0, candidates: [range(lowerTick, cost)] },
    outcome: {
      fromSeconds: at,
      toSeconds: at + 86_400,
      feesBps: netBps + 10,
      lvrBps: 10,
      netBps,
      realisedVariance: 1,
      predicted: { feesBps: 20, lvrBps: 10, costBps: cost },
      predictedVariance: { q10: 0.5, q90: 2 },
    },
  });
  const seen = { sqrtPriceX96: 1n << 96n, numeraire: 1 } as const;
  /** Hourly duels over some days in which the challenger earns `ahead` more, give or take a seeded wobble. */
  const duels = (days: number, ahead: number, wobble = 1): Duel[] =>
    Array.from({ length: days * 24 }, (_, hour) => {
      const at = 1_700_000_000 + hour * 3_600;
      const noise = wobble * Math.sin(hour / 7);
      return {
        vault: VAULT,
        atSeconds: at,
        seen,
        champion: side(at, 0, 5),
        challenger: side(at, 60, 5 + ahead + noise),
      };
    });
  const verdict = (of: readonly Duel[]): Standing["verdict"] => standingOf("other", of).verdict;

  it("tells who is ahead, and when nobody is", () => {
    expect(verdict(duels(40, 3))).toBe("challenger");
    expect(verdict(duels(40, -3))).toBe("champion");
    expect(verdict(duels(40, 0, 5))).toBe("undecided");
    expect(verdict(duels(10, 30))).toBe("too-little");
    expect(verdict([])).toBe("too-little");
  });

  it("takes what a move costs off what it earns, and counts agreement by range", () => {
    const at = 1_700_000_000;
    const one = { vault: VAULT, atSeconds: at, seen, champion: side(at, 0, 8), challenger: side(at, 0, 8, 3) } as const;
    const other = { ...one, challenger: side(at, 60, 8, 3) };
    const silent = { ...one, challenger: null };
    expect(standingOf("other", [one, other, silent])).toMatchObject({
      decisions: 3,
      answered: 2,
      agreement: 0.5,
      moves: { champion: 2, challenger: 2 },
      predictedBps: { champion: 10, challenger: 7 },
      realisedBps: { champion: 8, challenger: 5 },
      difference: { mean: -3 },
    });
  });

  it("says what each stated of the days ahead, and how often it held, where both did", () => {
    const price = (hour: number) => ({
      sqrtPriceX96: lnPriceToSqrtPriceX96(hour < 30 ? 0 : 0.04, 1),
      numeraire: 1 as const,
    });
    const stating = (one: Side, halfWidth: number): Side => ({
      ...one,
      decision: { ...one.decision, stated: { halfWidth } as StatedDay },
    });
    // Both look every hour for two days; the price rises by 4 % in hour 30, the challenger is silent in hours 3 and 4.
    const days = duels(2, 0).map(
      (duel, hour): Duel => ({
        ...duel,
        seen: price(hour),
        champion: stating(duel.champion, 0.05),
        challenger: hour === 3 || hour === 4 ? null : stating(duel.challenger as Side, 0.03),
      }),
    );
    const two = [...days, ...days.map((duel): Duel => ({ ...duel, vault: ZERO, challenger: duel.champion }))];
    const { champion, challenger } = standingOf("other", days).stated;
    // 24 stated days end; those of hours 6 to 23 hold the rise.
    expect([champion, challenger]).toMatchObject([
      { ended: 22, inside: 22 },
      { ended: 22, inside: 4 },
    ]);
    expect(champion?.halfWidth).toBeCloseTo(0.05, 12);
    expect(challenger?.halfWidth).toBeCloseTo(0.03, 12);
    expect(standingOf("other", two).stated.challenger).toMatchObject({ ended: 46, inside: 28 });
    expect(standingOf("other", duels(2, 0)).stated).toEqual({ champion: null, challenger: null });
    const silent = standingOf(
      "other",
      days.map((duel) => ({ ...duel, challenger: null })),
    );
    expect(silent.stated).toEqual({ champion: null, challenger: null });
    const shown = formatStandings([standingOf("other", days)]);
    expect(shown).toMatch(/95 % interval of a day, mean +±5\.13 % +±3\.05 %/);
    expect(shown).toMatch(/price inside a day later +22 of 22 +4 of 22/);
    expect(Math.max(...shown.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  it("names a set by the end of its long path in the head of its table, and below in full", () => {
    const path = `/srv/${"vaults/".repeat(5)}models/my-rule+rangekeeper`;
    const lines = formatStandings([standingOf(path, duels(2, 0))]).split("\n");
    expect(lines[0]).toMatch(/^….*models\/my-rule\+rangekeeper against the champion /);
    expect(lines).toContain(path);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(formatStandings([standingOf("rules", duels(2, 0))])).not.toMatch(/^rules$/m);
  });

  it("has a wider interval for hours that share a day than for hours drawn alone", () => {
    const { difference } = standingOf("other", duels(40, 0, 5));
    const width = (difference?.high ?? 0) - (difference?.low ?? 0);
    // Drawn one by one the standard error would be 5 / sqrt(2) / sqrt(960).
    expect(width).toBeGreaterThan(2 * 2 * 1.96 * (5 / Math.SQRT2 / Math.sqrt(960)) * 0.9);
  });
});

describe("performanceOf", () => {
  const outcome = (netBps: number, predictedNet: number, realisedVariance = 1) => ({
    fromSeconds: 0,
    toSeconds: 86_400,
    feesBps: netBps + 4,
    lvrBps: 4,
    netBps,
    realisedVariance,
    predicted: { feesBps: predictedNet + 5, lvrBps: 5 },
    predictedVariance: { q10: 0.5, q90: 2 },
  });

  it("measures error, hits and how often the variance kept to its band", () => {
    const found = performanceOf(
      settledOutcomes([outcome(6, 10), outcome(-2, 4, 3), outcome(5, 1, 0.4), outcome(1, 1)]),
    );
    expect(found).toMatchObject({ settled: 4, ranges: 4, hitRate: 0.75, insideBand: 0.5, bands: 4 });
    expect(found.net).toEqual({ predictedBps: 4, realisedBps: 2.5, meanErrorBps: -1.5, meanAbsoluteErrorBps: 3.5 });
  });

  it("says nothing of what forecast nothing, and leaves out what it cannot read", () => {
    const idle = { ...outcome(0, 0), predicted: { feesBps: 0, lvrBps: 0 }, predictedVariance: null };
    const found = performanceOf(settledOutcomes([idle, { netBps: "?" }, null]));
    expect(found).toEqual({
      settled: 1,
      ranges: 0,
      fees: null,
      lvr: null,
      net: null,
      hitRate: null,
      insideBand: null,
      bands: 0,
    });
  });
});
