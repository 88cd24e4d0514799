// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {Position, RebalanceOrder} from "../interfaces/IRangeVault.sol";

/// @title Which moves only cut risk
/// @notice TO IDLE: no range and no swap. TO WIDER: no swap, and each range contains every range held now. Vault and
/// strategies must mean the same by it, so it is written once.
library DeRiskLib {
    function isToIdle(RebalanceOrder memory order) internal pure returns (bool) {
        return order.ranges.length == 0 && order.swap.amountIn == 0;
    }

    function isToWider(Position[] memory held, RebalanceOrder memory order) internal pure returns (bool) {
        if (held.length == 0 || order.ranges.length == 0 || order.swap.amountIn > 0) return false;
        for (uint256 i; i < order.ranges.length; ++i) {
            for (uint256 j; j < held.length; ++j) {
                if (order.ranges[i].lowerTick > held[j].lowerTick || order.ranges[i].upperTick < held[j].upperTick) {
                    return false;
                }
            }
        }
        return true;
    }
}
