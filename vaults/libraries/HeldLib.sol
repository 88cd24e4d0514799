// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {Position} from "../interfaces/IRangeVault.sol";
import {VaultState} from "./VaultState.sol";

/// @title The vault's list of positions
/// @notice How many there are stands in the slot that every flow reads and writes anyway; so the list costs a slot for
/// each position and none for its length.
library HeldLib {
    function list(VaultState storage state) internal view returns (Position[] memory held) {
        uint256 count = state.positionCount;
        held = new Position[](count);
        for (uint256 i; i < count; ++i) {
            held[i] = state.positions[i];
        }
    }

    /// @notice Appends; the caller keeps to MAX_POSITIONS.
    function add(VaultState storage state, Position memory position) internal {
        uint8 count = state.positionCount;
        state.positions[count] = position;
        state.positionCount = count + 1;
    }

    /// @notice Removes entry `index`, order not kept. What stands beyond the count is not cleared: the next that is added
    /// overwrites it, which costs a quarter of writing it anew.
    function drop(VaultState storage state, uint256 index) internal {
        uint8 last = state.positionCount - 1;
        if (index != last) state.positions[index] = state.positions[last];
        state.positionCount = last;
    }
}
