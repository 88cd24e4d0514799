// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {ErrorsLib} from "./ErrorsLib.sol";

/// @notice A leaky bucket: `usedWad` of the capacity at Unix time `updatedAt`.
struct LossBudget {
    uint64 usedWad;
    uint32 updatedAt;
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

    /// @notice The bucket after `lossWad` was taken; reverts when it does not hold as much.
    function draw(LossBudget memory budget, uint256 lossWad, uint256 capacityWad, uint256 refillSeconds)
        internal
        view
        returns (LossBudget memory)
    {
        uint256 used = _usedWad(budget, capacityWad, refillSeconds);
        uint256 left = used < capacityWad ? capacityWad - used : 0;
        require(lossWad <= left, ErrorsLib.LossBudgetExhausted(lossWad, left));
        // Settings cap the capacity at 1e18 and lossWad <= capacity, so the sum fits in 64 bits (1.8e19).
        return LossBudget(uint64(used + lossWad), uint32(block.timestamp));
    }

    /// @notice The bucket with its refill until now, so that new settings act from now on only.
    function settle(LossBudget memory budget, uint256 capacityWad, uint256 refillSeconds)
        internal
        view
        returns (LossBudget memory)
    {
        return LossBudget(uint64(_usedWad(budget, capacityWad, refillSeconds)), uint32(block.timestamp));
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
