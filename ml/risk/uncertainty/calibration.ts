import { z } from "zod";
import type { Quantiles } from "../../types.ts";
import { halfWidths, halfWinkler, POWERS, trust } from "./conformal.ts";
import { type DayInputs, type DayObservation, FLOOR, INPUTS, PRIOR } from "./dayInputs.ts";
import { type MissBudget, widening } from "./missBudget.ts";
import { emptyRegression, learn, posterior } from "./regression.ts";
import {
  changedWithin,
  errorQuantile,
  errorRank,
  expectedRun,
  firstRun,
  observeError,
  type RunSettings,
} from "./runs.ts";

const DAY = 86_400;

/** What is kept fixed; every number was chosen before or beside the data that the layer is judged on, see docs. */
export const SETTINGS = {
  /** How much a day counts for the coefficients when it is a day older. */
  forgetting: 0.999,
  /** A day that missed its forecast by more than this in ln variance counts as if by this much. */
  largestError: 3,
  runs: { degrees: 6, variance: 0.5, hazard: 1 / 250, most: 24 } satisfies RunSettings,
  /** Days of scores that are kept, and how they fade. */
  scoreDays: 1000,
  conformal: { missRate: 0.045, forgetting: 0.998 },
  /** How fast trust moves between the ways to scale. */
  trustRate: 0.02,
  /** How slowly the usual scale follows. */
  usualRate: 0.002,
  /** Adaptive correction: a step at each miss and a small one back at each hit; both balance at this rate of misses. */
  step: 0.01,
  aimedMissRate: 0.0465,
  correction: { least: 0.6, most: 1.8 },
  budget: {
    windowDays: 60,
    allowed: 6,
    rate: 0.06,
    prices: [20, 6, 1, 0.2],
    degrees: 3.5,
    least: 0.001,
  } satisfies MissBudget,
  /** The interval's own miss rate, by which widths are judged. */
  missRate: 0.05,
  meanRate: 0.01,
  /** What is not known of the coefficients may widen the posterior of ln variance by so much: a young one is wider, not absurd. */
  widest: 1.5,
} as const;

const finite = z.number();
const calibrationSchema = z.object({
  version: z.literal(1),
  /** Start of the last day that was learned from; 0 = none. */
  lastSeconds: z.int().nonnegative(),
  days: z.int().nonnegative(),
  regression: z.object({
    moments: z.array(finite).length((INPUTS * (INPUTS + 1)) / 2),
    cross: z.array(finite).length(INPUTS),
    weight: finite.nonnegative(),
  }),
  runs: z
    .array(
      z.object({ length: z.int().nonnegative(), probability: finite.min(0).max(1), squares: finite.nonnegative() }),
    )
    .min(1)
    .max(SETTINGS.runs.most),
  /** Mean of realised over forecast median variance. */
  meanRatio: finite.positive(),
  /** ln of the usual standard deviation; null before the first day. */
  lnUsual: finite.nullable(),
  /** Of the days that are kept, oldest first: |ln return|, and ln of the standard deviation that was forecast. */
  sizes: z.array(finite.nonnegative()).max(SETTINGS.scoreDays),
  lnScales: z.array(finite).max(SETTINGS.scoreDays),
  losses: z.array(finite.nonnegative()).length(POWERS.length),
  correction: finite.min(SETTINGS.correction.least).max(SETTINGS.correction.most),
  /** Starts of the days whose return left its interval, as far back as they count. */
  misses: z.array(z.int().nonnegative()).max(SETTINGS.budget.windowDays),
});

/** All that the layer remembers of one price, as a JSON value; never changed, only followed by the next one. */
export type CalibrationState = z.output<typeof calibrationSchema>;

/** Reads a state from outside. Throws with the field, the value and the rule when it is none. */
export const parseCalibration = (value: unknown): CalibrationState => calibrationSchema.parse(value);

/** Knows nothing yet: its intervals are those of the wrapped model with wide tails. */
export const emptyCalibration: CalibrationState = {
  version: 1,
  lastSeconds: 0,
  days: 0,
  regression: emptyRegression(INPUTS),
  runs: [...firstRun],
  // Of a lognormal with the prior's spread.
  meanRatio: Math.exp(SETTINGS.runs.variance / 2),
  lnUsual: null,
  sizes: [],
  lnScales: [],
  losses: POWERS.map(() => 0),
  correction: 1,
  misses: [],
};

/** The 95 % interval of a day's return and what it is made of. */
export interface CalibratedInterval {
  /** The interval is ± this, in ln of the price. */
  readonly halfWidth: number;
  /** Half widths by each way to scale, before correction. */
  readonly halfWidths: readonly number[];
  /** ln of the standard deviation that the posterior expects, and of the usual one. */
  readonly lnScale: number;
  readonly lnUsual: number;
  /** How much of the width the count of recent misses asks for; 1 = as usual. */
  readonly widening: number;
  /** Misses among the last 59 days. */
  readonly misses: number;
}

/** The posterior of a day ahead. */
export interface CalibratedForecast extends CalibratedInterval {
  /** Realised variance: mean and quantiles of the posterior. */
  readonly variance: Quantiles;
  /** Probability that another regime began within ten days, and the expected age of the present one in days. */
  readonly changed: number;
  readonly regimeDays: number;
}

