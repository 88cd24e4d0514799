/** Errors make data unfit; warnings are worth a look and may be true of the market. */
export type Severity = "error" | "warning";

export interface Finding {
  readonly severity: Severity;
  /** Short name of the rule, e.g. "gap", "duplicate", "liquidity-continues". */
  readonly rule: string;
  /** Line of a file or row of a dataset, from 1; null where there is none. */
  readonly line: number | null;
  /** What was found and what should be. */
  readonly message: string;
}

/** How often one rule was broken in one file or dataset. */
export interface RuleCount {
  readonly rule: string;
  readonly severity: Severity;
  readonly count: number;
}

/** Examples that are kept of one rule; all are counted. */
const KEPT_PER_RULE = 20;

export interface Findings {
  add(severity: Severity, rule: string, line: number | null, message: string): void;
  /** In the order of their lines, at most twenty of a rule. */
  list(): Finding[];
  counts(): RuleCount[];
}

export function createFindings(): Findings {
  const kept: Finding[] = [];
  const counts = new Map<string, { severity: Severity; count: number }>();
  return {
    add(severity, rule, line, message) {
      const known = counts.get(rule) ?? { severity, count: 0 };
      known.count++;
      if (severity === "error") known.severity = "error";
      counts.set(rule, known);
      if (known.count <= KEPT_PER_RULE) kept.push({ severity, rule, line, message });
    },
    list: () => kept.toSorted((a, b) => (a.line ?? Infinity) - (b.line ?? Infinity)),
    counts: () => [...counts].map(([rule, { severity, count }]) => ({ rule, severity, count })),
  };
}
