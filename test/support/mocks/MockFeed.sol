// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice An AggregatorV3 whose answer is set by hand.
contract MockFeed {
    uint8 public immutable decimals;
    int256 public answer;
    uint256 public updatedAt;
    bool public dead;

    constructor(uint8 decimals_, int256 answer_) {
        decimals = decimals_;
        set(answer_, block.timestamp);
    }

    function set(int256 answer_, uint256 updatedAt_) public {
        answer = answer_;
        updatedAt = updatedAt_;
    }

    function kill() external {
        dead = true;
    }

    function latestRoundData() external view returns (uint80, int256, uint256, uint256, uint80) {
        require(!dead, "dead");
        return (1, answer, updatedAt, updatedAt, 1);
    }
}
