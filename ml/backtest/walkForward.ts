import { InvalidInputError } from "../errors.ts";
import type { PolicyFactory, RunPoint, RunResult, RunSettings, WalkForwardFold } from "./types.ts";

const HOUR = 3600;

/** Lengths in seconds, whole hours. */
export interface WalkForwardLengths {
  readonly trainSeconds: number;
  readonly testSeconds: number;
  /** Between the end of training and the start of the test, so that nothing that lasts reaches from one into the other. */
  readonly embargoSeconds: number;
}

export interface Window {
  readonly trainFromSeconds: number;
  readonly trainToSeconds: number;
  readonly testFromSeconds: number;
  readonly testToSeconds: number;
}

/** Windows that move forward by one test each; the tests follow one another without a gap, and the last may be shorter. */
export function windowsOf(
  { fromSeconds, toSeconds }: Pick<RunSettings, "fromSeconds" | "toSeconds">,
  { trainSeconds, testSeconds, embargoSeconds }: WalkForwardLengths,
): Window[] {
  const lengths = { train: trainSeconds, test: testSeconds, embargo: embargoSeconds };
  for (const [name, seconds] of Object.entries(lengths)) {
    if (!Number.isInteger(seconds / HOUR) || seconds < (name === "embargo" ? 0 : HOUR)) {
      throw new InvalidInputError(`walk-forward ${name} is ${seconds} s, but it must be whole hours`);
    }
  }
  const lead = trainSeconds + embargoSeconds;
  if (fromSeconds + lead + HOUR > toSeconds) {
    throw new InvalidInputError(
      `walk-forward needs ${(lead + HOUR) / HOUR} h at least, but the span has ${((toSeconds - fromSeconds) / HOUR).toFixed(1)} h`,
    );
  }
  const windows: Window[] = [];
  for (let start = fromSeconds + lead; start + HOUR <= toSeconds; start += testSeconds) {
    windows.push({
      trainFromSeconds: start - lead,
      trainToSeconds: start - embargoSeconds,
      testFromSeconds: start,
      testToSeconds: Math.min(start + testSeconds, toSeconds),
    });
  }
  return windows;
}

/** Headline of a training run as a fraction of its capital. */
export const headlineOf = ({ waterfall }: Pick<RunResult, "waterfall">): number => waterfall.headline / waterfall.start;

export interface Choice {
  readonly window: Window;
  readonly chosen: string;
  readonly candidates: readonly { readonly policy: string; readonly trainHeadline: number }[];
}

/** The candidate that earned most on the training window; the first of those that earned the same. */
export function choose(window: Window, trained: readonly Pick<RunResult, "policy" | "waterfall">[]): Choice {
  const candidates = trained.map((run) => ({ policy: run.policy.id, trainHeadline: headlineOf(run) }));
  const best = candidates.reduce((a, b) => (b.trainHeadline > a.trainHeadline ? b : a));
  return { window, chosen: best.policy, candidates };
}

/**
 * The family as a walk-forward trader runs it: from the start of each test the policy that was chosen before, in one
 * vault that carries over what the last one left.
 */
export const walkForwardPolicy =
  (family: string, choices: readonly Choice[], policies: Readonly<Record<string, PolicyFactory>>): PolicyFactory =>
  async (input) => {
    const steps = await Promise.all(
      choices.map(async ({ window, chosen }) => {
        const factory = policies[chosen];
        if (factory === undefined) throw new InvalidInputError(`policy ${chosen} must be one of the candidates`);
        return { from: window.testFromSeconds, policy: await factory(input) };
      }),
    );
    return {
      id: `walk-forward-${family}`,
      label: `walk-forward ${family}`.slice(0, 24),
      family,
      clairvoyant: false,
      decide(context) {
        const current = steps.findLast(({ from }) => from <= context.atSeconds) ?? steps[0];
        if (current === undefined) throw new InvalidInputError("a walk-forward run needs at least one window, not 0");
        return current.policy.decide(context);
      },
    };
  };

const earned = ({ fees, lvr, swapCost, mev, gas }: RunPoint): number => fees - lvr - swapCost - mev - gas;

/** What each choice came to in the run that carried it out. */
export function foldsOf(
  family: string,
  choices: readonly Choice[],
  { points }: Pick<RunResult, "points">,
): WalkForwardFold[] {
  const at = (seconds: number): RunPoint | undefined => points.findLast(({ atSeconds }) => atSeconds <= seconds);
  return choices.map(({ window, chosen, candidates }) => {
    const [start, end] = [at(window.testFromSeconds), at(window.testToSeconds)];
    const gained = start === undefined || end === undefined ? Number.NaN : (earned(end) - earned(start)) / start.nav;
    return {
      family,
      ...window,
      candidates,
      chosen,
      trainHeadline: candidates.find(({ policy }) => policy === chosen)?.trainHeadline ?? Number.NaN,
      testHeadline: gained,
    };
  });
}
