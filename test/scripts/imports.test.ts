import { describe, expect, it } from "vitest";
import { forbiddenImports } from "../../scripts/imports.ts";

const check = (file: string, text: string) => forbiddenImports([file], () => text);

describe("the import-edge check", () => {
  it("lets imports run along the drawn edges", () => {
    expect(check("rebalancer/jobs/evaluate.ts", 'import { decide } from "../../ml/decide.ts";')).toEqual([]);
    expect(check("strategies/A.sol", 'import {X} from "../vaults/interfaces/X.sol";')).toEqual([]);
    expect(check("rebalancer/cli/main.ts", 'import { registerDemo } from "./demo.ts";')).toEqual([]);
    expect(check("test/e2e/demo.test.ts", 'import { runDemo } from "../../rebalancer/cli/demo/run.ts";')).toEqual([]);
  });

  it("refuses the brain reaching for the hands, in every way to write an import", () => {
    for (const line of [
      'import { queue } from "../rebalancer/queues/queue.ts";',
      'import type { Queue } from "../rebalancer/queues/queue.ts";',
      'export * from "../rebalancer/queues/queue.ts";',
      'const q = await import("../rebalancer/queues/queue.ts");',
    ])
      expect(check("ml/decide.ts", line)).toEqual(["ml/decide.ts -> rebalancer/queues/queue.ts"]);
  });

  it("refuses a strategy that names a vault's implementation, and a vault that names a strategy", () => {
    expect(check("strategies/A.sol", 'import {RangeVault} from "../vaults/RangeVault.sol";')).toHaveLength(1);
    expect(check("vaults/A.sol", 'import {BaseStrategy} from "../strategies/BaseStrategy.sol";')).toHaveLength(1);
  });

  it("refuses anyone but the tests reaching into a leaf", () => {
    expect(check("rebalancer/main.ts", 'import { table } from "./cli/table.ts";')).toHaveLength(1);
  });
});
