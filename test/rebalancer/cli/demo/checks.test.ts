import { describe, expect, it } from "vitest";
import { type CheckFacts, runChecks, type TokenBooks } from "../../../../rebalancer/cli/demo/report/checks.ts";
import { sampleReport } from "../../../support/report.ts";

const books: TokenBooks = {
  symbol: "USDC",
  peopleIn: 100n,
  poolIn: 60n,
  poolOut: 50n,
  peopleOut: 109n,
  balance: 1n,
  idle: 1n,
  receiptsIn: 100n,
  receiptsOut: 109n,
};
const replay = sampleReport().replay;
const good: CheckFacts = {
  tokens: [books, { ...books, symbol: "WETH" }],
  residual: 1e-13,
  depositors: [{ name: "Ada", paidIn: 10, paidOutValue: 9 }],
  sharesLeft: 0n,
  due: [5, 9],
  decided: new Set([5, 9, 12]),
  executed: ["0x01", "0x02"],
  confirmed: ["0x02", "0x01"],
  open: 0,
  worstLossBps: 14.7,
  maxLossPerMoveBps: 200,
  replay,
  restarts: 0,
};
const failing = (change: Partial<CheckFacts>) =>
  runChecks({ ...good, ...change })
    .filter(({ ok }) => !ok)
    .map(({ name }) => name);
const withBooks = (change: Partial<TokenBooks>) => failing({ tokens: [books, { ...books, ...change }] });

describe("the checks at the end of a run", () => {
  it("all hold when all is well", () => {
    expect(failing({})).toEqual([]);
  });

  it("notice one unit that went astray, wherever it is missing", () => {
    expect(withBooks({ balance: 0n, idle: 0n })).toEqual(["tokens"]);
    expect(withBooks({ idle: 0n })).toEqual(["tokens"]);
    expect(withBooks({ receiptsIn: 99n })).toEqual(["tokens"]);
    expect(withBooks({ receiptsOut: 110n })).toEqual(["tokens"]);
  });

  it("notice value that nothing explains", () => {
    expect(failing({ residual: 1e-8 })).toEqual(["identity"]);
    expect(failing({ residual: Number.NaN })).toEqual(["identity"]);
  });

  it("notice a depositor who was not paid, one who never came, and shares left behind", () => {
    expect(failing({ depositors: [{ name: "Ada", paidIn: 10, paidOutValue: 0 }] })).toEqual(["depositors"]);
    expect(failing({ depositors: [{ name: "Ada", paidIn: 0, paidOutValue: 0 }] })).toEqual(["depositors"]);
    expect(failing({ sharesLeft: 1n })).toEqual(["depositors"]);
  });

  it("notice a decision that vanished, and a run that decided nothing", () => {
    expect(failing({ decided: new Set([5]) })).toEqual(["decisions"]);
    expect(failing({ due: [], decided: new Set() })).toEqual(["decisions"]);
  });

  it("notice a proposal that ran twice, that the journal does not know, or that is still open", () => {
    expect(failing({ executed: ["0x01", "0x01"], confirmed: ["0x01", "0x01"] })).toEqual(["exactly once"]);
    expect(failing({ executed: ["0x01", "0x03"] })).toEqual(["exactly once"]);
    expect(failing({ executed: ["0x01"] })).toEqual(["exactly once"]);
    expect(failing({ open: 1 })).toEqual(["exactly once"]);
  });

  it("notice a move dearer than the limit", () => {
    expect(failing({ worstLossBps: 200.01 })).toEqual(["loss limit"]);
  });

  it("notice a recorded swap that came out otherwise, unless the pool had to be reconstructed", () => {
    if (!replay) throw new Error("the sample has a replay");
    expect(failing({ replay: { ...replay, exact: 724 } })).toEqual(["replay"]);
    expect(failing({ replay: { ...replay, exact: 724, reconstructed: true } })).toEqual([]);
  });
});
