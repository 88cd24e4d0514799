// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {MockToken} from "./MockToken.sol";

/// @notice How a token answers `transfer` and `transferFrom`.
enum Mood {
    Plain,
    /// Moves, and returns nothing at all.
    Silent,
    /// Does not move, and returns false.
    False,
    Reverting,
    /// Burns all the gas it is given.
    Burning,
    /// Calls back before it moves.
    Calling
}

/// @notice An ERC-20 of every bad kind.
contract HostileToken is MockToken {
    Mood public mood;
    address private calls;
    bytes private data;
    uint256 public called;
    bool public callSucceeded;
    bytes public answer;

    constructor(uint8 decimals_, Mood mood_) MockToken("Hostile", decimals_) {
        mood = mood_;
    }

    function setMood(Mood value) external {
        mood = value;
    }

    /// @notice What it calls once, before its next transfer.
    function setCall(address target, bytes calldata data_) external {
        (mood, calls, data, called) = (Mood.Calling, target, data_, 0);
    }

    function transfer(address to, uint256 amount) public override returns (bool) {
        if (!_answers()) return false;
        super.transfer(to, amount);
        return _answer();
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        if (!_answers()) return false;
        super.transferFrom(from, to, amount);
        return _answer();
    }

    function _answers() private returns (bool) {
        require(mood != Mood.Reverting, "no");
        if (mood == Mood.Burning) {
            for (uint256 i; i < type(uint256).max; ++i) {}
        }
        if (mood == Mood.Calling) {
            mood = Mood.Plain;
            called += 1;
            (callSucceeded, answer) = calls.call(data);
        }
        return mood != Mood.False;
    }

    function _answer() private view returns (bool) {
        if (mood == Mood.Silent) {
            assembly {
                return(0, 0)
            }
        }
        return true;
    }
}
