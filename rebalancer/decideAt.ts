import { type Client, parseGwei } from "viem";
import { decide } from "../ml/decide.ts";
import { withBaseFee } from "../ml/features/blockOutside.ts";
import { type Outlook, outlookOf } from "../ml/outlook.ts";
import type { Decision, DecisionSettings, ModelSet, Numeraire, PoolHistory, PoolMeta } from "../ml/types.ts";
import { valueInAsset } from "../ml/units.ts";
import { getBounds } from "../sdk/actions/getBounds.ts";
import { getVaultState, type MovableState } from "../sdk/actions/getVault.ts";
import { calibrationAt } from "./calibrationAt.ts";
import type { BlockStamp } from "./chain.ts";
import type { Config, VaultConfig } from "./config.ts";
import type { PoolGroup } from "./context.ts";
import type { CalibrationStore } from "./journal/calibrations.ts";
import { type DecisionInputs, stampOf } from "./journal/inputs.ts";

/** What a decision is made from, with what else the chain told of the vault. */
export interface VaultInputs extends DecisionInputs {
  readonly state: MovableState;
}

export interface ReadInputsParameters {
  readonly client: Client;
  readonly config: Config;
  readonly group: Pick<PoolGroup, "meta">;
  readonly vault: VaultConfig;
  readonly block: BlockStamp;
  /** The pool's history up to that block; while it is on its way the vault is read already. */
  readonly history: PoolHistory | Promise<PoolHistory>;
}

/** Reads what a vault is decided on at a block. Reads of one instant travel together, so ask for many vaults at once. */
export async function readInputs(parameters: ReadInputsParameters): Promise<VaultInputs> {
  const { client, config, group, vault, block } = parameters;
  const [state, bounds, history] = await Promise.all([
    readState({ client }, vault, block),
    getBounds(client, { strategy: vault.strategy, blockNumber: BigInt(block.number) }),
    parameters.history,
  ]);
  const { sqrtPriceX96 } = history;
  const { numeraire, maxPoolShareWad, meanLiquidity } = state;
  return {
    state,
    bounds: { ...bounds, maxPoolShareWad, meanLiquidity },
    settings: settingsOf({
      config,
      pool: group.meta,
      numeraire,
      sqrtPriceX96,
      baseFeePerGas: block.baseFeePerGas,
    }),
    grid: { widths: config.evaluate.widths, centres: config.evaluate.centres },
    history: stampOf(history),
    baseFeePerGas: block.baseFeePerGas,
  };
}

/** The decision on inputs. Vaults of a pool share the outlook of its history; the worker and `score` ask the same way. */
export function decideOn(inputs: DecisionInputs, outlook: Outlook): Promise<Decision> {
  const { state, bounds, settings, grid, calibration } = inputs;
  const { history, models } = outlook;
  const given = { ...(grid === null ? {} : { grid }), ...(calibration === undefined ? {} : { calibration }) };
  return decide({ history, state, models, bounds, settings, outlook, ...given });
}

export interface DecideAtParameters extends ReadInputsParameters {
  readonly history: PoolHistory;
  readonly models: ModelSet;
  /** Where a worker keeps what it has learned of these models; null = what the history alone teaches counts. */
  readonly journal: Pick<CalibrationStore, "latestCalibration"> | null;
}

/** What one vault should do at a block, and what that was decided on. */
export async function decideAt(
  parameters: DecideAtParameters,
): Promise<{ readonly decision: Decision; readonly state: MovableState; readonly inputs: VaultInputs }> {
  const { config, group, block, journal, models } = parameters;
  const history = withBaseFee(parameters.history, block.baseFeePerGas);
  const read = await readInputs(parameters);
  const { numeraire } = read.state;
  const place = { chainId: config.chainId, pool: group.meta.address, numeraire, modelSet: models.id };
  const calibration = await calibrationAt({ journal, place, history, model: models.volatility });
  const inputs = { ...read, calibration };
  const decision = await decideOn(inputs, outlookOf({ history, models }));
  return { decision, state: inputs.state, inputs };
}

/** State of a vault at the end of a block. */
export function readState(context: { readonly client: Client }, vault: VaultConfig, block: { number: number }) {
  return getVaultState(context.client, {
    lens: vault.lens,
    vault: vault.vault,
    strategy: vault.strategy,
    blockNumber: BigInt(block.number),
  });
}

export interface SettingsParameters {
  readonly config: Config;
  readonly pool: PoolMeta;
  readonly numeraire: Numeraire;
  /** Spot of the pool, which prices gas. */
  readonly sqrtPriceX96: bigint;
  /** Wei per gas. */
  readonly baseFeePerGas: bigint;
}

/** How the operator weighs things, from the configuration, with what one move's gas costs now. */
export function settingsOf(parameters: SettingsParameters): DecisionSettings {
  const { config } = parameters;
  return {
    horizonSeconds: config.evaluate.horizonSeconds,
    minHistorySeconds: config.evaluate.minHistorySeconds,
    riskAversion: config.decision.riskAversion,
    hysteresisBps: config.decision.hysteresisBps,
    lvrWeight: config.decision.lvrWeight,
    deviationWeight: config.decision.deviationWeight,
    breachWeightBps: config.decision.breachWeightBps,
    lossBoundBps: config.decision.lossBoundBps,
    waitWeight: config.decision.waitWeight,
    everySeconds: config.evaluate.everySeconds,
    gasCost: gasCostOf(parameters),
  };
}

/** Gas of one move in asset units, where one of the pool's tokens is the chain's wrapped native token; else 0n. */
function gasCostOf({ config, pool, numeraire, sqrtPriceX96, baseFeePerGas }: SettingsParameters): bigint {
  const { gasPerMove, nativeToken } = config.decision;
  const native = nativeToken?.toLowerCase();
  const wei = BigInt(gasPerMove) * (baseFeePerGas + parseGwei(String(config.worker.priorityFeeGwei)));
  if (native === pool.token0.address.toLowerCase())
    return valueInAsset({ amount0: wei, amount1: 0n }, sqrtPriceX96, numeraire);
  if (native === pool.token1.address.toLowerCase())
    return valueInAsset({ amount0: 0n, amount1: wei }, sqrtPriceX96, numeraire);
  return 0n;
}
