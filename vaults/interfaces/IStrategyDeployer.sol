// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

/// @title Makes the strategy of a new vault
/// @notice What a factory knows of strategies: each kind has a deployer of its own.
interface IStrategyDeployer {
    /// @notice Deploys a strategy for `vault` by CREATE2. `code` is its creation code, `arguments` what its constructor
    /// takes after the vault.
    function deploy(address vault, bytes32 salt, bytes calldata code, bytes calldata arguments)
        external
        returns (address strategy);
}