/** What the layer makes of the inputs at one time. */
export function forecastDay(state: CalibrationState, inputs: DayInputs): CalibratedForecast {
  const { runs } = state;
  const { interval, ln, inflation } = intervalOf(state, inputs);
  const quantile = (probability: number): number =>
    Math.exp(ln + errorQuantile(runs, probability, inflation, SETTINGS.runs));
  return {
    ...interval,
    variance: { mean: Math.exp(ln) * state.meanRatio, q10: quantile(0.1), q50: quantile(0.5), q90: quantile(0.9) },
    changed: changedWithin(runs, 10),
    regimeDays: expectedRun(runs),
  };
}

interface Fitted {
  readonly interval: CalibratedInterval;
  /** Posterior mean of ln variance. */
  readonly ln: number;
  /** Standard deviation of an error there, in units of the noise. */
  readonly inflation: number;
}

function intervalOf(state: CalibrationState, { base, x, atSeconds }: DayInputs): Fitted {
  const fitted = posterior(state.regression, PRIOR);
  const ln = base + fitted.mean(x);
  const lnScale = ln / 2;
  const lnUsual = state.lnUsual ?? lnScale;
  const widths = halfWidths(state, lnScale, lnUsual, SETTINGS.conformal);
  const shares = trust(state.losses, SETTINGS.trustRate);
  const ages = state.misses.map((at) => Math.round((atSeconds - at) / DAY));
  const wider = widening(ages, SETTINGS.budget);
  const mixed = widths.reduce((sum, width, i) => sum + width * (shares[i] as number), 0);
  return {
    interval: {
      halfWidth: mixed * wider * state.correction,
      halfWidths: widths,
      lnScale,
      lnUsual,
      widening: wider,
      misses: ages.filter((age) => age >= 1 && age < SETTINGS.budget.windowDays).length,
    },
    ln,
    inflation: Math.min(SETTINGS.widest, Math.sqrt(1 + fitted.leverage(x))),
  };
}

/** A day as the layer saw it coming and as it turned out. */
export interface LearnedDay {
  readonly state: CalibrationState;
  readonly interval: CalibratedInterval;
  readonly missed: boolean;
  /** Probability that the posterior gave to a variance of at most what was realised. */
  readonly rank: number;
}

/** The state after a day that has passed. Days must come in order; one that was learned already changes nothing. */
export function learnDay(state: CalibrationState, observation: DayObservation): CalibrationState {
  if (state.days > 0 && observation.inputs.atSeconds <= state.lastSeconds) return state;
  return judgeDay(state, observation).state;
}

/** The same with what was forecast for that day, from the state before it. */
export function judgeDay(state: CalibrationState, observation: DayObservation): LearnedDay {
  const { inputs, realisedVariance } = observation;
  const { interval, ln, inflation } = intervalOf(state, inputs);
  const { lnScale, lnUsual } = interval;
  const size = Math.abs(observation.return);
  const missed = size > interval.halfWidth;
  const realised = Math.log(realisedVariance + FLOOR);
  const limited = (error: number): number => Math.max(-SETTINGS.largestError, Math.min(SETTINGS.largestError, error));
  const rank = errorRank(state.runs, realised - ln, inflation, SETTINGS.runs);
  const { correction, budget } = SETTINGS;
  const since = inputs.atSeconds - budget.windowDays * DAY;
  const corrected = state.correction * Math.exp(SETTINGS.step * ((missed ? 1 : 0) - SETTINGS.aimedMissRate));
  const ratio = Math.min(20, realisedVariance / Math.exp(ln));
  return {
    interval,
    missed,
    rank,
    state: {
      version: 1,
      lastSeconds: inputs.atSeconds,
      days: state.days + 1,
      regression: learn(state.regression, inputs.x, limited(realised - inputs.base), SETTINGS.forgetting),
      runs: [...observeError(state.runs, limited(realised - ln) / inflation, SETTINGS.runs)],
      meanRatio: state.meanRatio + Math.max(1 / (state.days + 30), SETTINGS.meanRate) * (ratio - state.meanRatio),
      lnUsual: lnUsual + Math.max(1 / (state.days + 1), SETTINGS.usualRate) * (lnScale - lnUsual),
      sizes: [...state.sizes, rounded(size)].slice(-SETTINGS.scoreDays),
      lnScales: [...state.lnScales, rounded(lnScale)].slice(-SETTINGS.scoreDays),
      losses: state.losses.map(
        (loss, i) => loss + halfWinkler(interval.halfWidths[i] as number, size, SETTINGS.missRate) / Math.exp(lnUsual),
      ),
      correction: Math.max(correction.least, Math.min(correction.most, corrected)),
      misses: [...state.misses, ...(missed ? [inputs.atSeconds] : [])].filter((at) => at > since),
    },
  };
}

/** Five digits: what is kept of a thousand days is to stay small. */
const rounded = (value: number): number => Number(value.toPrecision(5));

/** The state after several days, in order. */
export const learnDays = (state: CalibrationState, days: readonly DayObservation[]): CalibrationState =>
  days.reduce(learnDay, state);
