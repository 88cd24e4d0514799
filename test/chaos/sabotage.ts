import type { Journal } from "../../rebalancer/journal.ts";

/** Ways to break the worker on purpose; the suite must catch every one of them. */
export const SABOTAGES = {
  /** What was signed is not written down before it goes out. */
  "forgets-attempts": (journal) => ({ ...journal, recordAttempt: (attempt) => attempt }),
  /** A decision to hold leaves no trace. */
  "forgets-holds": (journal) => ({
    ...journal,
    recordDecision: (record) => (record.decision.plan === null ? record : journal.recordDecision(record)),
  }),
  /** What was confirmed once is never looked at again, whatever the chain says now. */
  "believes-once": (journal) => ({
    ...journal,
    advance(digest, status, detail) {
      if (journal.proposal(digest)?.status !== "confirmed") journal.advance(digest, status, detail);
    },
  }),
  /** Sent is taken for done. */
  "confirms-blindly": (journal) => ({
    ...journal,
    advance: (digest, status, detail) => journal.advance(digest, status === "sent" ? "confirmed" : status, detail),
  }),
  /** Where a vault came to rest is not written down. */
  "never-rests": (journal) => ({ ...journal, rest: () => {} }),
} satisfies Record<string, (journal: Journal) => Journal>;

export type SabotageName = keyof typeof SABOTAGES;

/** The journal, broken in the named way. */
export function sabotage(name: string, journal: Journal): Journal {
  if (!Object.hasOwn(SABOTAGES, name)) {
    throw new Error(`sabotage: ${name}; rule: one of ${Object.keys(SABOTAGES).join(", ")}`);
  }
  return (SABOTAGES[name as SabotageName] as (journal: Journal) => Journal)(journal);
}
