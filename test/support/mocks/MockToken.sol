// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @notice An ERC-20 that anyone can mint and that can be told to misbehave.
contract MockToken is ERC20 {
    uint8 private immutable _decimals;
    /// Transfers from or to these revert.
    mapping(address account => bool) public frozen;
    /// Taken from the receiver of each transfer, in bps.
    uint256 public transferFeeBps;
    /// Called in each transfer between accounts.
    address public hookTarget;
    bytes public hookData;
    bool public hookFailed;
    bytes public hookResult;

    constructor(string memory name_, uint8 decimals_) ERC20(name_, name_) {
        _decimals = decimals_;
    }

    function decimals() public view override returns (uint8) {
        return _decimals;
    }

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function setFrozen(address account, bool value) external {
        frozen[account] = value;
    }

    function setTransferFee(uint256 bps) external {
        transferFeeBps = bps;
    }

    function setHook(address target, bytes calldata data) external {
        hookTarget = target;
        hookData = data;
    }

    function _update(address from, address to, uint256 amount) internal override {
        require(!frozen[from] && !frozen[to], "frozen");
        super._update(from, to, amount);
        if (from == address(0) || to == address(0)) return;
        if (transferFeeBps > 0) super._update(to, address(0xfee), (amount * transferFeeBps) / 10_000);
        if (hookTarget != address(0)) {
            address target = hookTarget;
            hookTarget = address(0);
            bool succeeded;
            (succeeded, hookResult) = target.call(hookData);
            hookFailed = !succeeded;
        }
    }
}
