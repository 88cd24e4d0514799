// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Create2} from "@openzeppelin/contracts/utils/Create2.sol";
import {IStrategyDeployer} from "../vaults/interfaces/IStrategyDeployer.sol";
import {ErrorsLib} from "../vaults/libraries/ErrorsLib.sol";

/// @title Deploys strategies of one kind
/// @notice The kind is the hash of its creation code, which comes with each call: no deployer is too small for a
/// strategy. The constructor's first argument must be the vault and none of them dynamic. Anybody may call; the address
/// follows from the caller, the salt and all arguments, so nobody can take another's.
contract StrategyDeployer is IStrategyDeployer {
    bytes32 public immutable codeHash;

    event StrategyDeployed(address indexed vault, address indexed strategy, address indexed by, bytes arguments);

    constructor(bytes32 codeHash_) {
        codeHash = codeHash_;
    }

    /// @inheritdoc IStrategyDeployer
    function deploy(address vault, bytes32 salt, bytes calldata code, bytes calldata arguments)
        external
        returns (address strategy)
    {
        require(keccak256(code) == codeHash, ErrorsLib.CreationCodeUnknown(keccak256(code), codeHash));
        strategy = Create2.deploy(
            0, keccak256(abi.encode(msg.sender, salt)), abi.encodePacked(code, abi.encode(vault), arguments)
        );
        emit StrategyDeployed(vault, strategy, msg.sender, arguments);
    }
}
