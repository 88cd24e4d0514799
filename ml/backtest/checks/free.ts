import type { CostSettings } from "../types.ts";

/** No gas and no MEV: what is free cannot hide an edge that is not there. The pool's own fee and impact stay. */
export const FREE: CostSettings = {
  gasPerMove: 0,
  gasPerPosition: 0,
  gasGwei: 0,
  gasScale: 0,
  gasTokenPrice: 1,
  mevBps: 0,
  feeHaircutBps: 0,
};
