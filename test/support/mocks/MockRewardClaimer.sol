// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IRewardClaimer} from "../../../vaults/interfaces/IRewardClaimer.sol";
import {MockToken} from "./MockToken.sol";

/// @notice A distributor that pays what it is told; on demand it calls back first.
contract MockRewardClaimer is IRewardClaimer {
    uint256 public amount = 1e18;
    bytes public callBack;

    function setCallBack(bytes calldata data) external {
        callBack = data;
    }

    function claim(address vault, address[] calldata tokens, bytes calldata) external {
        if (callBack.length > 0) {
            (bool ok, bytes memory result) = vault.call(callBack);
            if (!ok) {
                assembly {
                    revert(add(result, 32), mload(result))
                }
            }
        }
        for (uint256 i; i < tokens.length; ++i) {
            MockToken(tokens[i]).mint(vault, amount);
        }
    }
}
