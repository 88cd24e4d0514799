import type { PolicyContext } from "../types.ts";
import { hold, type PolicyDefinition } from "./definition.ts";

/** Never provides liquidity; sells what it may hold of the other token. The floor that any rule must beat: its headline is 0. */
export const standAside: PolicyDefinition = {
  id: "stand-aside",
  label: "stand aside",
  family: "stand-aside",
  clairvoyant: false,
  source: "the vault's own idle state",
  start: () => (context: PolicyContext) => {
    const { positions, idle0, idle1, numeraire } = context.state;
    const other = numeraire === 0 ? idle1 : idle0;
    if (positions.length === 0 && other === 0n) return hold("stands aside");
    return { kind: "idle", reason: "closes everything", sell: true };
  },
};
