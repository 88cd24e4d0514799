/** What the promotion to champion asks for. */
export interface GateRules {
  readonly shadowDays: number;
  readonly decisions: number;
  /** How much deeper than the champion's the worst fall may be, part of the capital. */
  readonly drawdownSlack: number;
  /** Greatest part of the decisions that may have been held as out of domain. */
  readonly outOfDomain: number;
  readonly parityDifferences: number;
}

export const GATE_RULES: GateRules = {
  shadowDays: 14,
  decisions: 200,
  drawdownSlack: 0.01,
  outOfDomain: 0.05,
  parityDifferences: 0,
};

/** What is known of a candidate; null = was not shown. */
export interface Evidence {
  /** From the journal: decisions taken beside the champion. */
  readonly shadow: {
    readonly days: number;
    readonly answered: number;
    readonly difference: { readonly low: number; readonly high: number } | null;
    readonly outOfDomain: number;
    /** Whether any of it was decided on what the candidate was trained on. */
    readonly inSample: boolean;
  } | null;
  /** From a backtest in which both ran. */
  readonly backtest: {
    readonly inSample: boolean;
    /** Candidate less champion, out of sample; null = the champion did not run. */
    readonly difference: { readonly low: number; readonly high: number } | null;
    readonly drawdown: number;
    readonly championDrawdown: number | null;
  } | null;
  /** From `parity`: decisions that came out otherwise. */
  readonly parity: { readonly different: number; readonly replayed: number } | null;
}

export interface GateCheck {
  readonly name: string;
  readonly rule: string;
  readonly found: string;
  readonly passes: boolean;
}

const number = (value: number): string => String(Number(value.toPrecision(4)));
const percent = (value: number): string => `${number(100 * value)} %`;
const seen = (inSample: boolean): string => (inSample ? "trained on" : "not trained on");
const interval = (of: { readonly low: number; readonly high: number }): string =>
  `${number(of.low)} to ${number(of.high)}`;

/** Holds the evidence against the rules, each by itself, so that a refusal says everything that is missing. */
export function gate({ shadow, backtest, parity }: Evidence, rules: GateRules): readonly GateCheck[] {
  const check = (name: string, rule: string, found: string | null, passes: boolean): GateCheck => ({
    name,
    rule,
    found: found ?? "not shown",
    passes: found !== null && passes,
  });
  const { days = 0, answered = 0, outOfDomain = 1, difference: live = null } = shadow ?? {};
  const { difference = null, championDrawdown = null, drawdown = 1 } = backtest ?? {};
  const fall = drawdown - (championDrawdown ?? 0);
  return [
    check("shadow days", `at least ${rules.shadowDays}`, shadow && number(days), days >= rules.shadowDays),
    check("decisions", `at least ${rules.decisions}`, shadow && String(answered), answered >= rules.decisions),
    check("live difference", "95 % interval above 0 bp", live && `${interval(live)} bp`, live !== null && live.low > 0),
    check(
      "out of domain",
      `at most ${percent(rules.outOfDomain)}`,
      shadow && percent(outOfDomain),
      outOfDomain <= rules.outOfDomain,
    ),
    check("shadow span", "not trained on", shadow && seen(shadow.inSample), shadow?.inSample === false),
    check("backtest span", "not trained on", backtest && seen(backtest.inSample), backtest?.inSample === false),
    check(
      "backtest difference",
      "95 % interval above 0",
      difference && interval(difference),
      difference !== null && difference.low > 0,
    ),
    check(
      "drawdown",
      `at most ${percent(rules.drawdownSlack)} deeper than the champion's`,
      championDrawdown === null ? null : `${percent(fall)} deeper`,
      fall <= rules.drawdownSlack,
    ),
    check(
      "parity",
      `at most ${rules.parityDifferences} differences`,
      parity && `${parity.different} of ${parity.replayed}`,
      parity !== null && parity.replayed > 0 && parity.different <= rules.parityDifferences,
    ),
  ];
}
