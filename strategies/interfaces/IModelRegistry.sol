// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

/// @notice How far a model may go: nothing, scored only, executed under a cap, executed, never again.
enum Stage {
    None,
    Shadow,
    Canary,
    Full,
    Retired
}

/// @notice What never changes about a model.
struct ModelParameters {
    /// sha256 of the ONNX file.
    bytes32 onnxSha256;
    bytes32 manifestHash;
    /// Signs its proposals and heartbeats.
    address signer;
    address payout;
    /// Part of the performance fee.
    uint16 feeShareBps;
    /// Data contracts of the network that the chain recomputes (see QuantizedMlp); empty = none.
    address[] head;
}

/// @notice A registered model.
struct Model {
    /// sha256 of the ONNX file.
    bytes32 onnxSha256;
    bytes32 manifestHash;
    address signer;
    Stage stage;
    /// The stage from `nextAt` (Unix seconds) on; `nextAt` 0 = none asked.
    Stage next;
    uint64 nextAt;
    address payout;
    /// Part of the performance fee.
    uint16 feeShareBps;
    /// The most asset units a canary may have at work in one vault.
    uint128 canaryCap;
    /// Data contracts of the network that the chain recomputes; empty = none.
    address[] head;
}

/// @title Models as strategies see them
interface IModelRegistry {
    event ModelRegistered(
        bytes32 indexed id,
        bytes32 onnxSha256,
        bytes32 manifestHash,
        address indexed signer,
        address payout,
        uint16 feeShareBps,
        address[] head
    );

    event NoticeSet(uint32 before, uint32 noticeSeconds, uint64 effectiveAt);

    event StageSet(bytes32 indexed id, Stage before, Stage stage, uint64 effectiveAt);

    function model(bytes32 id) external view returns (Model memory);

    /// @notice The stage in force now.
    function stageOf(bytes32 id) external view returns (Stage);

    /// @notice All that a strategy asks before it believes a signature; the cap of a canary, of others 0.
    function authorizationOf(bytes32 id) external view returns (address signer, Stage stage, uint256 canaryCap);

    /// @notice Data contracts of the model's on-chain head; empty = none.
    function headOf(bytes32 id) external view returns (address[] memory);

    /// @notice Seconds between asking for a higher stage and its effect.
    function noticeSeconds() external view returns (uint32);
}
