// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IModelRegistry, Model, ModelParameters, Stage} from "../interfaces/IModelRegistry.sol";
import {StrategyErrorsLib} from "../libraries/StrategyErrorsLib.sol";
import {MlpShape, QuantizedMlp} from "./QuantizedMlp.sol";
import {HEAD_INPUTS} from "./VolatilityLib.sol";

/// @title What a model is, who signs for it, and how far it may go
/// @notice An entry never changes but for its stage: another signer, file, head, payout or share of fees is another id,
/// so what was agreed when a stage was raised is what holds. Rising a stage (none, shadow, canary, full) takes effect
/// after the notice that was configured when it was asked; falling, retiring and cancelling a rise are instant. A
/// retired model stays retired. A shorter notice holds after the longer one. Removing a model's power is therefore always
/// faster than giving it.
contract ModelRegistry is AccessManaged, IModelRegistry {
    /// Longest notice that can be configured, so that a rise cannot be made impossible by mistake.
    uint32 public constant MAX_NOTICE_SECONDS = 30 days;

    /// A strategist's share of the performance fee at most.
    uint16 public constant MAX_FEE_SHARE_BPS = 5000; // 50%

    uint32 private notice;
    /// The notice from `nextNoticeAt` (Unix seconds) on; 0 = none asked.
    uint32 private nextNotice;
    uint64 private nextNoticeAt;

    mapping(bytes32 id => Model) private models;

    constructor(address authority, uint32 noticeSeconds_) AccessManaged(authority) {
        _checkNotice(noticeSeconds_);
        notice = noticeSeconds_;
        emit NoticeSet(0, noticeSeconds_, uint64(block.timestamp));
    }

    /// @inheritdoc IModelRegistry
    function noticeSeconds() public view returns (uint32) {
        return nextNoticeAt != 0 && block.timestamp >= nextNoticeAt ? nextNotice : notice;
    }

    /// @inheritdoc IModelRegistry
    function model(bytes32 id) external view returns (Model memory) {
        return models[id];
    }

    /// @inheritdoc IModelRegistry
    function stageOf(bytes32 id) public view returns (Stage) {
        Model storage entry = models[id];
        return entry.nextAt != 0 && block.timestamp >= entry.nextAt ? entry.next : entry.stage;
    }

    /// @inheritdoc IModelRegistry
    function authorizationOf(bytes32 id) external view returns (address signer, Stage stage, uint256 canaryCap) {
        stage = stageOf(id);
        // A cap is a canary's, and stands in a slot of its own.
        return (models[id].signer, stage, stage == Stage.Canary ? models[id].canaryCap : 0);
    }

    /// @inheritdoc IModelRegistry
    function headOf(bytes32 id) external view returns (address[] memory) {
        return models[id].head;
    }

    /* CURATOR */

    /// @notice Adds a model; it starts in shadow, where nothing it signs is executed. A head that the strategy could
    /// not evaluate is refused here, so that it cannot stop moves later.
    function register(bytes32 id, ModelParameters calldata parameters) external restricted {
        require(id != bytes32(0) && models[id].stage == Stage.None, StrategyErrorsLib.ModelExists(id));
        require(parameters.signer != address(0), StrategyErrorsLib.SignerMissing(id));
        require(
            parameters.feeShareBps <= MAX_FEE_SHARE_BPS,
            StrategyErrorsLib.FeeShareAboveMax(parameters.feeShareBps, MAX_FEE_SHARE_BPS)
        );
        if (parameters.head.length > 0) {
            MlpShape memory shape = QuantizedMlp.shapeOf(parameters.head);
            require(shape.dims[0] == HEAD_INPUTS, StrategyErrorsLib.HeadInputsMismatch(shape.dims[0], HEAD_INPUTS));
        }
        Model storage entry = models[id];
        entry.onnxSha256 = parameters.onnxSha256;
        entry.manifestHash = parameters.manifestHash;
        entry.signer = parameters.signer;
        entry.payout = parameters.payout;
        entry.feeShareBps = parameters.feeShareBps;
        entry.head = parameters.head;
        entry.stage = Stage.Shadow;
        emit ModelRegistered(
            id,
            parameters.onnxSha256,
            parameters.manifestHash,
            parameters.signer,
            parameters.payout,
            parameters.feeShareBps,
            parameters.head
        );
        emit StageSet(id, Stage.None, Stage.Shadow, uint64(block.timestamp));
    }

    /// @notice Asks for a higher stage; it holds after the notice. `canaryCap` in asset units, for the canary stage.
    function raiseStage(bytes32 id, Stage stage, uint256 canaryCap) external restricted {
        Model storage entry = models[id];
        Stage current = stageOf(id);
        require(
            // Nothing is above retired, so what is stays so.
            current != Stage.None && stage > current && stage <= Stage.Full,
            StrategyErrorsLib.StageRefused(id, uint8(current), uint8(stage))
        );
        // canaryCap in the entry belongs to the stage that is asked; the stage below canary executes nothing.
        require(canaryCap <= type(uint128).max, StrategyErrorsLib.CapTooLarge(canaryCap));
        entry.stage = current;
        entry.next = stage;
        entry.nextAt = uint64(block.timestamp) + noticeSeconds();
        if (stage == Stage.Canary) entry.canaryCap = uint128(canaryCap);
        emit StageSet(id, current, stage, entry.nextAt);
    }

    /// @notice A longer notice for rises asked from now on, or a shorter one for those asked once the present notice has
    /// run; the last call counts.
    function setNotice(uint32 seconds_) external restricted {
        _checkNotice(seconds_);
        uint32 current = noticeSeconds();
        bool shorter = seconds_ < current;
        notice = shorter ? current : seconds_;
        nextNotice = shorter ? seconds_ : 0;
        nextNoticeAt = shorter ? uint64(block.timestamp) + current : 0;
        emit NoticeSet(current, seconds_, shorter ? nextNoticeAt : uint64(block.timestamp));
    }

    /* GUARDIAN */

    /// @notice Lowers a stage, or retires the model, at once; a rise under way is cancelled.
    function lowerStage(bytes32 id, Stage stage) external restricted {
        Model storage entry = models[id];
        Stage current = stageOf(id);
        require(
            current != Stage.None && current != Stage.Retired && stage != Stage.None
                && (stage <= current || stage == Stage.Retired),
            StrategyErrorsLib.StageRefused(id, uint8(current), uint8(stage))
        );
        entry.stage = stage;
        entry.next = Stage.None;
        entry.nextAt = 0;
        emit StageSet(id, current, stage, uint64(block.timestamp));
    }

    function _checkNotice(uint32 seconds_) private pure {
        require(seconds_ <= MAX_NOTICE_SECONDS, StrategyErrorsLib.NoticeAboveMax(seconds_, MAX_NOTICE_SECONDS));
    }
}
