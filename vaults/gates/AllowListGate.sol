// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IEntryGate} from "../interfaces/IEntryGate.sol";

/// @title A list of who may enter
/// @notice WHO IS ASKED. Both the caller, who pays, and the receiver, who gets the shares, must be on the list: else a
/// member could let anyone in by naming him.
///
/// WHAT IT DOES NOT DO. Shares are transferable, and transfers and exits never ask a gate. Whoever must not hold shares
/// is not kept from it by this; whoever leaves the list keeps what he has and may take it out.
///
/// One list may serve many vaults.
contract AllowListGate is AccessManaged, IEntryGate {
    mapping(address account => bool) public allowed;

    event AllowedSet(address indexed account, bool allowed);

    constructor(address authority) AccessManaged(authority) {}

    /// @inheritdoc IEntryGate
    function mayEnter(address caller, address receiver) external view returns (bool) {
        return allowed[caller] && allowed[receiver];
    }

    /* CURATOR */

    /// @notice Puts accounts on the list, or takes them off.
    function setAllowed(address[] calldata accounts, bool value) external restricted {
        for (uint256 i; i < accounts.length; ++i) {
            allowed[accounts[i]] = value;
            emit AllowedSet(accounts[i], value);
        }
    }
}
