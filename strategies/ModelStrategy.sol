// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IRangeVault} from "../vaults/interfaces/IRangeVault.sol";
import {IUniswapV3Pool} from "../vaults/interfaces/IUniswapV3Pool.sol";
import {BaseStrategy} from "./BaseStrategy.sol";
import {IModelRegistry, Stage} from "./interfaces/IModelRegistry.sol";
import {Bounds} from "./libraries/BoundsLib.sol";
import {RebalanceProposal} from "./libraries/ProposalLib.sol";
import {StrategyErrorsLib} from "./libraries/StrategyErrorsLib.sol";
import {QuantizedMlp} from "./models/QuantizedMlp.sol";
import {RealisedVolatility, VolatilityLib} from "./models/VolatilityLib.sol";

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
/// DEAD MAN. When neither a move nor a heartbeat was accepted for `maxSilenceSeconds`, nobody minds the ranges: anybody
/// may `retreat`, which burns and collects everything. It swaps and mints nothing and needs no price, so there is
/// nothing to gain by it and no bounty; a model that comes back may move again at once.
contract ModelStrategy is BaseStrategy {
    bytes32 public constant HEARTBEAT_TYPEHASH =
        keccak256("Heartbeat(address vault,bytes32 modelId,uint64 deadline,uint256 nonce,bytes32 inputsDigest)");

    IModelRegistry public immutable registry;

    IUniswapV3Pool private immutable pool;

    /// @notice The one model whose proposals count.
    bytes32 public modelId;

    Heartbeat public lastHeartbeat;

    event HeartbeatAccepted(
        address indexed vault, bytes32 indexed modelId, uint256 indexed nonce, bytes32 inputsDigest
    );

    /// @notice The vault went to idle because its model had been silent since `heardAt` (Unix seconds).
    event Retreated(address indexed vault, bytes32 indexed modelId, uint256 heardAt, address by);

    event ModelSet(bytes32 indexed before, bytes32 indexed modelId);

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
        if (window > 0) realised = VolatilityLib.measure(pool, window);
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

    /// @notice Sends the vault to idle when its model has been silent for too long.
    function retreat() external {
        uint256 heardAt = Math.max(lastMoveAt, lastHeartbeat.at);
        uint256 silence = _bounds.maxSilenceSeconds;
        require(silence > 0 && block.timestamp > heardAt + silence, StrategyErrorsLib.ModelHeard(heardAt, silence));
        require(vault.positions().length > 0, StrategyErrorsLib.NothingHeld());
        emit Retreated(address(vault), modelId, heardAt, msg.sender);
        vault.deRisk();
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
    function _spreadWad(uint256 declaredSpreadWad) internal view override returns (uint256 spreadWad) {
        spreadWad = declaredSpreadWad;
        uint256 window = _bounds.volatilityWindowSeconds;
        if (window == 0) return spreadWad;
        uint256 ceilingWad = _bounds.spreadCeilingWad;
        RealisedVolatility memory realised = VolatilityLib.measure(pool, window);
        spreadWad = Math.max(spreadWad, realised.known ? Math.min(realised.spreadWad, ceilingWad) : ceilingWad);
        if (realised.known) spreadWad = Math.max(spreadWad, _headSpreadWad(realised));
    }

    /// @dev The last output of the model's head; zero where it has none.
    function _headSpreadWad(RealisedVolatility memory realised) private view returns (uint256) {
        address[] memory head = registry.headOf(modelId);
        if (head.length == 0) return 0;
        return QuantizedMlp.lastOutputWad(head, VolatilityLib.headInputs(realised));
    }

    /// @inheritdoc BaseStrategy
    function _checkMove(RebalanceProposal calldata proposal, uint256 deployedWad, uint256 nav) internal view override {
        (, Stage stage, uint256 canaryCap) = registry.authorizationOf(proposal.modelId);
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
