// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IRangeVault, RebalanceReport} from "../vaults/interfaces/IRangeVault.sol";
import {IUniswapV3Pool} from "../vaults/interfaces/IUniswapV3Pool.sol";
import {BaseStrategy, Made} from "./BaseStrategy.sol";
import {IModelRegistry, Stage} from "./interfaces/IModelRegistry.sol";
import {Bounds} from "./libraries/BoundsLib.sol";
import {ConfidenceLib} from "./libraries/ConfidenceLib.sol";
import {FallbackLib} from "./libraries/FallbackLib.sol";
import {RebalanceProposal} from "./libraries/ProposalLib.sol";
import {StrategyErrorsLib} from "./libraries/StrategyErrorsLib.sol";
import {RealisedVolatility} from "./models/VolatilityLib.sol";

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
/// CONFIDENCE. The declared spread is not taken on trust. With `volatilityWindowSeconds` set, the spread that counts is
/// the worst of: the declared one; the pool's own realised volatility, at most the ceiling (anyone can stir a pool, so
/// this alone widens and shrinks but never stops a move), and the ceiling itself while the pool remembers too little;
/// and, for a model with an on-chain head, what the head answers to the pool's own observations. Nothing in a
/// proposal reaches the head.
///
/// HEARTBEAT. A signed "hold": the model looked and wants no move. It moves nothing; it says that the model is alive.
///
/// DEAD MAN. When neither a proposal nor a heartbeat was accepted for `maxSilenceSeconds`, nobody minds the ranges:
/// anybody may `retreat`, once per such time. A silent model is as uncertain as can be, so the vault goes into the plain
/// range that the bounds allow at the spread ceiling (PlainRangeLib): no swap, calm before and after, at most 0.1% of
/// NAV, inside the vault's own limits. Where any of that fails, the stage is not full or `minShareWad` is 0, everything
/// is burned and collected and nothing else, which needs no price. There is no bounty. A model that comes back may move
/// again at once.
///
/// NOTICE. Another model takes over after the vault's notice; no model (zero) at once.
contract ModelStrategy is BaseStrategy {
    bytes32 public constant HEARTBEAT_TYPEHASH =
        keccak256("Heartbeat(address vault,bytes32 modelId,uint64 deadline,uint256 nonce,bytes32 inputsDigest)");

    IModelRegistry public immutable registry;

    IUniswapV3Pool private immutable pool;

    /// @notice The one model whose proposals count.
    bytes32 public modelId;

    Heartbeat public lastHeartbeat;

    uint64 public lastRetreatAt;

    event HeartbeatAccepted(
        address indexed vault, bytes32 indexed modelId, uint256 indexed nonce, bytes32 inputsDigest
    );

    event ModelAnnounced(bytes32 indexed before, bytes32 indexed modelId, uint64 readyAt);

    event ModelSet(bytes32 indexed before, bytes32 indexed modelId);

    /// @notice The model had been silent since `heardAt` (Unix seconds): the vault went into the fallback range, or else
    /// to idle.
    event Retreated(address indexed vault, bytes32 indexed modelId, uint256 heardAt, bool intoRange, address by);

    constructor(
        IRangeVault vault_,
        IModelRegistry registry_,
        bytes32 modelId_,
        address authority,
        Bounds memory bounds_
    ) BaseStrategy(vault_, authority, bounds_) EIP712("Rangekeeper ModelStrategy", "1") {
        registry = registry_;
        pool = IUniswapV3Pool(vault_.pool());
        modelId = modelId_;
        emit ModelSet(bytes32(0), modelId_);
    }

    /// @notice What the pool's observations say now; all zero while `volatilityWindowSeconds` is 0.
    function realisedVolatility() external view returns (RealisedVolatility memory realised) {
        uint256 window = _bounds.volatilityWindowSeconds;
        if (window > 0) realised = ConfidenceLib.realisedVolatility(pool, window);
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
        _checkSigned(modelId, heartbeatDigest(deadline, nonce, inputsDigest), signature);
        emit HeartbeatAccepted(address(vault), modelId, nonce, inputsDigest);
    }

    /// @notice Sends the vault of a model that was silent for too long into the fallback range, or to idle.
    function retreat() external {
        uint256 heardAt = Math.max(lastDecisionAt, lastHeartbeat.at);
        Bounds memory current = _bounds;
        uint256 silence = current.maxSilenceSeconds;
        require(silence > 0 && block.timestamp > heardAt + silence, StrategyErrorsLib.ModelHeard(heardAt, silence));
        uint256 readyAt = lastRetreatAt + silence;
        require(block.timestamp >= readyAt, StrategyErrorsLib.RetreatTooSoon(readyAt));
        require(vault.positions().length > 0, StrategyErrorsLib.NothingHeld());
        lastRetreatAt = uint64(block.timestamp);
        bool intoRange;
        if (registry.stageOf(modelId) == Stage.Full) {
            uint256 spreadWad = _spreadWad(current.spreadCeilingWad, current);
            try FallbackLib.fallBack(vault, pool, current, spreadWad) returns (RebalanceReport memory) {
                intoRange = true;
            } catch {}
        }
        if (!intoRange) vault.deRisk();
        emit Retreated(address(vault), modelId, heardAt, intoRange, msg.sender);
    }

    /* CURATOR */

    /// @notice Follows another registered model after the vault's notice, or none (zero) at once; proposals of the former
    /// are void from then on.
    function setModel(bytes32 newModelId) external restricted {
        uint64 readyAt = _noticeOf("model", newModelId != bytes32(0), newModelId);
        if (readyAt == 0) {
            emit ModelSet(modelId, newModelId);
            modelId = newModelId;
            // The new one has its time to speak.
            _heard();
        } else {
            emit ModelAnnounced(modelId, newModelId, readyAt);
        }
    }

    /* HOOKS */

    /// @inheritdoc BaseStrategy
    function _authorize(RebalanceProposal calldata proposal, bytes32 digest, bytes calldata signature)
        internal
        view
        override
        returns (uint256 canaryCap)
    {
        bytes32 id = modelId;
        require(proposal.modelId == id, StrategyErrorsLib.ModelMismatch(proposal.modelId, id));
        return _checkSigned(id, digest, signature);
    }

    /// @inheritdoc BaseStrategy
    function _spreadWad(uint256 declaredSpreadWad, Bounds memory current) internal view override returns (uint256) {
        uint256 window = current.volatilityWindowSeconds;
        if (window == 0) return declaredSpreadWad;
        return ConfidenceLib.spreadWad(pool, registry, modelId, declaredSpreadWad, window, current.spreadCeilingWad);
    }

    /// @inheritdoc BaseStrategy
    function _checkMove(RebalanceProposal calldata, Made memory made, uint256 canaryCap) internal pure override {
        if (!made.ordinary || canaryCap == type(uint256).max) return;
        uint256 deployed = Math.mulDiv(made.nav, made.deployedWad, 1e18, Math.Rounding.Ceil);
        require(deployed <= canaryCap, StrategyErrorsLib.CanaryCapExceeded(deployed, canaryCap));
    }

    /// @dev Returns what the model may have at work: everything, or a canary's cap (below 2^128).
    function _checkSigned(bytes32 id, bytes32 digest, bytes calldata signature) private view returns (uint256) {
        (address signer, Stage stage, uint256 canaryCap) = registry.authorizationOf(id);
        require(stage == Stage.Canary || stage == Stage.Full, StrategyErrorsLib.ModelNotActive(id, uint8(stage)));
        require(_isSigned(signer, digest, signature), StrategyErrorsLib.SignatureInvalid(signer, digest));
        return stage == Stage.Canary ? canaryCap : type(uint256).max;
    }

    /// @dev By the key first: asking an account whether it is a contract costs as much as most checks here together.
    function _isSigned(address signer, bytes32 digest, bytes calldata signature) private view returns (bool) {
        (address recovered, ECDSA.RecoverError problem,) = ECDSA.tryRecoverCalldata(digest, signature);
        return (problem == ECDSA.RecoverError.NoError && recovered == signer)
            || SignatureChecker.isValidSignatureNow(signer, digest, signature);
    }
}
