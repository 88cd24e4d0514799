// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {ErrorsLib} from "./ErrorsLib.sol";

/// @notice A leaky bucket: `usedWad` of the capacity at Unix time `updatedAt`.
struct LossBudget {
    uint64 usedWad;
    uint64 updatedAt;
}

/// @title The loss that moves may cause, as a leaky bucket
/// @notice Capacity B refills evenly in T seconds, so the loss in any window w is at most B(1 + w/T).
library LossBudgetLib {
    /// @notice What may be lost now, as a fraction of NAV.
    function leftWad(LossBudget memory budget, uint256 capacityWad, uint256 refillSeconds)
        internal
        view
        returns (uint256)
    {
        uint256 used = _usedWad(budget, capacityWad, refillSeconds);
        return used < capacityWad ? capacityWad - used : 0;
    }

    /// @notice Takes `lossWad` out of the bucket or reverts.
    function draw(LossBudget storage budget, uint256 lossWad, uint256 capacityWad, uint256 refillSeconds) internal {
        LossBudget memory current = budget;
        uint256 left = leftWad(current, capacityWad, refillSeconds);
        require(lossWad <= left, ErrorsLib.LossBudgetExhausted(lossWad, left));
        // Settings cap the capacity at 1e18 and lossWad <= capacity, so the sum fits in 64 bits (1.8e19).
        budget.usedWad = uint64(_usedWad(current, capacityWad, refillSeconds) + lossWad);
        budget.updatedAt = uint64(block.timestamp);
    }

    /// @notice Writes the refill until now, so that new settings act from now on only.
    function settle(LossBudget storage budget, uint256 capacityWad, uint256 refillSeconds) internal {
        budget.usedWad = uint64(_usedWad(budget, capacityWad, refillSeconds));
        budget.updatedAt = uint64(block.timestamp);
    }

    function _usedWad(LossBudget memory budget, uint256 capacityWad, uint256 refillSeconds)
        private
        view
        returns (uint256)
    {
        uint256 refilled = (capacityWad * (block.timestamp - budget.updatedAt)) / refillSeconds;
        return budget.usedWad > refilled ? budget.usedWad - refilled : 0;
    }
}
