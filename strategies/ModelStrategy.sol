// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IRangeVault} from "../vaults/interfaces/IRangeVault.sol";
import {BaseStrategy} from "./BaseStrategy.sol";
import {IModelRegistry, Stage} from "./interfaces/IModelRegistry.sol";
import {Bounds} from "./libraries/BoundsLib.sol";
import {RebalanceProposal} from "./libraries/ProposalLib.sol";
import {StrategyErrorsLib} from "./libraries/StrategyErrorsLib.sol";

/// @notice The last signed "hold", one slot.
struct Heartbeat {
    uint64 at;
    uint64 nonce;
    /// The first 16 bytes of the inputs' digest.
    bytes16 inputsDigest;
}

/// @title Moves that a registered model signed
/// @notice GENUINE means: signed (EIP-712, domain "Rangekeeper ModelStrategy" version "1") by the key that the registry
/// holds for this strategy's one model, while the model's stage is canary or full. Contract signers (ERC-1271) work;
/// malleable signatures do not. A canary may deploy at most its cap.
///
/// HEARTBEAT. A signed "hold": the model looked and wants no move. It moves nothing; it says that the model is alive.
contract ModelStrategy is BaseStrategy {
    bytes32 public constant HEARTBEAT_TYPEHASH =
        keccak256("Heartbeat(address vault,bytes32 modelId,uint64 deadline,uint256 nonce,bytes32 inputsDigest)");

    IModelRegistry public immutable registry;

    /// @notice The one model whose proposals count.
    bytes32 public modelId;

    Heartbeat public lastHeartbeat;

    event HeartbeatAccepted(
        address indexed vault, bytes32 indexed modelId, uint256 indexed nonce, bytes32 inputsDigest
    );

    event ModelSet(bytes32 indexed before, bytes32 indexed modelId);

    constructor(
        IRangeVault vault_,
        IModelRegistry registry_,
        bytes32 modelId_,
        address authority,
        Bounds memory bounds_
    ) BaseStrategy(vault_, authority, bounds_) EIP712("Rangekeeper ModelStrategy", "1") {
        registry = registry_;
        modelId = modelId_;
        emit ModelSet(bytes32(0), modelId_);
    }

    /// @notice EIP-712 digest of a heartbeat.
    function heartbeatDigest(uint64 deadline, uint256 nonce, bytes32 inputsDigest) public view returns (bytes32) {
        return _hashTypedDataV4(
            keccak256(abi.encode(HEARTBEAT_TYPEHASH, address(vault), modelId, deadline, nonce, inputsDigest))
        );
    }

    /// @notice Records a signed "hold". `nonce` must be above the last one (a block number serves) and below 2^64.
    function heartbeat(uint64 deadline, uint256 nonce, bytes32 inputsDigest, bytes calldata signature) external {
        _checkDeadline(deadline);
        require(
            nonce > lastHeartbeat.nonce && nonce <= type(uint64).max,
            StrategyErrorsLib.NonceMismatch(nonce, uint256(lastHeartbeat.nonce) + 1)
        );
        // nonce <= 2^64 - 1 by the line above.
        lastHeartbeat = Heartbeat(uint64(block.timestamp), uint64(nonce), bytes16(inputsDigest));
        _checkSigned(heartbeatDigest(deadline, nonce, inputsDigest), signature);
        emit HeartbeatAccepted(address(vault), modelId, nonce, inputsDigest);
    }

    /* CURATOR */

    /// @notice Follows another registered model from now on; proposals of the former are void.
    function setModel(bytes32 newModelId) external restricted {
        emit ModelSet(modelId, newModelId);
        modelId = newModelId;
    }

    /* HOOKS */

    /// @inheritdoc BaseStrategy
    function _authorize(RebalanceProposal calldata proposal, bytes32 digest, bytes calldata signature)
        internal
        view
        override
    {
        require(proposal.modelId == modelId, StrategyErrorsLib.ModelMismatch(proposal.modelId, modelId));
        _checkSigned(digest, signature);
    }

    /// @inheritdoc BaseStrategy
    function _spreadWad(uint256 declaredSpreadWad) internal pure override returns (uint256) {
        return declaredSpreadWad;
    }

    /// @inheritdoc BaseStrategy
    function _checkDeployed(bytes32 id, uint256 deployedWad, uint256 nav) internal view override {
        (, Stage stage, uint256 canaryCap) = registry.authorizationOf(id);
        if (stage != Stage.Canary) return;
        uint256 deployed = Math.mulDiv(nav, deployedWad, 1e18, Math.Rounding.Ceil);
        require(deployed <= canaryCap, StrategyErrorsLib.CanaryCapExceeded(deployed, canaryCap));
    }

    function _checkSigned(bytes32 digest, bytes calldata signature) private view {
        (address signer, Stage stage,) = registry.authorizationOf(modelId);
        require(stage == Stage.Canary || stage == Stage.Full, StrategyErrorsLib.ModelNotActive(modelId, uint8(stage)));
        require(
            SignatureChecker.isValidSignatureNow(signer, digest, signature),
            StrategyErrorsLib.SignatureInvalid(signer, digest)
        );
    }
}
