import type { Outcome } from "./play.ts";

/** One run as a timeline: what happened to the world, and what the worker wrote in its log. */
export function storyText({ log, scenario, violations }: Outcome): string {
  const lines = log.flatMap(({ at, worker, text }) => {
    const said = worker === "*" ? text : sentence(text);
    return said === null ? [] : [`${String(at).padStart(6)} ms  ${worker === "*" ? "world " : "worker"}  ${said}`];
  });
  return `${lines.join("\n")}\n${violations.length} violations (seed ${scenario.seed})\n`;
}

/** CHAIN-VAULT-BLOCK-HASH with the vault and the hash cut short. */
const shortId = (id: string): string => id.replace(/0x[0-9a-fA-F]{40,}/g, (hex) => hex.slice(0, 8));

const QUIET = new Set(["evaluating"]);

/** A log line in words; null for what tells nothing. */
function sentence(text: string): string | null {
  if (!text.startsWith("{")) return text;
  const line = JSON.parse(text) as Record<string, unknown>;
  if (QUIET.has(String(line.stage)) && line.msg === undefined) return null;
  const id = [
    typeof line.decisionId === "string" ? `decision ${shortId(line.decisionId)}` : "",
    line.block === undefined ? "" : `block ${String(line.block)}`,
    typeof line.digest === "string" ? `proposal ${line.digest.slice(0, 10)}` : "",
    typeof line.hash === "string" ? `transaction ${line.hash.slice(0, 10)}` : "",
  ];
  return [String(line.stage ?? line.level), ...id, line.msg === undefined ? "" : String(line.msg)]
    .filter((part) => part !== "")
    .join("  ");
}
