// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Vm} from "forge-std/Vm.sol";
import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {RangeOrder, RebalanceOrder} from "../../vaults/interfaces/IRangeVault.sol";
import {ErrorsLib} from "../../vaults/libraries/ErrorsLib.sol";
import {EventsLib} from "../../vaults/libraries/EventsLib.sol";
import {Limits} from "../../vaults/libraries/VaultState.sol";
import {ExitQuote} from "../../vaults/VaultLens.sol";
import {BaseTest} from "../support/BaseTest.sol";
import {MockRewardClaimer} from "../support/mocks/MockRewardClaimer.sol";
import {MockToken} from "../support/mocks/MockToken.sol";

/// @notice What happens to a vault once or rarely: winding down, de-risking to wider, rewards, what it tells.
abstract contract LifecycleTests is BaseTest {
    /* WINDING DOWN */

    function test_windDown_closesEntryAndMovesAndTurnsFeesOffForGood() public {
        vm.prank(curator);
        vault.configure("managementFeeBps", 200);
        _seed();
        skip(30 days);
        uint256 due = vault.effectiveSupply() - vault.totalSupply();
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, address(this)));
        vault.windDown();
        vm.prank(owner);
        vault.windDown();
        assertEq(vault.positions().length, 0);
        assertEq(vault.balanceOf(feeRecipient), due, "what was due is paid");
        _calmDown();
        skip(30 days);
        assertEq(vault.effectiveSupply(), vault.totalSupply(), "no fee from now on");
        _calmDown();

        assertEq(vault.maxDeposit(alice), 0);
        assertEq(vault.maxMint(alice), 0);
        vm.startPrank(alice);
        vm.expectRevert(ErrorsLib.WoundDown.selector);
        vault.deposit(1000, alice);
        vm.expectRevert(ErrorsLib.WoundDown.selector);
        vault.mint(1000, alice);
        vm.expectRevert(ErrorsLib.WoundDown.selector);
        vault.depositInKind(1e18, 1e18, alice, 0);
        vm.stopPrank();
        RebalanceOrder memory order = _centredOrder(600, 0.5e18);
        vm.prank(operator);
        vm.expectRevert(ErrorsLib.WoundDown.selector);
        vault.rebalance(order);
        vm.prank(owner);
        vm.expectRevert(ErrorsLib.WoundDown.selector);
        vault.windDown();

        uint256 shares = vault.balanceOf(alice);
        vm.startPrank(alice);
        vault.redeem(shares / 3, alice, alice);
        vault.redeem(shares / 3, alice, alice, 0);
        vm.stopPrank();
        _inKind(alice, vault.balanceOf(alice));
        _inKind(bob, vault.balanceOf(bob));
        _inKind(feeRecipient, vault.balanceOf(feeRecipient));
    }

    /* DE-RISK TO WIDER */

    function _widerOrder(int24 by) internal view returns (RebalanceOrder memory order) {
        order.ranges = new RangeOrder[](1);
        order.ranges[0] = RangeOrder(vault.positions()[0].lowerTick - by, vault.positions()[0].upperTick + by, 0.9e18);
    }

    /// Rule 18: ordinary moves used up their budget, count and cooldown; the way to wider is still open.
    function test_rebalance_toWiderHasAReserveThatOthersCannotUse() public {
        Limits memory limits = _defaultLimits();
        limits.maxMovesPerDay = 1;
        limits.maxPoolShareBps = 5000;
        _deployVault(limits);
        _seed();
        vm.prank(curator);
        vault.configure("lossBudgetBps", 0);
        assertEq(vault.lossBudgetLeftWad(), 0);
        assertEq(vault.reservedBudgetLeftWad(), 0.01e18);
        RebalanceOrder memory order = _widerOrder(200);
        vm.recordLogs();
        _rebalance(order);
        assertEq(_leftTold(), vault.reservedBudgetLeftWad(), "what is left of the reserve, not of the other bucket");
        assertEq(vault.positions()[0].upperTick - vault.positions()[0].lowerTick, 1600);
        assertEq(vault.lossBudgetLeftWad(), 0, "nothing drawn from the ordinary bucket");
        order = _widerOrder(500);
        _rebalance(order);
        // Ordinary moves see the cooldown of the last move.
        order = _centredOrder(600, 0.5e18);
        vm.prank(operator);
        vm.expectPartialRevert(ErrorsLib.CooldownActive.selector);
        vault.rebalance(order);
    }

    /// @dev What the recorded move told of the reserve.
    function _leftTold() private returns (uint256 leftWad) {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].topics[0] != EventsLib.LossCharged.selector) continue;
            assertEq(uint256(logs[i].topics[1]), 1, "drawn from the reserve");
            (, leftWad) = abi.decode(logs[i].data, (uint256, uint256));
            return leftWad;
        }
        revert("no loss was told");
    }

    function test_rebalance_toWiderDrawsOnTheReserveAndNoFurther() public {
        _seed();
        // Spot beside the mean: minting at it loses a little at the references.
        trader.moveTo(startTick + 250);
        RebalanceOrder memory order = _widerOrder(200);
        uint256 left = vault.lossBudgetLeftWad();
        uint256 reserved = vault.reservedBudgetLeftWad();
        uint256 snapshot = vm.snapshotState();
        _rebalance(order);
        assertEq(vault.lossBudgetLeftWad(), left);
        uint256 drawn = reserved - vault.reservedBudgetLeftWad();
        vm.revertToState(snapshot);
        if (drawn == 0) return;
        vm.prank(curator);
        vault.configure("reservedBudgetBps", 0);
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(ErrorsLib.LossBudgetExhausted.selector, drawn, 0));
        vault.rebalance(order);
    }

    /// What is not wider, or holds more than before, is an ordinary move with all its bounds.
    function test_rebalance_notWiderIsOrdinary() public {
        _deposit(alice, _assets(1_000_000));
        _rebalance(_centredOrder(600, 0.3e18));
        RebalanceOrder memory order = _widerOrder(-10);
        vm.prank(operator);
        vm.expectPartialRevert(ErrorsLib.CooldownActive.selector);
        vault.rebalance(order);
        order = _widerOrder(10);
        vm.prank(operator);
        vm.expectPartialRevert(ErrorsLib.CooldownActive.selector);
        vault.rebalance(order);
        // Elsewhere is not wider, however little is put there.
        for (int24 by = -20; by <= 20; by += 40) {
            order = _widerOrder(0);
            order.ranges[0].lowerTick += by;
            order.ranges[0].upperTick += by;
            order.ranges[0].weightWad = 0.1e18;
            vm.prank(operator);
            vm.expectPartialRevert(ErrorsLib.CooldownActive.selector);
            vault.rebalance(order);
        }
        order = _widerOrder(200);
        order.ranges[0].weightWad = 0.2e18;
        order.swap.amountIn = 1;
        vm.prank(operator);
        vm.expectPartialRevert(ErrorsLib.CooldownActive.selector);
        vault.rebalance(order);
        order.swap.amountIn = 0;
        trader.moveTo(startTick + 400);
        vm.prank(operator);
        vm.expectRevert(ErrorsLib.NotCalm.selector);
        vault.rebalance(order);
    }

    /* REWARDS */

    function test_claimRewards_deliversToTheSkimReceiverOnly() public {
        _seed();
        MockToken reward = new MockToken("Reward", 18);
        MockRewardClaimer claimer = new MockRewardClaimer();
        address[] memory tokens = new address[](2);
        (tokens[0], tokens[1]) = (address(reward), address(token0));
        vm.expectRevert(ErrorsLib.ZeroAddress.selector);
        vault.claimRewards(tokens, "");
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, address(this)));
        vault.setRewardClaimer(address(claimer));
        vm.prank(curator);
        vault.setRewardClaimer(address(claimer));
        (uint256 idle0,) = vault.idle();
        (uint256 low,,,,) = vault.navStatus();
        vault.claimRewards(tokens, "");
        assertEq(reward.balanceOf(skimReceiver), 1e18);
        assertEq(token0.balanceOf(skimReceiver), 1e18, "a reward in a token of the pool is a reward");
        (uint256 later0,) = vault.idle();
        assertEq(later0, idle0);
        (uint256 lowLater,,,,) = vault.navStatus();
        assertEq(lowLater, low);
        // The claimer gets no way in.
        claimer.setCallBack(abi.encodeWithSignature("deposit(uint256,address)", 1, address(claimer)));
        vm.expectRevert(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        vault.claimRewards(tokens, "");
    }

    /* WHAT IT TELLS */

    function test_configurationChanged_isToldWithTheTimeOfItsEffect() public {
        bytes32 before = vault.configurationHash();
        vm.startPrank(curator);
        vm.recordLogs();
        vault.configure("noticeSeconds", 1 days);
        bytes32 noticed = vault.configurationHash();
        assertNotEq(noticed, before);
        vm.expectEmit(true, false, false, false, address(vault));
        emit EventsLib.ConfigurationChanged(noticed, 0, 0);
        vault.configure("lossBudgetBps", 400);
        assertEq(vault.configurationHash(), noticed, "announced only");
        skip(1 days);
        vm.recordLogs();
        vault.configure("lossBudgetBps", 400);
        bytes32 raised = vault.configurationHash();
        assertNotEq(raised, noticed);
        vm.stopPrank();
        vm.prank(owner);
        vm.expectEmit(true, false, false, false, address(vault));
        emit EventsLib.ConfigurationChanged(raised, 0, 0);
        vault.setGate(address(1));
    }

    function test_rebalance_tellsWhatItDrew() public {
        _deposit(alice, _assets(1_000_000));
        RebalanceOrder memory order = _centredOrder(600, 0.9e18);
        vm.expectEmit(true, false, false, false, address(vault));
        emit EventsLib.LossCharged(false, 0, 0);
        _rebalance(order);
    }

    /* QUOTES */

    /// Rule 27: each way pays what the quote says.
    function testFuzz_exitQuote_isWhatEachWayPays(uint256 part, int256 drift) public {
        _seed();
        trader.moveTo(startTick + int24(bound(drift, -200, 200)));
        uint256 shares = (vault.balanceOf(bob) * bound(part, 1, 100)) / 100;
        ExitQuote memory quote = lens.exitQuote(vault, shares);
        uint256 snapshot = vm.snapshotState();
        (uint256 amount0, uint256 amount1) = _inKind(bob, shares);
        assertApproxEqAbs(quote.inKind0, amount0, 2);
        assertApproxEqAbs(quote.inKind1, amount1, 2);
        vm.revertToState(snapshot);
        vm.startPrank(bob);
        if (quote.withoutSwap > 0) {
            assertEq(vault.redeem(shares, bob, bob), quote.withoutSwap);
            if (quote.idleNow > 0) assertEq(quote.withoutSwap, quote.idleNow);
        } else {
            assertLt(vault.maxRedeem(bob), shares);
        }
        vm.revertToState(snapshot);
        vm.startPrank(bob);
        assertApproxEqRel(vault.redeem(shares, bob, bob, 0), quote.withSwap, 0.02e18);
    }
}

contract LifecycleAssetToken1Test is LifecycleTests {}

contract LifecycleAssetToken0Test is LifecycleTests {
    function assetIsToken0() internal pure override returns (bool) {
        return true;
    }
}
