// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

/// @title Who may enter a vault
/// @notice Asked on deposits and mints only; transfers and exits never ask it.
interface IEntryGate {
    /// @notice Whether `receiver` may be given newly minted shares paid for by `caller`.
    function mayEnter(address caller, address receiver) external view returns (bool);
}
