// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

/// @title Every refusal of strategies and the model registry, named for the rule that was broken
library StrategyErrorsLib {
    /// @notice A bound contradicts another or is out of its limits.
    error BoundInvalid(bytes32 name, uint256 value);

    error CapTooLarge(uint256 cap);

    /// @notice The canary would have more at work than its cap, in asset units.
    error CanaryCapExceeded(uint256 deployed, uint256 cap);

    /// @notice Nothing was announced for this part of the policy.
    error ChangeNotAnnounced(bytes32 key);

    /// @notice The announced change may be put in force at `readyAt` (Unix seconds).
    error ChangeNotReady(bytes32 key, uint256 readyAt);

    /// @notice The centre of the range is too far from the mid reference tick.
    error CentreTooFar(uint256 index, uint256 distanceTicks, uint256 maxTicks);

    /// @notice The next move is allowed at `readyAt` (Unix seconds).
    error CooldownActive(uint256 readyAt);

    /// @notice The move cost more than the proposal declared, in asset units at the mid reference.
    error CostAboveDeclared(uint256 measured, uint256 declared);

    /// @notice More than the rule lets a move cost, in asset units.
    error CostAboveRule(uint256 declared, uint256 most);

    /// @notice The deadline has passed, or is further ahead than 15 minutes.
    error DeadlineInvalid(uint256 deadline, uint256 now_);

    /// @notice The spread is above the ceiling: only de-risking is accepted.
    error DeRiskOnly(uint256 spreadWad, uint256 ceilingWad);

    /// @notice Only the proposal's executor may relay it.
    error ExecutorMismatch(address caller, address executor);

    error FeeShareAboveMax(uint256 feeShareBps, uint256 maxBps);

    /// @notice The declared gain does not pay the declared cost with its margin.
    error GainBelowCost(uint256 gain, uint256 required);

    /// @notice Not a data contract: no code, or code that does not begin with STOP.
    error HeadDataInvalid(address data);

    /// @notice The network takes another number of inputs.
    error HeadInputsMismatch(uint256 inputs, uint256 expected);

    /// @notice The header of the network contradicts itself or the length of its data.
    error HeadShapeInvalid();

    error ModelExists(bytes32 id);

    /// @notice The model was heard at `heardAt` (Unix seconds) and may be silent for longer, or silence is not watched.
    error ModelHeard(uint256 heardAt, uint256 maxSilenceSeconds);

    /// @notice The proposal names another model than the strategy's.
    error ModelMismatch(bytes32 id, bytes32 expected);

    /// @notice The model's stage lets nothing be executed.
    error ModelNotActive(bytes32 id, uint8 stage);

    /// @notice The market has not moved far enough, and the time for a refresh has not come.
    error MoveNotDue();

    error MovesPerDayReached(uint256 limit);

    error NonceMismatch(uint256 nonce, uint256 expected);

    /// @notice The reference prices disagree, are old, or are missing.
    error NotCalm();

    /// @notice The vault holds no position.
    error NothingHeld();

    /// @notice This strategy has no key: the signature must be empty.
    error NothingToSign();

    error NoticeAboveMax(uint256 noticeSeconds, uint256 maxSeconds);

    /// @notice The proposal asks for anything but the one range that the rule gives now.
    error PlanMismatch(int24 lowerTick, int24 upperTick, uint64 weightWad);

    /// @notice One retreat per time of silence: the next is possible at `readyAt` (Unix seconds).
    error RetreatTooSoon(uint256 readyAt);

    /// @notice The weights deploy more than the spread allows.
    error ShareAboveLimit(uint256 shareWad, uint256 limitWad);

    /// @notice Not a signature of the model's registered signer over this digest.
    error SignatureInvalid(address signer, bytes32 digest);

    error SignerMissing(bytes32 id);

    error StageRefused(bytes32 id, uint8 current, uint8 asked);

    /// @notice The swap sells more than the allowed part of NAV, in asset units.
    error SwapAboveLimit(uint256 value, uint256 limit);

    /// @notice The proposal is for another vault.
    error VaultMismatch(address vault, address expected);

    /// @notice The range is wider than allowed.
    error WidthAboveMax(uint256 index, uint256 widthTicks, uint256 maxTicks);

    /// @notice The range is narrower than the bound or the spread allows.
    error WidthBelowFloor(uint256 index, uint256 widthTicks, uint256 floorTicks);
}
