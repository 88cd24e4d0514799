import type { Hex } from "../../ml/types.ts";
import { type Endpoint, type SeenHead, seenHead } from "./endpoint.ts";
import { commonHeight, judge } from "./judge.ts";
import { toHex } from "./quantities.ts";

export interface CompareParameters {
  readonly maxLagBlocks: number;
  readonly timeoutMilliseconds: number;
  readonly now: () => number;
}

interface Witness {
  readonly endpoint: Endpoint;
  readonly head: SeenHead;
}

/**
 * Asks every node for its head and for one block that all of them have, and judges who is to be asked from now on. A
 * node that rests is asked again when its time has come; one of another chain is asked for its chain first.
 */
export async function compareEndpoints(endpoints: readonly Endpoint[], parameters: CompareParameters): Promise<void> {
  const { maxLagBlocks, timeoutMilliseconds, now } = parameters;
  const found = await Promise.all(endpoints.map((endpoint) => witness(endpoint, timeoutMilliseconds, now)));
  const claims = found.filter((one) => one !== null);
  if (claims.length === 0) return;
  const height = commonHeight(
    claims.map(({ head }) => head.number),
    maxLagBlocks,
  );
  const heard = await Promise.all(
    claims.map(async (one) => ({ ...one, ...(await crossExamine(one, height, timeoutMilliseconds)) })),
  );
  const witnesses = heard.filter(({ honest }) => honest);
  if (witnesses.length === 0) return;
  const best = Math.max(...witnesses.map(({ head }) => head.number));
  const verdicts = judge(
    witnesses.map(({ head, hashAtHeight }) => ({ head: head.number, hashAtHeight })),
    maxLagBlocks,
  );
  witnesses.forEach(({ endpoint, head }, index) => {
    endpoint.lagBlocks = best - head.number;
    endpoint.state = verdicts[index] ?? "ok";
  });
}

async function witness(endpoint: Endpoint, timeoutMilliseconds: number, now: () => number): Promise<Witness | null> {
  if (endpoint.state === "resting" && now() < endpoint.restUntil) return null;
  try {
    if (!(await endpoint.identify(timeoutMilliseconds, endpoint.state === "wrong-chain"))) return null;
  } catch (error) {
    endpoint.fail(error instanceof Error ? error.message : String(error));
    return null;
  }
  const [outcome] = await endpoint.ask(
    [{ method: "eth_getBlockByNumber", params: ["latest", false] }],
    timeoutMilliseconds,
  );
  return outcome?.kind === "answer" ? { endpoint, head: seenHead(outcome.result) } : null;
}

/** The node's hash at a height, and whether its head hangs together: the block before it must be the one it names. */
async function crossExamine(
  { endpoint, head }: Witness,
  height: number,
  timeoutMilliseconds: number,
): Promise<{ honest: boolean; hashAtHeight: Hex | null }> {
  const wanted = [Math.max(0, head.number - 1), Math.min(height, head.number)];
  const outcomes = await endpoint.ask(
    wanted.map((number) => ({ method: "eth_getBlockByNumber", params: [toHex(number), false] })),
    timeoutMilliseconds,
  );
  const [parent, at] = outcomes.map((outcome) => (outcome.kind === "answer" ? seenHead(outcome.result) : null));
  const honest = head.number === 0 || parent?.hash === head.parentHash;
  // The chain may have moved on between the two questions: then the next comparison tells.
  if (!honest) endpoint.fail(`its block ${head.number - 1} is not the parent of its head ${head.number}`);
  return { honest, hashAtHeight: at?.hash ?? null };
}
