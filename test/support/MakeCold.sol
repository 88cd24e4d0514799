// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {VmSafe} from "forge-std/Vm.sol";

interface VmCool {
    function cool(address target) external;
}

/// @notice Makes an account and its storage cold again, as they are at the start of a transaction.
function makeCold(VmSafe vm, address target) {
    VmCool(address(vm)).cool(target);
}
