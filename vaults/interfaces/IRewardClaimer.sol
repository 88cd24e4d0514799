// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

/// @title Fetches rewards that a vault earned at some distributor
/// @notice Called by the vault itself, with no allowance and no tokens; what it makes arrive there goes on to the skim
/// receiver and nowhere else.
interface IRewardClaimer {
    function claim(address vault, address[] calldata tokens, bytes calldata data) external;
}
