// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {Position, RangeOrder} from "../interfaces/IRangeVault.sol";

/// @title Which moves only cut risk
/// @notice TO IDLE: no range and no swap. TO WIDER: no swap, and each range contains every range held now. Vault and
/// strategies must mean the same by it, so it is written once.
library DeRiskLib {
    /// @dev The order stays where it is: copying it cost more than all that is asked of it.
    function isToWider(Position[] memory held, RangeOrder[] calldata ranges, uint256 amountIn)
        internal
        pure
        returns (bool)
    {
        if (held.length == 0 || ranges.length == 0 || amountIn > 0) return false;
        for (uint256 i; i < ranges.length; ++i) {
            for (uint256 j; j < held.length; ++j) {
                if (ranges[i].lowerTick > held[j].lowerTick || ranges[i].upperTick < held[j].upperTick) return false;
            }
        }
        return true;
    }
}
