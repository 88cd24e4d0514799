// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IEntryGate} from "../../../vaults/interfaces/IEntryGate.sol";

contract MockGate is IEntryGate {
    mapping(address receiver => bool) public allowed;

    function allow(address receiver) external {
        allowed[receiver] = true;
    }

    function mayEnter(address, address receiver) external view returns (bool) {
        return allowed[receiver];
    }
}
