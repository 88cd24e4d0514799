/** Runs the gas tests and reads from their traces what each measured transaction cost, and on what. */
import { spawn } from "node:child_process";
import { createWriteStream, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Address, decodeEventLog, type Hex, parseAbi } from "viem";
import { z } from "zod";

/** Where the gas of one transaction went; the parts sum to the whole. */
export interface GasSpent {
  /** 21,000, calldata, less the refund. */
  readonly transaction: number;
  /** Mints, burns, collects and swaps in the pool, without what the pool calls back. */
  readonly pool: number;
  /** Token transfers and balances. */
  readonly tokens: number;
  /** The oracle with all that it asks. */
  readonly prices: number;
  /** Questions to the pool beside the oracle's. */
  readonly poolReads: number;
  /** Storage of the vault, its strategy and the registry. */
  readonly ownReads: number;
  readonly ownWrites: number;
  /** All else: the code of the vault, its libraries and its strategy. */
  readonly code: number;
}

export interface GasRow {
  readonly name: string;
  readonly gas: number;
  readonly spent: GasSpent;
}

const ROW = parseAbi(["event Row(string name, uint256 gas, uint256 ownReads, uint256 ownWrites, address[4] accounts)"]);

const hex = z.string().regex(/^0x[0-9a-f]*$/i);
const nodeSchema = z.object({
  idx: z.number(),
  children: z.array(z.number()),
  trace: z.object({
    address: hex,
    kind: z.string(),
    data: hex,
    gas_used: z.number(),
    gas_refund_counter: z.number(),
  }),
  logs: z.array(z.object({ raw_log: z.object({ topics: z.array(hex), data: hex }) })),
  ordering: z.array(z.record(z.string(), z.unknown())),
});
type Node = z.infer<typeof nodeSchema>;

const reportSchema = z.record(
  z.string(),
  z.object({
    test_results: z.record(
      z.string(),
      z.object({
        status: z.string(),
        reason: z.string().nullable(),
        traces: z.array(z.tuple([z.string(), z.object({ arena: z.array(z.unknown()) })])),
      }),
    ),
  }),
);

interface MeasureParameters {
  /** Forge's environment beside our own: a compiler, say. */
  readonly env?: NodeJS.ProcessEnv;
  progress(line: string): void;
}

/** Every row of test/gas, in the tests' order. */
export async function measureGas({ env = process.env, progress }: MeasureParameters): Promise<readonly GasRow[]> {
  progress("gas of each operation");
  const gas = await pass("gas", env);
  progress("storage of each operation");
  const storage = new Map((await pass("storage", env)).map((row) => [row.name, row]));
  return gas.map((row) => {
    const touched = storage.get(row.name);
    if (touched === undefined) throw new Error(`${row.name}: not in the second run`);
    const { ownReads, ownWrites } = touched.spent;
    const code = row.gas - sum({ ...row.spent, ownReads, ownWrites, code: 0 });
    return { name: row.name, gas: row.gas, spent: { ...row.spent, ownReads, ownWrites, code } };
  });
}

const sum = (spent: GasSpent): number => Object.values(spent).reduce((total, part) => total + part, 0);

async function pass(name: "gas" | "storage", env: NodeJS.ProcessEnv): Promise<GasRow[]> {
  const folder = mkdtempSync(join(tmpdir(), "rangekeeper-gas-"));
  try {
    const path = join(folder, "report.json");
    const status = await forge(path, { ...env, RANGEKEEPER_GAS_PASS: name });
    const text = readFileSync(path, "utf8");
    if (!text.startsWith("{")) throw new Error(`forge failed:\n${text.slice(0, 4_000)}`);
    const rows = readReport(reportSchema.parse(JSON.parse(text)));
    if (status !== 0 || rows.length === 0) throw new Error(`forge failed with exit code ${status}`);
    return rows;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Forge's exit code; what it prints is in the file, for it is too long for a pipe's buffer. */
function forge(path: string, env: NodeJS.ProcessEnv): Promise<number> {
  const args = ["scripts/forge.mjs", "test", "--match-path", "test/gas/*.t.sol", "--json", "-vvvv"];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "inherit"] });
    const file = createWriteStream(path);
    child.stdout.pipe(file);
    child.on("error", reject);
    child.on("close", (code) => file.close(() => resolve(code ?? 1)));
  });
}

function readReport(report: z.infer<typeof reportSchema>): GasRow[] {
  const rows: GasRow[] = [];
  for (const suite of Object.values(report)) {
    for (const [test, { status, reason, traces }] of Object.entries(suite.test_results)) {
      if (status !== "Success") throw new Error(`${test}: ${reason ?? status}`);
      for (const [kind, { arena }] of traces) if (kind === "Execution") rows.push(...readTest(arena));
    }
  }
  return rows;
}

/** The rows of one test: each `Row` event tells of the transaction before it. */
function readTest(arena: readonly unknown[]): GasRow[] {
  const at = (index: number): Node => nodeSchema.parse(arena[index]);
  const root = at(0);
  const rows: GasRow[] = [];
  let measured: Node | undefined;
  for (const step of root.ordering) {
    if (typeof step.Call === "number") {
      const index = root.children[step.Call];
      // Only transactions are plain calls here; cheat codes that write are calls too, to an account of their own.
      const node = index === undefined ? undefined : at(index);
      if (node?.trace.kind === "CALL" && !node.trace.address.toLowerCase().startsWith("0x7109709ecfa91a80"))
        measured = node;
    }
    if (typeof step.Log !== "number" || measured === undefined) continue;
    const log = root.logs[step.Log]?.raw_log;
    if (log === undefined) continue;
    const row = decodeRow(log.topics as Hex[], log.data as Hex);
    if (row === undefined) continue;
    rows.push({ name: row.name, gas: Number(row.gas), spent: spentBy(measured, at, row) });
  }
  return rows;
}

type RowEvent = NonNullable<ReturnType<typeof decodeRow>>;

function decodeRow(topics: Hex[], data: Hex) {
  try {
    return decodeEventLog({ abi: ROW, topics: topics as [Hex, ...Hex[]], data }).args;
  } catch {
    return undefined;
  }
}

function spentBy(root: Node, at: (index: number) => Node, row: RowEvent): GasSpent {
  const [pool, token0, token1, oracle] = row.accounts.map((account) => account.toLowerCase()) as [
    Address,
    Address,
    Address,
    Address,
  ];
  const spent = { pool: 0, tokens: 0, prices: 0, poolReads: 0 };
  const visit = (node: Node): void => {
    const { address, kind, gas_used } = node.trace;
    const children = node.children.map(at);
    const own = gas_used - children.reduce((total, child) => total + child.trace.gas_used, 0);
    const account = address.toLowerCase();
    if (account === oracle) {
      spent.prices += gas_used;
      return;
    }
    if (account === pool) spent[kind === "STATICCALL" ? "poolReads" : "pool"] += own;
    if (account === token0 || account === token1) spent.tokens += own;
    children.forEach(visit);
  };
  visit(root);
  const transaction = 21_000 + calldataGas(root.trace.data) - root.trace.gas_refund_counter;
  return { transaction, ...spent, ownReads: Number(row.ownReads), ownWrites: Number(row.ownWrites), code: 0 };
}

/** 4 for a zero byte, 16 for another. */
function calldataGas(data: string): number {
  let gas = 0;
  for (let i = 2; i < data.length; i += 2) gas += data.slice(i, i + 2) === "00" ? 4 : 16;
  return gas;
}
