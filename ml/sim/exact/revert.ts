import { PoolRevertError } from "./types.ts";

/** What the contract's `require` does: unless the condition holds, the operation reverts with the reason. */
export function contractRequires(condition: boolean, operation: string, reason: string, rule: string): void {
  if (!condition) throw new PoolRevertError(operation, reason, rule);
}
