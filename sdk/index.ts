export { allowListGateAbi } from "./abi/allowListGate.ts";
export { errorsAbi } from "./abi/errors.ts";
export { fixedWidthStrategyAbi } from "./abi/fixedWidthStrategy.ts";
export { lendingAdapterAbi } from "./abi/lendingAdapter.ts";
export { modelRegistryAbi } from "./abi/modelRegistry.ts";
export { modelStrategyAbi } from "./abi/modelStrategy.ts";
export { rangeVaultAbi } from "./abi/rangeVault.ts";
export { rangeVaultFactoryAbi } from "./abi/rangeVaultFactory.ts";
export { referencePriceOracleAbi } from "./abi/referencePriceOracle.ts";
export { uniswapV3PoolAbi } from "./abi/uniswapV3Pool.ts";
export { vaultLensAbi } from "./abi/vaultLens.ts";
export { type DepositParameters, deposit } from "./actions/deposit.ts";
export { type GetBoundsParameters, getBounds } from "./actions/getBounds.ts";
export {
  type GetVaultParameters,
  type GetVaultReturnType,
  getVault,
  getVaultState,
  type MovableState,
} from "./actions/getVault.ts";
export { encodeHeartbeat, type HeartbeatParameters, sendHeartbeat, signHeartbeat } from "./actions/heartbeat.ts";
export { encodePauseVault, type PauseVaultParameters, pauseVault } from "./actions/pauseVault.ts";
export { type PreviewRebalanceParameters, previewRebalance, type RebalanceReport } from "./actions/previewRebalance.ts";
export { encodeRebalance, type RebalanceParameters, rebalance } from "./actions/rebalance.ts";
export { type RedeemParameters, redeem } from "./actions/redeem.ts";
export { type RedeemInKindParameters, redeemInKind } from "./actions/redeemInKind.ts";
export { type SignProposalParameters, signProposal } from "./actions/signProposal.ts";
export { decodeRevert, decodeRevertData, type Refusal } from "./errors.ts";
export {
  type Heartbeat,
  heartbeatTypedData,
  heartbeatTypes,
  type ProposalDomainParameters,
  proposalDigest,
  proposalTypedData,
  proposalTypes,
  type RangeOrder,
  type RebalanceProposal,
  type SwapOrder,
} from "./proposal.ts";
