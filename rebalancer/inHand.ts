/**
 * Work that whoever queued its job began at once: the job, when it comes through the queue, waits for that work in place
 * of doing it again, and is tried again by the queue's rules where the work failed. Work that dies with the process is
 * done by its job. Where both do it, in one process or two, it is done once: the journal says what is done.
 *
 * Nothing here keeps two workers from the same vault. Workers with a journal each are kept apart by the vault's lease in
 * Redis (queues/lease.ts): the second is refused at its start, and one whose lease was taken over ends. Processes with
 * one journal have one lease, and its lock: whose transaction is first there is the one that both send, and a nonce that
 * one of them has taken is no longer free for the other (journal/attempts.ts).
 */
export interface InHand {
  /** Begins a job's work, unless it or too much else goes on already. Never throws, never waits. */
  begin(jobId: string, work: () => Promise<void>): void;
  /** The work of a job as it goes on or as it has just ended, for the first who asks; else null. */
  take(jobId: string): Promise<void> | null;
  /** Waits until nothing goes on. */
  idle(): Promise<void>;
}

export interface CreateInHandParameters {
  /** What goes on at the same time; the rest is left to the queue. */
  readonly most: number;
  /** A clock in milliseconds that never goes back. */
  readonly now?: () => number;
}

interface Work {
  readonly ends: Promise<void>;
  taken: boolean;
  endedAt: number | null;
}

/** A job that comes later than this after its work has ended was queued for a reason of its own. */
const REMEMBERED_MILLISECONDS = 1_000;

/** Nothing in hand. */
export function createInHand({ most, now = () => performance.now() }: CreateInHandParameters): InHand {
  const works = new Map<string, Work>();
  const goingOn = () => [...works.values()].filter(({ endedAt }) => endedAt === null);
  const forget = () => {
    for (const [jobId, { endedAt, taken }] of works)
      if (endedAt !== null && (taken || now() - endedAt > REMEMBERED_MILLISECONDS)) works.delete(jobId);
  };
  return {
    begin(jobId, work) {
      forget();
      if (works.get(jobId)?.endedAt === null || goingOn().length >= most) return;
      const mine: Work = { ends: work(), taken: false, endedAt: null };
      works.set(jobId, mine);
      const end = () => {
        mine.endedAt = now();
      };
      mine.ends.then(end, end);
    },
    take(jobId) {
      forget();
      const found = works.get(jobId);
      if (found === undefined || found.taken) return null;
      found.taken = true;
      return found.ends;
    },
    async idle() {
      for (let going = goingOn(); going.length > 0; going = goingOn())
        await Promise.allSettled(going.map(({ ends }) => ends));
    },
  };
}
