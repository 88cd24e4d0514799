// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {AllowListGate} from "../../../vaults/gates/AllowListGate.sol";
import {ErrorsLib} from "../../../vaults/libraries/ErrorsLib.sol";
import {BaseTest} from "../../support/BaseTest.sol";

contract AllowListGateTest is BaseTest {
    AllowListGate private gate;

    function setUp() public override {
        super.setUp();
        gate = new AllowListGate(address(manager));
        bytes4[] memory selectors = new bytes4[](1);
        selectors[0] = AllowListGate.setAllowed.selector;
        manager.setTargetFunctionRole(address(gate), selectors, 2);
        vm.prank(owner);
        vault.setGate(address(gate));
    }

    function _allow(address account, bool value) private {
        address[] memory accounts = new address[](1);
        accounts[0] = account;
        vm.prank(curator);
        gate.setAllowed(accounts, value);
    }

    function testFuzz_mayEnter_onlyWhenBothAreOnTheList(address caller, address receiver, bool a, bool b) public {
        vm.assume(caller != receiver);
        _allow(caller, a);
        _allow(receiver, b);
        assertEq(gate.mayEnter(caller, receiver), a && b);
    }

    function test_deposit_asksTheListAndExitsDoNot() public {
        assertEq(vault.maxDeposit(alice), 0);
        assetToken.mint(alice, 1e6);
        vm.startPrank(alice);
        assetToken.approve(address(vault), 1e6);
        vm.expectRevert(abi.encodeWithSelector(ErrorsLib.EntryRefusedByGate.selector, alice, alice));
        vault.deposit(1e6, alice);
        vm.stopPrank();
        _allow(alice, true);
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(ErrorsLib.EntryRefusedByGate.selector, alice, bob));
        vault.deposit(1e6, bob);
        uint256 shares = vault.deposit(1e6, alice);
        vault.transfer(bob, shares / 2);
        vm.stopPrank();
        _allow(alice, false);
        vm.prank(alice);
        assertGt(vault.redeem(shares - shares / 2, alice, alice), 0);
        vm.prank(bob);
        assertGt(vault.redeem(shares / 2, bob, bob), 0);
    }

    function test_setAllowed_isTheCurators() public {
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, bob));
        gate.setAllowed(new address[](0), true);
    }
}
