// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ErrorsLib} from "../../../vaults/libraries/ErrorsLib.sol";
import {InKindExit} from "../../../vaults/RangeVault.sol";
import {BaseTest} from "../../support/BaseTest.sol";
import {MockGate} from "../../support/mocks/MockGate.sol";

/// @notice Entry in kind; entry with the asset is in RangeVault.t.sol.
abstract contract EntryLibTests is BaseTest {
    address internal mallory = makeAddr("mallory");

    function _enterInKind(address who, uint256 max0, uint256 max1)
        internal
        returns (uint256 shares, uint256 amount0, uint256 amount1)
    {
        token0.mint(who, max0);
        token1.mint(who, max1);
        vm.startPrank(who);
        token0.approve(address(vault), max0);
        token1.approve(address(vault), max1);
        (shares, amount0, amount1) = vault.depositInKind(max0, max1, who, 0);
        vm.stopPrank();
    }

    /// @dev As much again as there is may come in within the window.
    function _seedWide() private {
        _seed();
        _configureAnywhere("inflowCapBps", 10_000);
    }

    /// Who came in kind may leave by price, so the window counts him too, and with him those who come with the asset.
    function test_depositInKind_isLimitedByTheInflowWindow() public {
        _seed();
        (uint256 total0, uint256 total1) = _holdings();
        uint256 most = vault.maxDeposit(mallory);
        token0.mint(mallory, total0);
        token1.mint(mallory, total1);
        vm.startPrank(mallory);
        token0.approve(address(vault), total0);
        token1.approve(address(vault), total1);
        vm.expectPartialRevert(ErrorsLib.AmountAboveMax.selector);
        vault.depositInKind(total0 / 10, total1 / 10, mallory, 0);
        vault.depositInKind(total0 / 25, total1 / 25, mallory, 0);
        vm.stopPrank();
        assertLt(vault.maxDeposit(mallory), most / 4);
        skip(600);
        assertGe(vault.maxDeposit(mallory), most);
    }

    function testFuzz_depositInKind_takesTheProportionAndDilutesNobody(uint256 max0, uint256 max1, int256 drift)
        public
    {
        _seedWide();
        trader.moveTo(startTick + int24(bound(drift, -250, 250)));
        (uint256 total0, uint256 total1) = _holdings();
        max0 = bound(max0, 1e12, (total0 * 9) / 10);
        max1 = bound(max1, 1e3, (total1 * 9) / 10);
        uint256 price = _lowPrice();
        uint256 supply = vault.effectiveSupply() + 1e6;
        (uint256 shares, uint256 amount0, uint256 amount1) = _enterInKind(mallory, max0, max1);
        assertLe(amount0, max0);
        assertLe(amount1, max1);
        assertEq(vault.balanceOf(mallory), shares);
        assertEq(token0.balanceOf(mallory), max0 - amount0);
        // Each leg at least its part, and the margin on top.
        assertGe(amount0 * supply, total0 * shares);
        assertGe(amount1 * supply, total1 * shares);
        assertApproxEqRel(amount0 * supply * 999, total0 * shares * 1000, 0.001e18, "10 bps of margin");
        assertGe(_lowPrice(), price, "diluted those who were there");
        (uint256 out0, uint256 out1) = _inKind(mallory, shares);
        assertLe(out0, amount0, "a round trip pays");
        assertLe(out1, amount1, "a round trip pays");
    }

    /// V1: whatever he does to spot in between, the way in kind and back pays nobody.
    function testFuzz_depositInKind_swapBeforeAndAfterGainsNothing(
        int256 before,
        int256 between,
        uint256 part,
        uint256 way
    ) public {
        _seedWide();
        (uint160 sqrtPriceX96,,,,,,) = pool.slot0();
        (int256 net0, int256 net1) = (-trader.spent0(), -trader.spent1());
        trader.moveTo(startTick + int24(bound(before, -240, 240)));
        (uint256 total0, uint256 total1) = _holdings();
        part = bound(part, 1, 80);
        uint256 max0 = (total0 * part) / 100 + 1;
        uint256 max1 = (total1 * part) / 100 + 1;
        (uint256 shares,,) = _enterInKind(mallory, max0, max1);
        (net0, net1) = (net0 + int256(max0), net1 + int256(max1));
        trader.moveTo(startTick + int24(bound(between, -240, 240)));
        vm.startPrank(mallory);
        if (way % 2 == 0) {
            uint256 most = vault.maxRedeem(mallory);
            if (most > 0) vault.redeem(most, mallory, mallory);
            shares = vault.balanceOf(mallory);
        }
        if (shares > 0) vault.redeemInKind(InKindExit(shares, mallory, mallory, mallory, 0, 0, false, false));
        vm.stopPrank();
        trader.moveToPrice(sqrtPriceX96);
        net0 = int256(token0.balanceOf(mallory)) - trader.spent0() - net0;
        net1 = int256(token1.balanceOf(mallory)) - trader.spent1() - net1;
        int256 plus = int256(_value(net0 > 0 ? uint256(net0) : 0, net1 > 0 ? uint256(net1) : 0, startTick));
        int256 minus = int256(_value(net0 < 0 ? uint256(-net0) : 0, net1 < 0 ? uint256(-net1) : 0, startTick));
        assertLe(plus, minus, "an outsider made a profit in one block");
    }

    /// The margin: idle money that comes in before a swap by others and leaves after it does not live off its fee.
    function test_depositInKind_justInTimeForASwapDoesNotPay() public {
        _seedWide();
        (uint256 total0, uint256 total1) = _holdings();
        (uint256 shares, uint256 amount0, uint256 amount1) = _enterInKind(mallory, (total0 * 9) / 10, (total1 * 9) / 10);
        uint256 paid = _value(amount0, amount1, startTick);
        // Somebody else trades through almost the whole range, and back later.
        trader.moveTo(startTick + 280);
        trader.moveTo(startTick);
        (uint256 out0, uint256 out1) = _inKind(mallory, shares);
        assertLe(_value(out0, out1, startTick), paid);
    }

    function test_depositInKind_isClosedWhenEntryIs() public {
        _deposit(alice, _assets(1000));
        MockGate gate = new MockGate();
        vm.prank(owner);
        vault.setGate(address(gate));
        vm.startPrank(mallory);
        vm.expectRevert(abi.encodeWithSelector(ErrorsLib.EntryRefusedByGate.selector, mallory, mallory));
        vault.depositInKind(1e18, 1e18, mallory, 0);
        vm.stopPrank();
        vm.prank(owner);
        vault.setGate(address(0));
        vm.prank(guardian);
        vault.pause(1 days);
        vm.prank(mallory);
        vm.expectRevert(abi.encodeWithSelector(ErrorsLib.Paused.selector, block.timestamp + 1 days));
        vault.depositInKind(1e18, 1e18, mallory, 0);
        vm.prank(curator);
        vault.unpause();
        trader.moveTo(startTick + 400);
        vm.prank(mallory);
        vm.expectRevert(ErrorsLib.NotCalm.selector);
        vault.depositInKind(1e18, 1e18, mallory, 0);
    }

    function test_depositInKind_needsAProportionAndHoldsItsLimits() public {
        vm.prank(mallory);
        vm.expectRevert(ErrorsLib.ProportionUnknown.selector);
        vault.depositInKind(1e18, 1e18, mallory, 0);
        _seedWide();
        vm.startPrank(mallory);
        vm.expectRevert(ErrorsLib.ZeroShares.selector);
        vault.depositInKind(0, type(uint256).max, mallory, 0);
        vm.stopPrank();
        (uint256 total0, uint256 total1) = _holdings();
        (total0, total1) = (total0 / 2, total1 / 2);
        uint256 snapshot = vm.snapshotState();
        (uint256 shares,,) = _enterInKind(mallory, total0, total1);
        vm.revertToState(snapshot);
        vm.startPrank(mallory);
        vm.expectRevert(abi.encodeWithSelector(ErrorsLib.AmountBelowMin.selector, shares, shares + 1));
        vault.depositInKind(total0, total1, mallory, shares + 1);
        vm.stopPrank();
        (,, uint256 highNav,,) = vault.navStatus();
        vm.prank(curator);
        vault.configure("depositCap", highNav + 1);
        vm.prank(mallory);
        vm.expectPartialRevert(ErrorsLib.AmountAboveMax.selector);
        vault.depositInKind(total0, total1, mallory, 0);
    }

    function test_depositInKind_refusesATokenThatTakesAFee() public {
        _seedWide();
        token0.setTransferFee(100);
        token0.mint(mallory, 1e18);
        token1.mint(mallory, 1e18);
        vm.startPrank(mallory);
        token0.approve(address(vault), 1e18);
        token1.approve(address(vault), 1e18);
        vm.expectPartialRevert(ErrorsLib.AssetReceivedNotSent.selector);
        vault.depositInKind(1e18, 1e18, mallory, 0);
    }
}

contract EntryLibAssetToken1Test is EntryLibTests {}

contract EntryLibAssetToken0Test is EntryLibTests {
    function assetIsToken0() internal pure override returns (bool) {
        return true;
    }
}
